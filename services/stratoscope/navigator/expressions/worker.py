"""The process in which expressions are evaluated; a program that knows nothing of the rest.

CEL holds the interpreter while it evaluates, and nothing in here can stop it: who started this
process kills it. Frames come on stdin and answers go to stdout, each a length of four bytes and
JSON:

    asked      {"source", "tree", "ranges", "seconds", "states": […], "documents": [[event, n], …]}
    answered   {"refused": null | position}, then {"verdicts": "10s…", "last": false | true}: as
               many as there are documents, or fewer where time ran out between two of them

`tree` is what the expression looks at, as nested objects with null where all below is wanted; n is
a state's number or null.
"""

import contextlib
import functools
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any, BinaryIO, Final

import orjson

# The package brings a command line of its own along, and importing that takes longer than all else.
sys.modules["cel.cli"] = ModuleType("cel.cli")

import cel  # noqa: E402

MAX_ELEMENTS: Final = 1000
HOLDS, FAILS, STOPPED = "1", "0", "s"
_MEMORY_BYTES: Final = 2 << 30
_TELL_SECONDS: Final = 0.02
_PROGRAMS: Final = 256
_PLACE: Final = re.compile(r"<input>:(\d+):(\d+)")
_ABSENT: Final = object()


@functools.lru_cache(_PROGRAMS)
def compiled(source: str) -> cel.Program | int:
    """The program, or the character at which the source is no CEL."""
    try:
        return cel.compile(source)
    except BaseException as error:
        return _character(source, str(error))


def _character(source: str, said: str) -> int:
    found = _PLACE.search(said)
    if found is None:
        return 0
    line, column = int(found[1]), int(found[2])
    before = source.split("\n")[: line - 1]
    return min(sum(len(one) + 1 for one in before) + column - 1, len(source))


def part_of(document: Any, tree: dict[str, Any] | None) -> Any:
    """A document with nothing in it but what the tree names."""
    if tree is None or not isinstance(document, dict):
        return document
    return {key: part_of(document[key], below) for key, below in tree.items() if key in document}


def is_too_long(context: dict[str, Any], path: Sequence[str]) -> bool:
    """Whether a macro would run over more elements than it may."""
    value: Any = context
    for key in path:
        value = value.get(key, _ABSENT) if isinstance(value, dict) else _ABSENT
    return isinstance(value, list | dict) and len(value) > MAX_ELEMENTS


def verdict(program: cel.Program, context: dict[str, Any], ranges: Sequence[Sequence[str]]) -> str:
    """Whether an expression holds; what can't be evaluated does not."""
    if ranges and any(is_too_long(context, path) for path in ranges):
        return STOPPED
    try:
        return HOLDS if program.execute(context) is True else FAILS
    except MemoryError:
        return STOPPED
    except BaseException:
        # A panic in Rust is no Exception; a missing key or a misfit of types is one.
        return FAILS


def contexts(asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What each document gives an expression to see."""
    tree = asked["tree"]
    of_event, of_state = tree.get("event"), tree.get("state")
    states = [part_of(state, of_state) for state in asked["states"]]
    for event, number in asked["documents"]:
        context = {} if number is None else {"state": states[number]}
        if event is not None:
            context["event"] = part_of(event, of_event)
        yield context


def answers(asked: dict[str, Any], now: Any = time.monotonic) -> Iterator[dict[str, Any]]:
    """The frames that answer one; each document but the first is begun only in time."""
    program = compiled(asked["source"])
    if isinstance(program, int):
        yield {"refused": program}
        return
    yield {"refused": None}
    told = now()
    deadline = told + asked["seconds"]
    found: list[str] = []
    for index, context in enumerate(contexts(asked)):
        at = now()
        if index and at > deadline:
            break
        if found and at > told + _TELL_SECONDS:
            yield {"verdicts": "".join(found), "last": False}
            found, told = [], at
        found.append(verdict(program, context, asked["ranges"]))
    yield {"verdicts": "".join(found), "last": True}


def serve(read: BinaryIO, write: BinaryIO) -> None:
    """Answer frames until there are no more."""
    while len(head := read.read(4)) == 4:
        asked = orjson.loads(read.read(int.from_bytes(head, "big")))
        # A parent that is gone can't kill: the alarm ends the process, whatever it is doing.
        signal.setitimer(signal.ITIMER_REAL, asked["seconds"] + 5)
        for answer in answers(asked):
            body = orjson.dumps(answer)
            write.write(len(body).to_bytes(4, "big") + body)
            write.flush()
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
