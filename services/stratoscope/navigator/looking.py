"""The verbs that look at one agent's timeline."""

import re

from stratoscope.navigator import cursors, spelling
from stratoscope.navigator.reading import Reading, part_of, path_of
from stratoscope.navigator.spelling import Json
from stratoscope.store.holds import Holds
from stratoscope.store.states import SnapshotRow
from stratoscope_contracts.errors import EventNotFound, SnapshotNotFound
from stratoscope_contracts.looking import (
    AgentsListRequest,
    EventsGetRequest,
    SnapshotsGetRequest,
    SnapshotsListRequest,
    StateAtRequest,
)

_IN_NAMES = re.compile(r"[A-Za-z0-9_-]*\Z")


async def agents_list(reading: Reading, request: AgentsListRequest) -> Json:
    """The agents of the space, by name."""
    after = cursors.name_in(request)
    if request.prefix and not _IN_NAMES.match(request.prefix):
        return {"agents": [], "cursor": None}
    found = await reading.timelines.page(reading.space, request.prefix, after, request.limit + 1)
    page = found[: request.limit]
    more = len(found) > len(page)
    held = await Holds(reading.session).of_agents(reading.space, [one.agent for one in page])
    return {
        "agents": [
            spelling.agent(timeline, held[timeline.agent], reading.now) for timeline in page
        ],
        "cursor": cursors.spell(request, page[-1].agent) if more else None,
    }


async def events_get(reading: Reading, request: EventsGetRequest) -> Json:
    """One event by its id."""
    if request.agent is not None:
        await reading.timeline(request.agent)
    row = await reading.timelines.find_event(reading.space, request.id, request.agent)
    if row is None:
        raise EventNotFound(f"there is no event with this id{await reading.gone()}")
    return {"event": spelling.event(row)}


async def snapshots_get(reading: Reading, request: SnapshotsGetRequest) -> Json:
    """One snapshot with its state."""
    path_of(request.path)
    found = await reading.states.find_snapshot(reading.space, request.id)
    if found is None:
        raise SnapshotNotFound(f"there is no snapshot with this id{await reading.gone()}")
    standing = await reading.states.standing(found.agent_id, found.row.stand)
    whole = await reading.state(found.agent_id, standing, is_parsed=bool(request.path))
    state, exists = await part_of(whole, request.path)
    position = spelling.position(found.agent, standing)
    return _snapshot(found.row, found.agent, position) | {
        "state": spelling.stored(state),
        "exists": exists,
    }


async def snapshots_list(reading: Reading, request: SnapshotsListRequest) -> Json:
    """An agent's snapshots, without state."""
    key = cursors.number_in(request)
    timeline = await reading.timeline(request.agent)
    start, end = await reading.stretch(timeline, request.from_, request.to)
    after = start.version if key is None else min(max(start.version, key), end.version)
    scope = (timeline.agent_id, after, end.version, request.limit)
    found = await reading.states.snapshots_page(*scope)
    page = found.rows
    standings = await reading.states.standings(timeline.agent_id, [row.stand for row in page])
    return {
        "snapshots": [
            _snapshot(row, timeline.agent, spelling.position(timeline.agent, standing))
            for row, standing in zip(page, standings, strict=True)
        ],
        "cursor": cursors.spell(request, page[-1].version) if found.has_more else None,
        "horizon": spelling.horizon(timeline),
    }


async def state_at(reading: Reading, request: StateAtRequest) -> Json:
    """An agent's state at any position; `exists` says whether anything stands at the path."""
    path_of(request.path)
    timeline = await reading.timeline(request.agent)
    standing = await reading.standing(timeline, request.at)
    whole = await reading.state(timeline.agent_id, standing, is_parsed=bool(request.path))
    state, exists = await part_of(whole, request.path)
    return {
        "position": spelling.position(timeline.agent, standing),
        "state": spelling.stored(state),
        "exists": exists,
        "exact": standing.state_event_index == standing.event_index,
        "tainted": standing.tainted,
    }


def _snapshot(row: SnapshotRow, agent: str, position: Json) -> Json:
    return {
        "id": str(row.id),
        "agent": agent,
        "position": position,
        "occurred_at": spelling.time(row.occurred_at),
        "memory_usage": row.memory_usage,
        "metadata": spelling.stored(row.metadata),
        "label": row.label,
    }
