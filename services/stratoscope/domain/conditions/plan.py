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

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
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
from stratoscope.domain.fields import in_index
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
        return Sources(
            paths=frozenset(map(in_index, watch.paths)), reached=frozenset(times), first=True
        )
    return _support(watch.root, wanted=True)


def together(several: Iterable[Sources]) -> Sources:
    """Where any of some conditions can be hit."""
    return _any([*several])


def _support(part: Part, *, wanted: bool) -> Sources:
    """Where a part can be what is wanted: true, or false."""
    match part:
        case AllOf(parts):
            some = [_support(one, wanted=wanted) for one in parts]
            return _all(some) if wanted else _any(some)
        case AnyOf(parts):
            some = [_support(one, wanted=wanted) for one in parts]
            return _any(some) if wanted else _all(some)
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
            return Sources(paths=frozenset((in_index(path),)))
        case Expressed(expression):
            if "event" in expression.variables:
                return Sources(expressions=frozenset((expression,)))
            return EVERYTHING
        case StateIs() | TimeReached():
            return EVERYTHING
        case _:
            assert_never(leaf)


def _any(some: Sequence[Sources]) -> Sources:
    since = [one.since for one in some if one.since]
    until = [one.until for one in some if one.until]
    return Sources(
        any(one.everything for one in some),
        frozenset().union(*(one.types for one in some)),
        frozenset().union(*(one.indexes for one in some)),
        frozenset().union(*(one.depths for one in some)),
        frozenset().union(*(one.paths for one in some)),
        frozenset().union(*(one.expressions for one in some)),
        frozenset().union(*(one.reached for one in some)),
        any(one.first for one in some),
        min(since) if len(since) == len(some) else None,
        max(until) if len(until) == len(some) else None,
    )


def _all(some: Sequence[Sources]) -> Sources:
    """The narrowest of them, within the times of all."""
    since = max((one.since for one in some if one.since), default=None)
    until = min((one.until for one in some if one.until), default=None)
    return replace(min(some, key=_width), since=since, until=until)


def _width(one: Sources) -> tuple[int, ...]:
    """How much there is to look at, from what mostly is the most."""
    unbound = sum(types_in(each.source) is None for each in one.expressions)
    some = (len(one.types), len(one.expressions), len(one.depths), len(one.paths), len(one.indexes))
    return (one.everything, unbound, *some)
