"""What a line can go on with."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stratoscope.cli.conditions import WORDS
from stratoscope.cli.debug.commands import Command, Takes
from stratoscope.cli.debug.table import COMMANDS, find
from stratoscope.cli.faults import UsageFault
from stratoscope.domain import paths

_PATHS: Final = 2_000
_SIZES: Final = ("event", "snapshot")
_MOMENTS: Final = ("latest", "-1", "event:", "snapshot:", "seq:", "recorded:", "occurred:", ".")


@dataclass(frozen=True, slots=True)
class Known:
    """What can be named on a line."""

    paths: Sequence[str] = ()
    types: Sequence[str] = ()
    marks: Sequence[str] = ()
    agents: Sequence[str] = ()
    breakpoints: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A line up to where its last word begins, and that word."""

    command: Command | None
    before: Sequence[str]
    word: str


def unfinished(text: str) -> Unfinished:
    """A line as far as it is typed."""
    *before, word = text.lstrip().split(" ")
    before = [one for one in before if one]
    if not before:
        return Unfinished(None, (), word)
    try:
        return Unfinished(find(before[0]), before[1:], word)
    except UsageFault:
        return Unfinished(None, before, word)


def candidates(line: Unfinished, known: Known) -> list[str]:
    """What the last word can become, in the order in which it is offered."""
    if line.command is None:
        offered: Iterable[str] = () if line.before else (one.name for one in COMMANDS)
    else:
        offered = _offered(line.command.takes, line.before, known)
    return [one for one in dict.fromkeys(offered) if one.startswith(line.word)]


def paths_in(document: Any, most: int = _PATHS) -> list[str]:
    """The paths of a document, those near its root first."""
    found: list[str] = []
    waiting: deque[tuple[paths.Segments, Any]] = deque([((), document)])
    while waiting and len(found) < most:
        segments, value = waiting.popleft()
        if segments:
            found.append(paths.format(segments))
        waiting.extend(((*segments, name), inner) for name, inner in _inside(value))
    return found


def _offered(takes: Takes, before: Sequence[str], known: Known) -> Iterable[str]:
    match takes:
        case Takes.CONDITION:
            return _of_condition(before, known)
        case Takes.MOMENT:
            return (*known.marks, *_MOMENTS)
        case Takes.BREAKPOINT:
            return known.breakpoints
        case _:
            return () if before else _single(takes, known)


def _single(takes: Takes, known: Known) -> Iterable[str]:
    """For commands that take one such word."""
    match takes:
        case Takes.PATH:
            return known.paths
        case Takes.MARK:
            return known.marks
        case Takes.EVENT:
            return (f"{agent}:" for agent in known.agents)
        case Takes.SIZE:
            return _SIZES
        case Takes.COMMAND:
            return (one.name for one in COMMANDS)
        case Takes.TOPIC:
            return ("breakpoints",)
        case _:
            return ()


def _of_condition(before: Sequence[str], known: Known) -> Iterable[str]:
    match before:
        case []:
            return (*WORDS, *known.paths)
        case ["type"]:
            return known.types
        case ["change"]:
            return known.paths
        case ["when", *_]:
            return (*(f"state.{path}" for path in known.paths), "event.type", "event.data")
        case _:
            return ()


def _inside(value: Any) -> Iterator[tuple[paths.Segment, Any]]:
    if isinstance(value, Mapping):
        yield from ((str(name), inner) for name, inner in value.items())
    elif isinstance(value, list):
        yield from enumerate(value)
