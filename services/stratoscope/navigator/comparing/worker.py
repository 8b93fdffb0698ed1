"""The process in which long comparisons are made; it knows of no broker and no database."""

import contextlib
import signal
import sys
import traceback
from typing import BinaryIO, Final

from stratoscope.domain.comparison.unordered import TooManyPasses
from stratoscope.domain.delta import DamagedChain
from stratoscope.navigator.comparing.frames import BROKEN, DAMAGED, DONE, FAILED, TOO_MUCH, read
from stratoscope.navigator.comparing.jobs import perform

_MEMORY_BYTES: Final = 4 << 30
# A parent that is gone can't kill: the alarm ends the process, whatever it is doing.
_ALARM_SECONDS: Final = 30


def answer(frame: bytes) -> bytes:
    """The frame that answers one."""
    try:
        return DONE + perform(*read(frame))
    except TooManyPasses:
        return FAILED + TOO_MUCH
    except DamagedChain:
        return FAILED + DAMAGED
    except Exception:
        return FAILED + BROKEN + b" " + traceback.format_exc(limit=-5).encode()


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer frames until there are no more."""
    while len(head := source.read(4)) == 4:
        frame = source.read(int.from_bytes(head, "big"))
        signal.setitimer(signal.ITIMER_REAL, _ALARM_SECONDS)
        body = answer(frame)
        sink.write(len(body).to_bytes(4, "big") + body)
        sink.flush()
        signal.setitimer(signal.ITIMER_REAL, 0)


def main() -> None:
    """Be a worker until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    with contextlib.suppress(BrokenPipeError):
        serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
