"""The quick start of the original debugger, section by section, over recorder and client.

    python examples/quickstart.py [nats://127.0.0.1:4222] [--embedded]

Recording is the recorder's here, not the session's: an agent records whether anybody debugs it or
not, and a session is somebody's place in what it recorded.
"""

import io
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from where import run

import stratoscope
from stratoscope.client import Navigator
from stratoscope_contracts.breakpoints import (
    BreakpointCreateRequest,
    OnEventTypeCondition,
    OnStateCondition,
)
from stratoscope_contracts.causes import CausalityChainRequest
from stratoscope_contracts.comparing import CompareOptions, CompareRequest
from stratoscope_contracts.looking import StateAtRequest
from stratoscope_contracts.sessions import (
    SessionConfig,
    SessionContinueRequest,
    SessionCreateRequest,
    SessionExportRequest,
    SessionGotoRequest,
    SessionRequest,
    SessionStepRequest,
    StoppedByBreakpoint,
)
from stratoscope_contracts.views import AtEventIndex, AtLatest, AtSnapshot, AtTime

START = datetime(2026, 11, 23, 8, tzinfo=UTC)


async def main(url: str) -> None:
    async with stratoscope.connect(url) as strato, Navigator.connect(url) as nav:
        agent = strato.agent(f"quickstart-{uuid4().hex[:8]}")
        session = await create_session(nav, agent.name)
        first, second = await record(nav, agent)
        await navigate(nav, session)
        await set_breakpoints(nav, session, agent.name)
        await compare(nav, agent.name, first, second)
        await export(nav, session)
        await complete(nav, session)


async def create_session(nav: Navigator, agent: str) -> UUID:
    """Create a debugging session, with a configuration, and start it."""
    config = SessionConfig(
        max_session_duration=3600.0,  # seconds; then it ends by itself, as an error that says so
        max_navigation_history=50,  # places that `session.back` can go back through
        auto_breakpoints=False,  # else on error_occurred and decision_made
    )
    # The agent need not be there yet.
    body = SessionCreateRequest(agent=agent, name="quick start", config=config)
    session = (await nav.request("session.create", body)).session
    started = await nav.request("session.start", SessionRequest(id=session.id))
    assert (session.state, started.session.state) == ("created", "active")
    print(f"session    {session.id} of {agent} is {started.session.state}")
    return session.id


async def record(nav: Navigator, agent: stratoscope.Agent) -> tuple[str, str]:
    """Take snapshots and record events, each with what caused it."""
    first = await agent.snapshot(
        {"health": 100, "position": {"x": 0, "y": 0}}, memory_usage=1024, occurred_at=START
    )
    decided = await agent.event(
        "decision_made",
        {"decision": "explore", "confidence": 0.8},
        metadata={"phase": "start"},
        occurred_at=START + timedelta(seconds=1),
    )
    moved = await agent.event(
        "action_execution",
        {"action": "move", "direction": "north"},
        causes=[decided],
        occurred_at=START + timedelta(seconds=2),
    )
    second = await agent.snapshot(
        {"health": 0, "position": {"x": 0, "y": 1}},
        label="hurt",
        occurred_at=START + timedelta(seconds=3),
    )
    failed = await agent.event(
        "error_occurred",
        {"message": "fell into a pit"},
        causes=[moved],
        occurred_at=START + timedelta(seconds=4),
    )
    # Once the broker has it all; then wait until it can be looked at.
    last = await agent.flush()
    latest = StateAtRequest(agent=agent.name, at=AtLatest(latest=True), wait_for=last)
    assert (await nav.request("state.at", latest)).state["health"] == 0
    chain = await nav.request("causality.chain", CausalityChainRequest(event_id=UUID(failed)))
    types = [event.type for event in chain.events]
    assert types == ["decision_made", "action_execution", "error_occurred"]
    print(f"causes     {' -> '.join(types)}")
    return first, second


async def navigate(nav: Navigator, session: UUID) -> None:
    """Go to a time, step, and go to an index."""
    at = AtTime(time=START + timedelta(seconds=2.5))
    there = await nav.request("session.goto", SessionGotoRequest(id=session, at=at))
    assert there.position.event_index == 1
    print(f"at a time  after event {there.position.event_index}")

    back = SessionStepRequest(id=session, direction="backward", size="event")
    stepped = await nav.request("session.step", back)
    assert stepped.position.event_index == 0
    print(f"a step     after event {stepped.position.event_index}")

    index = SessionGotoRequest(id=session, at=AtEventIndex(event_index=2))
    there = await nav.request("session.goto", index)
    assert there.position.event_index == 2
    print(f"an index   after event {there.position.event_index}")


async def set_breakpoints(nav: Navigator, session: UUID, agent: str) -> None:
    """Break on a type of events and on a state; they stop runs in both directions."""
    error = OnEventTypeCondition(kind="on_event_type", type="error_occurred")
    dead = OnStateCondition(kind="on_state", path="health", op="eq", value=0)
    ids = []
    for condition in (error, dead):
        body = BreakpointCreateRequest(agent=agent, condition=condition, session=session)
        ids.append((await nav.request("breakpoint.create", body)).breakpoint.id)

    beginning = SessionGotoRequest(id=session, at=AtEventIndex(event_index=-1))
    await nav.request("session.goto", beginning)
    run = SessionContinueRequest(id=session, direction="forward")
    for expected, index in ((ids[1], 1), (ids[0], 2)):
        stopped = await nav.request("session.continue", run)
        assert stopped.stopped_by == StoppedByBreakpoint(breakpoint=expected)
        assert stopped.position.event_index == index
        named = "health == 0" if expected == ids[1] else "error_occurred"
        print(f"break      {named} after event {index}")


async def compare(nav: Navigator, agent: str, first: str, second: str) -> None:
    """Compare two snapshots."""
    body = CompareRequest(
        agent=agent,
        from_=AtSnapshot(snapshot_id=UUID(first)),
        to=AtSnapshot(snapshot_id=UUID(second)),
        options=CompareOptions(exclude_paths=("metadata",)),
    )
    found = await nav.request("compare", body)
    assert found.summary.total_changes == 2
    for change in found.changes:
        print(f"changed    {change.path}: {change.old} -> {change.new}")


async def export(nav: Navigator, session: UUID) -> None:
    """Export the session with its agent's whole recording."""
    body = SessionExportRequest(id=session, format="json")
    made = await nav.request("session.export", body)
    file = io.BytesIO()
    await nav.download(made.object, file, lambda _done, _total: None)
    assert (made.events, made.snapshots) == (3, 2)
    assert isinstance(json.loads(file.getvalue()), dict)
    print(f"exported   {made.events} events, {made.snapshots} snapshots, {made.size} bytes")


async def complete(nav: Navigator, session: UUID) -> None:
    """Complete the session; what was recorded stays."""
    own = SessionRequest(id=session)
    stats = await nav.request("session.stats", own)
    done = await nav.request("session.complete", own)
    assert done.session.state == "completed"
    assert (stats.total_events, stats.snapshot_count, stats.breakpoint_count) == (3, 2, 2)
    print(f"session    is {done.session.state} after {stats.navigation_steps} moves")


if __name__ == "__main__":
    run(main, "The quick start, section by section.")
