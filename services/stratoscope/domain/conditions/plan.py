"""Where in a timeline a condition can be hit: what narrows a search before anything is judged.

A plan names sources of candidates: events of some types, at some indexes or depths, those at which
an expression holds, versions that touch some paths, or everything. Together they hold every record
at which the condition can be hit, and mostly few others; the evaluator decides. The plan of a part
is a superset of where it can be true, so all of several are within any one of them (the narrowest
is taken), any of several within their union, and a `not` is pushed down to the leaves first, of
which only one about time says anything when it is turned round.

A condition on what lasts is hit where it becomes true, and can do so only at a version that touches
what it looks at, at the first record past a time that it names, or at the first record of all.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from typing import assert_never

from stratoscope.domain.conditions.parts import (
    AllOf,
    AnyOf,
    AtDepth,
    AtIndex,
    Changed,
    Expressed,
    Leaf,
    Not,
    OfType,
    Part,
    StateIs,
    TimeReached,
    leaves,
)
from stratoscope.domain.conditions.watch import Watch
from stratoscope.domain.expressions.narrowing import types_in
from stratoscope.domain.expressions.rules import Expression
from stratoscope.domain.paths import Segments


@dataclass(frozen=True, slots=True)
class Sources:
    """Where candidates come from, all of these together.

    `since` and `until` bound them all: records whose clock has reached the one, and not the other.
    `reached` are times whose first record is a candidate, `first` has the timeline's first one.
    """

    everything: bool = False
    types: frozenset[str] = frozenset()
    indexes: frozenset[int] = frozenset()
    depths: frozenset[int] = frozenset()
    paths: frozenset[Segments] = frozenset()
    expressions: frozenset[Expression] = frozenset()
    reached: frozenset[datetime] = frozenset()
    first: bool = False
    since: datetime | None = None
    until: datetime | None = None


EVERYTHING = Sources(everything=True)


def sources(watch: Watch) -> Sources:
    """Where a condition can be hit; by `level`, where its truth can change."""
    if watch.judged == "state":
        times = (leaf.time for leaf in leaves(watch.root) if isinstance(leaf, TimeReached))
        return Sources(paths=frozenset(watch.paths), reached=frozenset(times), first=True)
    return _support(watch.root, wanted=True)


def together(several: Iterable[Sources]) -> Sources:
    """Where any of some conditions can be hit."""
    return reduce(_either, several)


def _support(part: Part, *, wanted: bool) -> Sources:
    """Where a part can be what is wanted: true, or false."""
    match part:
        case AllOf(parts):
            join = _both if wanted else _either
            return reduce(join, (_support(one, wanted=wanted) for one in parts))
        case AnyOf(parts):
            join = _either if wanted else _both
            return reduce(join, (_support(one, wanted=wanted) for one in parts))
        case Not(one):
            return _support(one, wanted=not wanted)
        case TimeReached(time):
            return replace(EVERYTHING, since=time) if wanted else replace(EVERYTHING, until=time)
        case _:
            return _of_leaf(part) if wanted else EVERYTHING


def _of_leaf(leaf: Leaf) -> Sources:
    match leaf:
        case AtIndex(index):
            return Sources(indexes=frozenset((index,)))
        case OfType(type):
            return Sources(types=frozenset((type,)))
        case AtDepth(depth):
            return Sources(depths=frozenset((depth,)))
        case Changed(path):
            return Sources(paths=frozenset((path,)))
        case Expressed(expression):
            if "event" in expression.variables:
                return Sources(expressions=frozenset((expression,)))
            return EVERYTHING
        case StateIs() | TimeReached():
            return EVERYTHING
        case _:
            assert_never(leaf)


def _either(one: Sources, other: Sources) -> Sources:
    return Sources(
        one.everything or other.everything,
        one.types | other.types,
        one.indexes | other.indexes,
        one.depths | other.depths,
        one.paths | other.paths,
        one.expressions | other.expressions,
        one.reached | other.reached,
        one.first or other.first,
        min(one.since, other.since) if one.since and other.since else None,
        max(one.until, other.until) if one.until and other.until else None,
    )


def _both(one: Sources, other: Sources) -> Sources:
    """The narrower of two, within the times of both."""
    since = max((time for time in (one.since, other.since) if time), default=None)
    until = min((time for time in (one.until, other.until) if time), default=None)
    return replace(min(one, other, key=_width), since=since, until=until)


def _width(one: Sources) -> tuple[int, ...]:
    """How much there is to look at, from what mostly is the most."""
    unbound = sum(types_in(each.source) is None for each in one.expressions)
    some = (len(one.types), len(one.expressions), len(one.depths), len(one.paths), len(one.indexes))
    return (one.everything, unbound, *some)
