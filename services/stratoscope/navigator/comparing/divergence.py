"""The verb that says where two agents part.

Their events are aligned from the beginning; wherever they go together, their states are set beside
each other. The first place where either differs is the answer. What comes behind it (where they
differ next, where their states part) is looked for a little while longer, since one event more or
less often means nothing.
"""

from stratoscope.domain.comparison.alignment import Apart, Together
from stratoscope.navigator.comparing.asked import Asked, pattern_faults
from stratoscope.navigator.comparing.comparisons import Budget
from stratoscope.navigator.comparing.running import Side
from stratoscope.navigator.comparing.searching import Search
from stratoscope.navigator.comparing.states import sides, told_changes
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.spelling import Json
from stratoscope_contracts.comparing import CompareDivergenceRequest, DivergenceKind
from stratoscope_contracts.errors import BadRequest, OverBudget


async def divergence(reading: Reading, request: CompareDivergenceRequest) -> Json:
    """The first place where two agents differ, aligned by event. Raises OverBudget."""
    asked = Asked.of(request.options)
    if faults := list(pattern_faults("ignore_data", request.ignore_data or ())):
        raise BadRequest.of_fields(*faults)
    timelines = [await reading.timeline(name) for name in (request.agent, request.to_agent)]
    a, b = (Side.of(reading, timeline) for timeline in timelines)
    told = {"ignored": list(request.ignore_data or ()), "exact": request.exact}
    search = Search(reading, (a, b), asked, told, Budget())
    return await _told(search, await _searched(search))


async def _searched(search: Search) -> bool:
    """Search until there is nothing more to find; whether the runs were gone through."""
    try:
        # What stood before the first event.
        await search.stand(Together(0, 0, 0))
        while not search.is_done and search.budget.left:
            if not await search.go_on():
                return True
    except OverBudget:
        if search.first is None:
            raise _gave_up(search) from None
    if search.first is None and search.parting is None:
        raise _gave_up(search)
    return search.first is not None and any(one.for_good for one in (search.first, *search.further))


async def _told(search: Search, complete: bool) -> Json:
    a, b = search.sides
    states = None
    if search.parting is not None:
        place, other = search.parting.places
        states = {
            "positions": (await a.position(place), await b.position(other)),
            "changes": search.parting.changes,
        }
    reply = {
        "positions": None,
        "changes": [],
        "kind": None,
        "aligned": search.aligned,
        "events": None,
        "states": states,
        "further": [_further(one, a, b) for one in search.further],
        "complete": complete,
    }
    if search.first is not None:
        return reply | await _at(search, search.first)
    if states is not None:
        return reply | states | {"kind": "different_state", "aligned": search.before}
    return reply


async def _at(search: Search, apart: Apart) -> Json:
    """Where events differ: before the one that is missing, after the one that is there."""
    a, b = search.sides
    kind = _kind(apart)
    place = apart.a - (kind == "extra_in_b")
    other = apart.b - (kind == "extra_in_a")
    old, new = await sides(search.reading, (a.timeline, a.at(place)), (b.timeline, b.at(other)))
    _, changes = await told_changes(
        search.reading, search.asked, old, new, Budget(), without_chance=not search.told["exact"]
    )
    return {
        "positions": (old.position, new.position),
        "changes": changes,
        "kind": kind,
        "aligned": search.before,
        "events": (
            None if kind == "extra_in_b" else await a.event(apart.a),
            None if kind == "extra_in_a" else await b.event(apart.b),
        ),
    }


def _kind(apart: Apart) -> DivergenceKind:
    if not apart.a_count:
        return "extra_in_b"
    return "different_event" if apart.b_count else "extra_in_a"


def _further(apart: Apart, a: Side, b: Side) -> Json:
    counts = (apart.a_count, apart.b_count)
    if apart.for_good:
        counts = (a.length - apart.a, b.length - apart.b)
    return {
        "kind": _kind(apart),
        "event_indexes": (a.states.first + apart.a, b.states.first + apart.b),
        "events": counts,
    }


def _gave_up(search: Search) -> OverBudget:
    a, b = (side.states.first + side.run.at - 1 for side in search.sides)
    return OverBudget(
        f"the runs are the same for {search.aligned:,} events, up to {a} and {b}; there was no time"
        " to look further",
        {"aligned": search.aligned, "event_index": a, "to_event_index": b},
    )
