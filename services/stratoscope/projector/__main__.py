"""`python -m stratoscope.projector`"""

import gc

# What is imported stays: looking through it again and again is a tenth of the start.
gc.disable()

from stratoscope.projector.app import main  # noqa: E402

gc.freeze()
gc.enable()
main()
