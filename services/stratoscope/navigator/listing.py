"""An agent's events as a list, page by page."""

import asyncio
from collections.abc import Sequence
from typing import Final

from stratoscope.navigator import cursors, filtering, spelling
from stratoscope.navigator.filtering import Stretch
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.spelling import Json
from stratoscope.store.timelines import EventRow
from stratoscope_contracts.looking import EventsListRequest

# Events that are spelled in one step.
_AT_ONCE: Final = 100


async def events_list(reading: Reading, request: EventsListRequest) -> Json:
    """A stretch of an agent's timeline, or what of it a condition picks."""
    stretch = await _stretch(reading, request)
    if request.where is not None:
        return await filtering.picked(reading, request, request.where, stretch)
    found = await reading.timelines.page_between(
        stretch.timeline,
        stretch.after,
        stretch.last,
        request.types,
        request.direction,
        request.limit,
    )
    page = await reading.events(found)
    return {
        "events": await _spelled(page),
        "cursor": cursors.spell(request, page[-1].event_index) if found.has_more else None,
        "horizon": spelling.horizon(stretch.timeline),
    }


async def _spelled(page: Sequence[EventRow]) -> list[Json]:
    spelled: list[Json] = []
    for begin in range(0, len(page), _AT_ONCE):
        if begin:
            # Requests of other spaces take their turns in between.
            await asyncio.sleep(0)
        spelled += map(spelling.listed_event, page[begin : begin + _AT_ONCE])
    return spelled


async def _stretch(reading: Reading, request: EventsListRequest) -> Stretch:
    key = cursors.number_in(request)
    timeline = await reading.timeline(request.agent)
    start, end = await reading.stretch(timeline, request.from_, request.to)
    stretch = Stretch(timeline, start.event_index, end.event_index)
    return stretch if key is None else stretch.behind(key, request.direction)
