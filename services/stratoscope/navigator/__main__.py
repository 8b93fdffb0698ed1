"""`python -m stratoscope.navigator`"""

from stratoscope.navigator.app import main

main()
