"""`python -m stratoscope.projector`"""

from stratoscope.projector.app import main

main()
