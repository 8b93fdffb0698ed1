"""Whether a condition holds at a record, and whether that is a hit.

Truth first: every part is true or false of one record, and `all_of`, `any_of` and `not` join
truths as anywhere. What can't be said (a path that is not there, types that do not fit, a depth
that is not known yet) is false, and its `not` therefore true. Only then comes what is a hit, by
`Watch.judged`, for the condition as a whole: parts have no hits of their own.

The truth of an expression is found out elsewhere and handed in, by source; one that is missing
there counts as no match.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, assert_never

from stratoscope.domain import paths
from stratoscope.domain.conditions.operators import compares
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
)
from stratoscope.domain.conditions.seen import Seen
from stratoscope.domain.conditions.watch import Watch
from stratoscope.domain.equality import equal
from stratoscope.domain.paths import Segments
from stratoscope_contracts.breakpoints import Trigger

Truths = Mapping[str, bool]
NO_TRUTHS: Final[Truths] = MappingProxyType({})


def is_hit(
    watch: Watch,
    seen: Seen,
    truths: Truths = NO_TRUTHS,
    truths_before: Truths = NO_TRUTHS,
    trigger: Trigger = "edge",
) -> bool:
    """Whether a condition is hit at a record.

    `truths_before` are those of the expressions over the state before it; only a condition that
    is judged by `state` has a use for them.
    """
    match watch.judged:
        case "event":
            return seen.is_event and holds(watch.root, seen, truths)
        case "record":
            return holds(watch.root, seen, truths)
        case "state":
            if not holds(watch.root, seen, truths):
                return False
            return trigger == "level" or not held(watch, seen, truths_before)
        case _:
            assert_never(watch.judged)


def held(watch: Watch, seen: Seen, truths_before: Truths = NO_TRUTHS) -> bool:
    """Whether a condition on what lasts held right before a record; before the first it did not."""
    if seen.before is None:
        return False
    before = Seen(seen.place, seen.event_index, seen.before.clock, state=seen.before.state)
    return holds(watch.root, before, truths_before)


def holds_at(watch: Watch, seen: Seen, truths: Truths = NO_TRUTHS) -> bool:
    """Whether a condition holds at a position: `seen` is the record passed last.

    Its event is the one passed last, also where a snapshot stands behind that; a depth is reached
    from n on.
    """
    return holds(watch.root, seen, truths, deep=True)


def holds(part: Part, seen: Seen, truths: Truths, *, deep: bool = False) -> bool:
    """Whether a part is true of a record; `deep` takes any depth from the one named on."""
    match part:
        case AllOf(parts):
            return all(holds(one, seen, truths, deep=deep) for one in parts)
        case AnyOf(parts):
            return any(holds(one, seen, truths, deep=deep) for one in parts)
        case Not(one):
            return not holds(one, seen, truths, deep=deep)
        case _:
            return _leaf_holds(part, seen, truths, deep=deep)


def _leaf_holds(leaf: Leaf, seen: Seen, truths: Truths, *, deep: bool) -> bool:
    match leaf:
        case TimeReached(time):
            return seen.clock is not None and seen.clock >= time
        case AtIndex(index):
            return seen.event_index == index
        case OfType(type):
            return seen.type == type
        case AtDepth(depth):
            known = seen.depth
            return known is not None and (known >= depth if deep else known == depth)
        case StateIs(path, op, value):
            return compares(op, paths.get(seen.state(), path), value)
        case Changed(path):
            return changed(seen, path)
        case Expressed(expression):
            return truths.get(expression.source, False)
        case _:
            assert_never(leaf)


def changed(seen: Seen, path: Segments) -> bool:
    """Whether a record changed what stands at a path or below; before the first it was nothing."""
    if not seen.sets_state:
        return False
    old: object = {} if seen.before is None else seen.before.state()
    return not equal(paths.get(old, path), paths.get(seen.state(), path))
