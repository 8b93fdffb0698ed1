"""How deep an event stands: the longest chain of causes before it in the log, itself included.

Only causes that stand earlier count, so depth is a function of the log's prefix: it is known once
and the same at every rebuild. Where a partition is projected apart from the others, a cause may
be missing only because it is not projected yet; then the depth is left open, and resolved in the
order of the log once all partitions have passed the event.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from stratoscope.domain.records import Cause, Known
from stratoscope.domain.timeline import Place


@dataclass(frozen=True, slots=True)
class Unresolved:
    """An event whose depth is open."""

    agent_id: int
    event_index: int
    place: Place
    space: str
    id: UUID
    causes: Sequence[UUID]


def depth_of(space: str, place: Place, causes: Iterable[UUID], known: Known) -> int | None:
    """One more than the deepest cause that stands earlier; None while one of them is open."""
    return standing(space, place, causes, known)[0]


def standing(
    space: str, place: Place, causes: Iterable[UUID], known: Known
) -> tuple[int | None, bool]:
    """An event's depth, and whether all its causes are known to stand earlier.

    Where they are not, one comes late, never, or is not seen yet.
    """
    deepest: int | None = 0
    is_closed = True
    for id_ in causes:
        cause = known.cause((space, id_))
        if cause is None or cause.place >= place:
            is_closed = False
            if cause is None and not known.complete:
                deepest = None
        elif deepest is not None:
            deepest = None if cause.depth is None else max(deepest, cause.depth)
    return None if deepest is None else deepest + 1, is_closed


def resolve(unresolved: Iterable[Unresolved], known: Known) -> list[tuple[int, int, int]]:
    """The depths of open events that come in the log's order: agent_id, event_index, depth.

    `known` has the causes' places and grows by what is resolved, for those that follow.
    """
    resolved: list[tuple[int, int, int]] = []
    for event in unresolved:
        depth = depth_of(event.space, event.place, event.causes, known)
        if depth is not None:
            resolved.append((event.agent_id, event.event_index, depth))
            _settle(known, event, Cause(event.place, depth))
    return resolved


def _settle(known: Known, event: Unresolved, cause: Cause) -> None:
    key = (event.space, event.id)
    before = known.causes.get(key)
    if before is None or before.place == event.place:
        known.causes[key] = cause
