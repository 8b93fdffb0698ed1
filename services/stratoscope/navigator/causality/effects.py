"""What an event led to, page by page in the order of the log."""

from bisect import bisect_right

from stratoscope.domain.causality.graphs import effects_of, levels
from stratoscope.domain.causality.nodes import Place
from stratoscope.navigator import cursors
from stratoscope.navigator.causality import walking
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.spelling import Json
from stratoscope.navigator.threads import work_on
from stratoscope.store.causes import Neighbourhood
from stratoscope.store.graphs import Graphs, Placed
from stratoscope_contracts.causes import CausalityEffectsRequest

_FIRST: Place = (0, -1)


async def effects(reading: Reading, request: CausalityEffectsRequest) -> Json:
    """A page of what an event led to, so many steps on."""
    behind = cursors.place_in(request) or _FIRST
    page = await (
        _next(reading, request, behind)
        if request.max_depth == 1
        else _within(reading, request, behind)
    )
    more = len(page) > request.limit
    page = page[: request.limit]
    return {
        "events": await walking.events(
            reading, [(each.agent_id, each.event_index) for each in page]
        ),
        "cursor": cursors.spell(request, [*page[-1].place]) if more else None,
    }


async def _next(reading: Reading, request: CausalityEffectsRequest, behind: Place) -> list[Placed]:
    """Those that name the event itself: an index has them."""
    await walking.placed(reading, request.event_id)
    return await Graphs(reading.session).effects_page(
        reading.space, request.event_id, behind, request.limit + 1
    )


async def _within(
    reading: Reading, request: CausalityEffectsRequest, behind: Place
) -> list[Placed]:
    found = await walking.all_around(
        reading, request.event_id, Graphs(reading.session).effects, "came of this one"
    )
    reached = await work_on(
        len(found.nodes) * walking.NODE_BYTES,
        _reached,
        found,
        str(request.event_id),
        request.max_depth,
    )
    start = bisect_right(reached, behind, key=lambda placed: placed.place)
    return reached[start : start + request.limit + 1]


def _reached(found: Neighbourhood, event_id: str, max_depth: int) -> list[Placed]:
    """What is at most so many steps away, in the order of the log."""
    onward = effects_of(found.nodes)
    steps = levels(event_id, onward.__getitem__)
    placed = (
        Placed(*found.places[id_], found.nodes[id_].place)
        for id_, level in steps.items()
        if 0 < level <= max_depth
    )
    return sorted(placed, key=lambda each: each.place)
