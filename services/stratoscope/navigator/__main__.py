"""`python -m stratoscope.navigator`"""

import gc

# What is imported stays: looking through it again and again is a tenth of the start.
gc.disable()

from stratoscope.navigator.app import main  # noqa: E402

gc.freeze()
gc.enable()
main()
