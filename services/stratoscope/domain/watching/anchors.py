"""What a record must show at a glance before a condition is worth judging.

An anchor is a leaf that can be told from the record itself: its type, index or depth, a path that
it changed, a time that its clock reached. A condition whose anchors all fail can't be hit there, so
an index of anchors finds the few conditions that a record could hit among thousands.
"""

from collections.abc import Sequence
from typing import assert_never

from stratoscope.domain.conditions.parts import (
    AllOf,
    AnyOf,
    AtDepth,
    AtIndex,
    Changed,
    Expressed,
    Not,
    OfType,
    Part,
    StateIs,
    TimeReached,
    leaves,
)
from stratoscope.domain.watching.armed import Armed

Anchor = OfType | AtIndex | AtDepth | Changed | TimeReached


def anchors(armed: Armed) -> tuple[Anchor, ...] | None:
    """One of these must fit a record that is hit; None where any record might be.

    What becomes true where it was not does so at a first record too, which is not an anchor.
    """
    watch = armed.watch
    if watch.judged != "state":
        return _of(watch.root)
    if armed.trigger == "level":
        return None
    times = (leaf for leaf in leaves(watch.root) if isinstance(leaf, TimeReached))
    return (*map(Changed, watch.paths), *times)


def _of(part: Part) -> tuple[Anchor, ...] | None:
    match part:
        case OfType() | AtIndex() | AtDepth() | Changed():
            return (part,)
        case AllOf(parts):
            found = [one for one in map(_of, parts) if one is not None]
            return min(found, key=_breadth, default=None)
        case AnyOf(parts):
            every = [_of(one) for one in parts]
            known = [one for one in every if one is not None]
            return sum(known, ()) if len(known) == len(every) else None
        case Not() | TimeReached() | StateIs() | Expressed():
            return None
        case _:
            assert_never(part)


def _breadth(found: Sequence[Anchor]) -> tuple[bool, int]:
    """The best anchor of several: a place in the timeline before a kind of record, and few."""
    return any(isinstance(one, OfType | Changed) for one in found), len(found)
