"""Sessions: their life, their moves, and what forbids them."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from stratoscope_contracts.errors import (
    AgentNotFound,
    BadRequest,
    ConcurrentAccess,
    EmptyEventLog,
    EventNotFound,
    NavigationOutOfBounds,
    SessionNotFound,
    SnapshotNotFound,
)
from stratoscope_contracts.words import MAX_NUMBER
from support.recorded import after, an_id, event, snapshot


class Walk:
    """A started session, moved by short words."""

    def __init__(self, ask, session):
        self._ask = ask
        self.id = session["id"]

    async def goto(self, **at):
        return (await self._ask("session.goto", id=self.id, at=at))["position"]

    async def step(self, direction="forward", size="event"):
        reply = await self._ask("session.step", id=self.id, direction=direction, size=size)
        return reply["position"]

    async def back(self, size="event"):
        return await self.step("backward", size)

    async def where(self):
        return (await self._ask("session.position", id=self.id))["position"]


async def started(ask, agent="walker", **more):
    session = (await ask("session.create", agent=agent, **more))["session"]
    await ask("session.start", id=session["id"])
    return Walk(ask, session)


@pytest.fixture
async def marks(recorded):
    """Snapshots before the first event, after 0 (two of them) and after 2; four events."""
    found = {
        "s0": snapshot({"n": 0}, at=0),
        "e0": event(at=1),
        "s1": snapshot({"n": 1}, at=2),
        "s2": snapshot({"n": 2}, at=3),
        "e1": event(at=4),
        "e2": event(at=14),
        "s3": snapshot({"n": 3}, at=15),
        "e3": event(at=20),
    }
    for record in found.values():
        await recorded.add("walker", record)
    return found


@pytest.fixture
async def walk(ask, marks):
    return await started(ask)


async def test_a_session_starts_at_the_latest_position(ask, marks):
    reply = await ask(
        "session.create",
        agent="walker",
        name="look",
        description="why",
        tags=["a", "b"],
        config={"max_session_duration": 60},
    )
    session = reply["session"]
    assert reply["version"] == session["version"] == 1
    assert session["state"] == "created"
    assert session["position"]["event_index"] == 3
    assert session["position"]["event_id"] == marks["e3"]["id"]
    assert (session["name"], session["description"], session["tags"]) == ("look", "why", ["a", "b"])
    assert session["config"] == {
        "max_session_duration": 60.0,
        "max_navigation_history": 100,
        "auto_breakpoints": True,
    }
    assert await ask("session.get", id=session["id"]) == reply


async def test_a_session_may_be_made_for_an_agent_that_is_not_there_yet(ask, recorded):
    walk = await started(ask, "later")
    assert (await walk.where())["event_index"] == -1
    with pytest.raises(AgentNotFound):
        await walk.goto(latest=True)
    with pytest.raises(AgentNotFound):
        await walk.step()
    await recorded.add("later", snapshot({}), event(), event())
    assert (await walk.where())["stream_seq"] is None
    assert (await walk.step())["event_index"] == 0


async def test_a_session_keeps_its_place_while_the_agent_goes_on(ask, recorded, walk, marks):
    before = await walk.where()
    await recorded.add("walker", snapshot({"n": 9}), event(), snapshot({"n": 10}))
    assert await walk.where() == before
    assert (await walk.step())["event_index"] == 4


async def test_start_makes_it_active_once(ask, marks):
    session = (await ask("session.create", agent="walker"))["session"]
    reply = await ask("session.start", id=session["id"])
    assert (reply["session"]["state"], reply["version"]) == ("active", 2)
    with pytest.raises(ConcurrentAccess) as refused:
        await ask("session.start", id=session["id"])
    assert refused.value.details["state"] == "active"


@pytest.mark.parametrize("state", ["created", "completed", "error"])
async def test_only_active_and_paused_sessions_move(ask, recorded, marks, state):
    session = (await ask("session.create", agent="walker"))["session"]
    await recorded.pool.execute("update session set state = $1", state)
    for verb, body in (
        ("session.goto", {"at": {"latest": True}}),
        ("session.step", {"direction": "backward"}),
    ):
        with pytest.raises(ConcurrentAccess) as refused:
            await ask(verb, id=session["id"], **body)
        assert refused.value.details["state"] == state
    assert (await ask("session.get", id=session["id"]))["version"] == 1


async def test_a_paused_session_moves(ask, recorded, walk):
    await recorded.pool.execute("update session set state = 'paused'")
    assert (await walk.back())["event_index"] == 2
    assert (await ask("session.get", id=walk.id))["session"]["state"] == "paused"


async def test_a_session_that_has_outlived_its_time_is_an_error_with_its_reason(ask, marks):
    walk = await started(ask, config={"max_session_duration": 60})
    later = replace(ask.dispatch, now=lambda now=ask.dispatch.now: now() + timedelta(seconds=61))
    assert (await ask("stats"))["active_sessions"] == 1
    ask.dispatch = later
    session = (await ask("session.get", id=walk.id))["session"]
    assert session["state"] == "error"
    assert "max_session_duration" in session["reason"]
    stats = await ask("session.stats", id=walk.id)
    assert (stats["state"], stats["reason"]) == ("error", session["reason"])
    assert stats["session_duration"] == 60
    assert (await ask("session.list", state="error"))["sessions"] == [session]
    assert (await ask("session.list", state="active"))["sessions"] == []
    counts = await ask("stats")
    assert (counts["active_sessions"], counts["total_sessions"]) == (0, 1)
    for verb, body in (("session.step", {"direction": "backward"}), ("session.pause", {})):
        with pytest.raises(ConcurrentAccess) as refused:
            await ask(verb, id=walk.id, **body)
        assert refused.value.details == {"state": "error", "reason": session["reason"]}


async def test_a_session_in_error_can_be_completed_and_so_removed(ask, marks):
    walk = await started(ask, config={"max_session_duration": 60})
    ask.dispatch = replace(
        ask.dispatch, now=lambda now=ask.dispatch.now: now() + timedelta(seconds=61)
    )
    with pytest.raises(ConcurrentAccess):
        await ask("session.remove", id=walk.id)
    session = (await ask("session.complete", id=walk.id))["session"]
    assert (session["state"], session["reason"]) == ("completed", None)
    assert (await ask("session.remove", id=walk.id))["removed"] == walk.id


async def test_any_duration_can_be_counted(ask, marks):
    walk = await started(ask, config={"max_session_duration": 1e300})
    assert (await walk.back())["event_index"] == 2
    assert (await ask("stats"))["active_sessions"] == 1


async def test_every_move_is_a_version_and_an_old_one_is_refused(ask, walk):
    at = {"event_index": 1}
    moved = await ask("session.goto", id=walk.id, at=at, if_version=2)
    assert moved["version"] == 3
    for verb, body in (
        ("session.goto", {"at": {"event_index": 0}}),
        ("session.step", {"direction": "forward"}),
        ("session.get", {}),
        ("session.position", {}),
        ("session.start", {}),
    ):
        with pytest.raises(ConcurrentAccess) as refused:
            await ask(verb, id=walk.id, if_version=2, **body)
        assert refused.value.details == {"state": "active", "version": 3}
    assert (await walk.where())["event_index"] == 1


async def test_moves_at_once_are_made_one_after_the_other(ask, recorded):
    await recorded.add("walker", *(event() for _ in range(30)))
    walk = await started(ask)
    places = await asyncio.gather(*(walk.back() for _ in range(20)))
    assert sorted(place["event_index"] for place in places) == list(range(9, 29))
    assert (await ask("session.get", id=walk.id))["version"] == 22


async def test_goto_reaches_every_kind_of_place(walk, marks):
    assert (await walk.goto(event_index=0))["snapshot_id"] == marks["s2"]["id"]
    assert (await walk.goto(snapshot_id=marks["s1"]["id"]))["snapshot_id"] == marks["s1"]["id"]
    assert (await walk.where())["snapshot_id"] == marks["s1"]["id"]
    assert (await walk.goto(event_id=marks["e2"]["id"]))["snapshot_id"] == marks["s3"]["id"]
    assert (await walk.goto(time=after(4).isoformat()))["event_index"] == 1
    assert (await walk.goto(stream_seq=2))["event_index"] == 0
    assert (await walk.goto(event_index=-1))["snapshot_id"] == marks["s0"]["id"]
    assert (await walk.goto(stream_seq=0))["snapshot_id"] is None
    assert (await walk.goto(latest=True))["event_index"] == 3


async def test_a_refused_goto_leaves_the_session_where_it_was(ask, walk):
    before = await ask("session.get", id=walk.id)
    for error, at in (
        (NavigationOutOfBounds, {"event_index": 4}),
        (EventNotFound, {"event_id": an_id()}),
        (SnapshotNotFound, {"snapshot_id": an_id()}),
        (BadRequest, {"event_index": 0, "latest": True}),
    ):
        with pytest.raises(error):
            await walk.goto(**at)
    assert await ask("session.get", id=walk.id) == before


async def test_an_agent_without_events_has_nowhere_to_step(ask, recorded):
    await recorded.add("walker", snapshot({"n": 1}))
    walk = await started(ask)
    assert (await walk.goto(event_index=-1))["event_index"] == -1
    assert (await walk.goto(latest=True))["stream_seq"] == 1
    with pytest.raises(EmptyEventLog):
        await walk.goto(event_index=0)
    with pytest.raises(EmptyEventLog):
        await walk.back()


async def test_steps_by_events(walk):
    assert (await walk.back())["event_index"] == 2
    assert (await walk.back({"events": 2}))["event_index"] == 0
    assert (await walk.step())["event_index"] == 1
    assert (await walk.step(size={"events": 2}))["event_index"] == 3
    with pytest.raises(NavigationOutOfBounds) as refused:
        await walk.step()
    assert refused.value.details == {"index": 4, "first": -1, "last": 3}
    assert (await walk.where())["event_index"] == 3


async def test_too_many_events_forward_are_out_of_bounds_and_backward_stop_at_the_start(walk):
    assert (await walk.back({"events": MAX_NUMBER}))["event_index"] == -1
    with pytest.raises(NavigationOutOfBounds):
        await walk.back()
    with pytest.raises(NavigationOutOfBounds):
        await walk.step(size={"events": 5})
    assert (await walk.step(size={"events": 4}))["event_index"] == 3


async def test_a_step_back_takes_all_that_belongs_to_the_event(walk, marks):
    await walk.goto(event_index=1)
    assert (await walk.back())["snapshot_id"] == marks["s2"]["id"]


async def test_steps_by_snapshots_both_ways(walk, marks):
    seen = []
    for _ in range(4):
        position = await walk.back("snapshot")
        seen.append((position["event_index"], position["snapshot_id"]))
    expected = [(2, "s3"), (0, "s2"), (0, "s1"), (-1, "s0")]
    assert seen == [(index, marks[name]["id"]) for index, name in expected]
    with pytest.raises(NavigationOutOfBounds):
        await walk.back("snapshot")
    for index, name in expected[-2::-1]:
        position = await walk.step(size="snapshot")
        assert (position["event_index"], position["snapshot_id"]) == (index, marks[name]["id"])
    with pytest.raises(NavigationOutOfBounds):
        await walk.step(size="snapshot")


async def test_back_by_snapshot_stops_at_the_start_where_there_is_none(ask, recorded):
    patch = [{"op": "add", "path": "/n", "value": 1}]
    await recorded.add("walker", event(patch=patch), event(patch=patch))
    walk = await started(ask)
    assert (await walk.back("snapshot"))["event_index"] == -1
    with pytest.raises(NavigationOutOfBounds):
        await walk.back("snapshot")


async def test_ten_steps_of_a_second_cross_a_gap_of_ten(walk):
    await walk.goto(event_index=1)
    places = [(await walk.step(size={"seconds": 1}))["event_index"] for _ in range(10)]
    assert places == [1] * 9 + [2]
    assert (await walk.back({"seconds": 0.5}))["event_index"] == 1
    assert (await walk.step(size={"seconds": 0.5}))["event_index"] == 2


async def test_seconds_have_ends(walk, marks):
    with pytest.raises(NavigationOutOfBounds):
        await walk.step(size={"seconds": 1})
    await walk.goto(event_index=2)
    assert (await walk.step(size={"seconds": 5}))["event_index"] == 3
    for seconds in (1, 1e300):
        with pytest.raises(NavigationOutOfBounds):
            await walk.step(size={"seconds": seconds})
    assert (await walk.back({"seconds": 1e300}))["event_index"] == -1
    assert (await walk.where())["stream_seq"] is None
    with pytest.raises(NavigationOutOfBounds):
        await walk.back({"seconds": 1})


async def test_seconds_from_before_all_count_from_the_first_record(walk):
    await walk.goto(stream_seq=0)
    assert (await walk.step(size={"seconds": 1}))["event_index"] == 0


async def test_the_clock_goes_on_from_the_moment_gone_to(walk):
    await walk.goto(time=after(9).isoformat())
    assert (await walk.step(size={"seconds": 4}))["event_index"] == 1
    assert (await walk.step(size={"seconds": 1}))["event_index"] == 2
    await walk.goto(time=after(10**6).isoformat())
    assert (await walk.back({"seconds": 1}))["event_index"] == 2


@pytest.mark.parametrize(
    "size", [{"events": 0}, {"events": -1}, {"seconds": 0}, {"seconds": -1}, "events", {}, 1]
)
async def test_a_size_that_is_none(walk, size):
    with pytest.raises(BadRequest):
        await walk.step(size=size)


async def test_sessions_of_nobody(ask, walk):
    for verb, body in (
        ("session.get", {}),
        ("session.position", {}),
        ("session.start", {}),
        ("session.goto", {"at": {"latest": True}}),
        ("session.step", {"direction": "forward"}),
    ):
        with pytest.raises(SessionNotFound):
            await ask(verb, id=an_id(), **body)
        with pytest.raises(SessionNotFound):
            await ask(verb, id=walk.id, space="other", **body)
        with pytest.raises(SessionNotFound):
            await ask(verb, id=an_id(), wait_for=0, **body)


async def test_texts_that_a_database_cannot_keep_are_told(ask):
    with pytest.raises(BadRequest) as refused:
        await ask("session.create", agent="walker", name="a\0b", tags=["ok", "\0"])
    fields = [found["field"] for found in refused.value.details["errors"]]
    assert fields == ["name", "tags"]
