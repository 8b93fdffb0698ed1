"""An agent's events as a list, page by page."""

from stratoscope.navigator import cursors, filtering, spelling
from stratoscope.navigator.filtering import Stretch
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.spelling import Json
from stratoscope_contracts.looking import EventsListRequest


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
        "events": [spelling.listed_event(row) for row in page],
        "cursor": cursors.spell(request, page[-1].event_index) if found.has_more else None,
        "horizon": spelling.horizon(stretch.timeline),
    }


async def _stretch(reading: Reading, request: EventsListRequest) -> Stretch:
    key = cursors.number_in(request)
    timeline = await reading.timeline(request.agent)
    start, end = await reading.stretch(timeline, request.from_, request.to)
    stretch = Stretch(timeline, start.event_index, end.event_index)
    return stretch if key is None else stretch.behind(key, request.direction)
