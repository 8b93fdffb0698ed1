"""Whether a step can be taken, found out by looking, before there is a session for it.

A session that was begun stays for its day, and none is wanted for a step that leads nowhere.
"""

from datetime import timedelta
from typing import assert_never

from stratoscope.client import Navigator
from stratoscope_contracts.errors import AgentNotFound, EmptyEventLog, NavigationOutOfBounds
from stratoscope_contracts.looking import (
    AgentsListRequest,
    Direction,
    EventsListRequest,
    SnapshotsListRequest,
    StateAtRequest,
)
from stratoscope_contracts.sessions import EventsSize, SecondsSize, StepSize
from stratoscope_contracts.views import AgentView, At, AtEventIndex, AtTime, Position

# A part of the state that is hardly there, since only the position is wanted.
_LITTLE = "nothing"


async def check_step(
    nav: Navigator, agent: str, start: At, direction: Direction, size: StepSize
) -> None:
    """Raise what a session's step would: no agent, no such moment, nothing in that direction.

    A step by seconds is told by the record's time, which for a late event is before its clock.
    """
    stands = await _position(nav, agent, start)
    recorded = await _agent(nav, agent)
    if not recorded.events:
        raise EmptyEventLog("this agent has no event yet")
    if direction == "backward":
        found = await _lies_before(nav, agent, start, size)
    else:
        found = await _lies_after(nav, recorded, start, stands, size)
    if not found:
        raise NavigationOutOfBounds(
            f"a step {direction} from event {stands.event_index} leaves the timeline",
            {"index": stands.event_index},
        )


async def _lies_before(nav: Navigator, agent: str, start: At, size: StepSize) -> bool:
    events = EventsListRequest(agent=agent, to=start, direction="backward", limit=1)
    found = bool((await nav.request("events.list", events)).events)
    if found or size != "snapshot":
        return found
    snapshots = SnapshotsListRequest(agent=agent, to=start, limit=2)
    # The session stands on the last of them.
    return len((await nav.request("snapshots.list", snapshots)).snapshots) > 1


async def _lies_after(
    nav: Navigator, recorded: AgentView, start: At, stands: Position, size: StepSize
) -> bool:
    agent = recorded.agent
    match size:
        case "event":
            await _position(nav, agent, AtEventIndex(event_index=stands.event_index + 1))
        case EventsSize():
            await _position(nav, agent, AtEventIndex(event_index=stands.event_index + size.events))
        case "snapshot":
            snapshots = SnapshotsListRequest(agent=agent, from_=start, limit=1)
            return bool((await nav.request("snapshots.list", snapshots)).snapshots)
        case SecondsSize():
            return _is_in_time(recorded, start, stands, size.seconds)
        case _:
            assert_never(size)
    return True


def _is_in_time(recorded: AgentView, start: At, stands: Position, seconds: float) -> bool:
    named = start.time if isinstance(start, AtTime) and start.clock == "occurred" else None
    began = named or stands.occurred_at or recorded.first_at
    if began is None or recorded.last_at is None:
        return True
    # Compared as a difference, since a time has an end and seconds have none.
    return seconds <= max(recorded.last_at - began, timedelta()).total_seconds()


async def _position(nav: Navigator, agent: str, at: At) -> Position:
    return (
        await nav.request("state.at", StateAtRequest(agent=agent, at=at, path=_LITTLE))
    ).position


async def _agent(nav: Navigator, agent: str) -> AgentView:
    body = AgentsListRequest(prefix=agent, limit=1)
    # Of all names with this beginning it is the first.
    for view in (await nav.request("agents.list", body)).agents:
        if view.agent == agent:
            return view
    raise AgentNotFound("nothing was recorded of this agent in this space")
