"""Path patterns: which places of a document somebody means.

A pattern is a path in which `*` stands for any one segment and `**` for any number of them, none
included; `items[*].id` and `**.id` are patterns, and every path is one. In brackets and quotes a
star is a key like any other, and so it is in a JSON pointer. A pattern covers what it matches and
all that lies below.

A document is walked from its root with the patterns beside it: a state is the set of places that
the patterns have reached, and a step along a segment gives the next. Whether a pattern may still
match below is then known at every container, so most of a document is never looked into.
"""

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Final

from stratoscope.domain.paths import PathSyntaxError, Segment, Segments, parse


class Wild(Enum):
    """What stands for other segments."""

    ONE = "*"
    ANY = "**"


Pattern = tuple[Segment | Wild, ...]
# Which pattern, and how many of its segments are behind.
State = frozenset[tuple[int, int]]

_TOKEN: Final = re.compile(
    r"""\[(?:\*\*?|\d+|"(?:[^"\\]|\\.)*")\]  # [*], [3], ["a.b"]
    |   \.?[^.\[\]"]+                        # .name""",
    re.VERBOSE,
)
_WILD: Final = {"*": Wild.ONE, "**": Wild.ANY}


def parse_pattern(text: str) -> Pattern:
    """Reads a pattern; raises PathSyntaxError."""
    if text.startswith("/"):
        return parse(text)
    if "*" not in text:
        return parse(text)
    return tuple(_segments(text))


def _segments(text: str) -> Iterator[Segment | Wild]:
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        # A dot stands between a name and what is before it, and nowhere else.
        if found is None or (found[0][0] != "[" and (found[0][0] == ".") is (position == 0)):
            raise PathSyntaxError(text, position, "expected a name, '*' or '['")
        position = found.end()
        named = found[0].removeprefix(".")
        wild = _WILD.get(named.strip("[]"))
        if wild is not None:
            yield wild
        else:
            yield from parse(named)


class Places:
    """The places that patterns cover."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self.texts = tuple(patterns)
        self._patterns = tuple(map(parse_pattern, self.texts))
        self._steps: dict[tuple[State, Segment], State] = {}
        self.start: State = self._reached((number, 0) for number in range(len(self._patterns)))

    def step(self, state: State, segment: Segment) -> State:
        """What the patterns reach along a segment; empty where none can match any more."""
        found = self._steps.get((state, segment))
        if found is None:
            found = self._reached(self._stepped(state, segment))
            self._steps[state, segment] = found
        return found

    def covers(self, state: State) -> bool:
        """Whether a pattern has matched."""
        return any(done == len(self._patterns[number]) for number, done in state)

    def cover(self, path: Segments) -> bool:
        """Whether a path is at or below a place that is meant."""
        state = self.start
        for segment in path:
            if self.covers(state):
                return True
            state = self.step(state, segment)
        return self.covers(state)

    def _stepped(self, state: State, segment: Segment) -> Iterator[tuple[int, int]]:
        for number, done in state:
            if done == len(self._patterns[number]):
                continue
            wanted = self._patterns[number][done]
            if wanted is Wild.ANY:
                yield number, done
            # A pointer's token may be an index.
            elif wanted is Wild.ONE or wanted == segment or wanted == str(segment):
                yield number, done + 1

    def _reached(self, places: Iterable[tuple[int, int]]) -> State:
        """These, and those behind a `**` that stands for nothing."""
        reached = set()
        for number, done in places:
            pattern = self._patterns[number]
            reached.add((number, done))
            while done < len(pattern) and pattern[done] is Wild.ANY:
                done += 1
                reached.add((number, done))
        return frozenset(reached)
