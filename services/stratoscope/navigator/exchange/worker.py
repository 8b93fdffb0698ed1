"""The process that reads exports: a program that knows neither broker nor database.

What it reads is a stranger's, it takes a processor for as long as it reads, and it can be killed.
Frames come on stdin and answers go to stdout, each a length of four bytes and so many bytes: the
first of an answer says what it is.

    {"do":"survey","file","entry_bytes","all_bytes","limit"}
        p JSON of the bytes read so far, several; then t the texts of the survey, several, and
        s the rest of it as JSON; or d {"what","where"}
    {"do":"records","import_id"}
        b batches as `publishing` has them, several; then e
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import IO, Any, BinaryIO, Final
from uuid import UUID

import orjson

from stratoscope.domain.exchange.checking import Survey
from stratoscope.domain.exchange.damage import Damaged
from stratoscope.navigator.exchange.batching import batches, framed
from stratoscope.navigator.exchange.formats.entries import Bounds
from stratoscope.navigator.exchange.surveying import spelled, surveying, told_texts

PROGRESS, TEXT, SURVEY, DAMAGE, BATCH, END = b"p", b"t", b"s", b"d", b"b", b"e"
_MEMORY_BYTES: Final = 1 << 30
# Whoever steps through a timeline goes first.
_NICE: Final = 5


class Reader:
    """The export that is being read."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._bounds = Bounds()
        self._survey = Survey()
        self._limit = 0

    def answers(self, asked: dict[str, Any]) -> Iterator[bytes]:
        """What is said to a frame."""
        if asked["do"] == "survey":
            yield from self._look_through(asked)
        else:
            yield from self._records(UUID(asked["import_id"]))

    def _look_through(self, asked: dict[str, Any]) -> Iterator[bytes]:
        self._bounds = Bounds(asked["entry_bytes"], asked["all_bytes"])
        self._limit = asked["limit"]
        if self._file is not None:
            self._file.close()
        self._file = open(asked["file"], "rb")  # noqa: SIM115 - read again for the records
        try:
            for found in surveying(self._file, self._bounds, self._limit):
                if isinstance(found, int):
                    yield PROGRESS + orjson.dumps(found)
                else:
                    self._survey = found
                    yield from (TEXT + text for text in told_texts(found))
                    yield SURVEY + spelled(found)
        except Damaged as damage:
            yield DAMAGE + orjson.dumps({"what": damage.what, "where": damage.where})
        except MemoryError:
            yield DAMAGE + orjson.dumps({"what": "it takes too much memory to read", "where": ""})

    def _records(self, import_id: UUID) -> Iterator[bytes]:
        assert self._file is not None
        ids = self._survey.ids
        for batch in batches(self._file, self._bounds, ids, import_id, self._limit):
            yield BATCH + framed(batch, self._limit)
        yield END


def serve(read: BinaryIO, write: BinaryIO) -> None:
    """Answer frames until there are no more."""
    reader = Reader()
    while len(head := read.read(4)) == 4:
        asked = orjson.loads(read.read(int.from_bytes(head, "big")))
        for answer in reader.answers(asked):
            write.write(len(answer).to_bytes(4, "big"))
            write.write(answer)
            write.flush()


def main() -> None:
    """Be a worker until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    with contextlib.suppress(BrokenPipeError):
        serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
