"""A condition, read: what it is made of, what it looks at, and when it is judged.

    event     It looks at the event, even in part: judged at each event, hit where it holds.
    record    It looks at what a record changed, and at no event: judged at each record, hit where
              it holds.
    state     It looks at nothing but the state and the clock, which last: judged at each record,
              hit where it becomes true (false before the first), or, by level, where it is true.

Only an expression that names `event` looks at the event; one that names neither lasts.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, assert_never

from stratoscope.domain.conditions.parts import (
    AtDepth,
    AtIndex,
    Changed,
    Expressed,
    Leaf,
    OfType,
    Part,
    StateIs,
    TimeReached,
    leaves,
)
from stratoscope.domain.expressions.rules import Expression
from stratoscope.domain.paths import Segments

Judged = Literal["event", "record", "state"]
Need = Literal["event", "state", "changes", "depth", "clock"]


@dataclass(frozen=True)
class Watch:
    """A condition that can be judged."""

    root: Part

    @cached_property
    def judged(self) -> Judged:
        """At which records it is judged, and what of that is a hit."""
        if "event" in self.needs:
            return "event"
        return "record" if "changes" in self.needs else "state"

    @cached_property
    def needs(self) -> frozenset[Need]:
        """What it looks at."""
        return frozenset(need for leaf in leaves(self.root) for need in _needs(leaf))

    @cached_property
    def reads_state(self) -> bool:
        """Whether it looks into states itself; expressions do so where they are evaluated."""
        return any(isinstance(leaf, StateIs | Changed) for leaf in leaves(self.root))

    @cached_property
    def paths(self) -> tuple[Segments, ...]:
        """The paths of the state that it depends on; the root stands for all."""
        found = (path for leaf in leaves(self.root) for path in _paths(leaf))
        return tuple(dict.fromkeys(found))

    @cached_property
    def expressions(self) -> tuple[Expression, ...]:
        """Those whose truth is to be found out elsewhere, each once."""
        found = (leaf.expression for leaf in leaves(self.root) if isinstance(leaf, Expressed))
        return tuple(dict.fromkeys(found))


def _needs(leaf: Leaf) -> tuple[Need, ...]:
    match leaf:
        case TimeReached():
            return ("clock",)
        case AtIndex() | OfType():
            return ("event",)
        case AtDepth():
            return ("event", "depth")
        case StateIs():
            return ("state",)
        case Changed():
            return ("changes",)
        case Expressed(expression):
            # What names the whole event names its depth.
            deep = any(path in (("event",), ("event", "depth")) for path in expression.paths)
            found = tuple(need for need in ("event", "state") if need in expression.variables)
            return (*found, "depth") if deep else found
        case _:
            assert_never(leaf)


def _paths(leaf: Leaf) -> tuple[Segments, ...]:
    match leaf:
        case StateIs(path=path) | Changed(path=path):
            return (path,)
        case Expressed(expression):
            return tuple(path[1:] for path in expression.paths if path[0] == "state")
        case TimeReached() | AtIndex() | OfType() | AtDepth():
            return ()
        case _:
            assert_never(leaf)
