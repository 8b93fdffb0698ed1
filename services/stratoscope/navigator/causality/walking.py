"""What every walk along causes is held to, and how its events are told."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar
from uuid import UUID

from stratoscope.navigator import spelling
from stratoscope.navigator.document_budget import claim, cost_of_events
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.spelling import Json
from stratoscope.store.causes import Neighbourhood
from stratoscope.store.graphs import Graphs, Placed
from stratoscope.store.timelines import EventRow
from stratoscope_contracts.errors import EventNotFound, OverBudget

MAX_NODES: Final = 100_000
SECONDS: Final = 10.0
# About what a walk costs for one node, beside going through bytes.
NODE_BYTES: Final = 512
_PAGE: Final = 500
_REPLY_BYTES: Final = 64 << 20
Walked = TypeVar("Walked")


async def in_time(walk: Awaitable[Walked]) -> Walked:
    """What a walk finds; OverBudget where it takes too long."""
    try:
        async with asyncio.timeout(SECONDS):
            return await walk
    except TimeoutError as error:
        raise OverBudget(
            f"the causes could not be followed within {SECONDS:g} s", {"seconds": SECONDS}
        ) from error


async def all_around(
    reading: Reading,
    event_id: UUID,
    walk: Callable[[str, UUID, int], Awaitable[Neighbourhood]],
    what: str,
) -> Neighbourhood:
    """Everything on one side of an event. Raises EventNotFound, and OverBudget for too many."""
    found = await in_time(walk(reading.space, event_id, MAX_NODES + 1))
    await check_found(reading, found, event_id)
    if len(found.nodes) > MAX_NODES:
        raise OverBudget(f"more than {MAX_NODES} events {what}", {"nodes": len(found.nodes)})
    return found


async def placed(reading: Reading, event_id: UUID) -> Placed:
    """Where an event stands. Raises EventNotFound."""
    found = await Graphs(reading.session).find(reading.space, event_id)
    if found is None:
        raise await _not_found(reading, event_id)
    return found


async def check_found(reading: Reading, found: Neighbourhood, event_id: UUID) -> None:
    """Raise EventNotFound where a walk did not find what it starts from."""
    if str(event_id) not in found.nodes:
        raise await _not_found(reading, event_id)


async def _not_found(reading: Reading, event_id: UUID) -> EventNotFound:
    return EventNotFound(
        f"there is no event with the id {event_id}{await reading.gone()}",
        {"event_id": str(event_id)},
    )


async def rows_at(reading: Reading, places: Sequence[tuple[int, int]]) -> list[EventRow]:
    """Events by agent and index, so long as they fit into memory: a walk has no pages."""
    size = await reading.timelines.size_of(places)
    check_size(size, len(places))
    await claim(cost_of_events(size))
    found: list[EventRow] = []
    for start in range(0, len(places), _PAGE):
        found += await reading.timelines.events(places[start : start + _PAGE])
    return found


async def events(reading: Reading, places: Sequence[tuple[int, int]]) -> list[Json]:
    """The same, as they are replied."""
    return [spelling.listed_event(row) for row in await rows_at(reading, places)]


def check_size(size: int, events: int) -> None:
    """Raise OverBudget where so many events hold more than a reply may."""
    if size > _REPLY_BYTES:
        raise OverBudget(
            f"{events} events hold more than {_REPLY_BYTES >> 20} MiB", {"events": events}
        )
