"""A projector that kills itself: armed_projector.py <point> <the how manieth time>."""

import os
import signal
import sys
from itertools import count

from stratoscope.projector.app import main

point, deadly = sys.argv[1], int(sys.argv[2])
times = count(1)


def reached(name: str) -> None:
    """End the process without a word, as a crash does."""
    if name == point and next(times) == deadly:
        os.kill(os.getpid(), signal.SIGKILL)


main(reached)
