"""What is kept of a session and with it: lists, texts, values, history, marks, and many at once."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from stratoscope_contracts.errors import (
    BadRequest,
    ConcurrentAccess,
    NavigationOutOfBounds,
    SessionNotFound,
)
from support.operators import Model, Operators
from support.recorded import after, event, snapshot

LATER = timedelta(seconds=61)


@pytest.fixture
async def agents(recorded):
    for agent in ("walker", "other"):
        for number in range(8):
            await recorded.add(agent, event(at=number), snapshot({"n": number}, memory_usage=10))


async def made(ask, agent="walker", **more):
    return (await ask("session.create", agent=agent, **more))["session"]["id"]


async def started(ask, agent="walker", **more):
    identity = await made(ask, agent, **more)
    await ask("session.start", id=identity)
    return identity


async def goto(ask, identity, index):
    return await ask("session.goto", id=identity, at={"event_index": index})


async def indexes(ask, identity):
    history = await ask("session.history", id=identity)
    return [place["event_index"] for place in history["positions"]], history["current"]


def in_future(ask):
    ask.dispatch = replace(ask.dispatch, now=lambda now=ask.dispatch.now: now() + LATER)


async def test_sessions_are_listed_newest_first_page_by_page(ask, agents):
    ids = [await made(ask, agent) for agent in ("walker", "other", "walker", "nobody")]
    found, cursor = [], None
    while True:
        page = await ask("session.list", limit=3, cursor=cursor)
        found += page["sessions"]
        if (cursor := page["cursor"]) is None:
            break
    assert [session["id"] for session in found] == ids[::-1]
    assert [session["position"]["event_index"] for session in found] == [-1, 7, 7, 7]
    for session in found:
        assert (await ask("session.get", id=session["id"]))["session"] == session


async def test_lists_are_of_an_agent_or_a_state(ask, agents):
    await made(ask, "other", config={"max_session_duration": 60})
    walking = await started(ask, "walker")
    assert [one["id"] for one in (await ask("session.list", agent="walker"))["sessions"]] == [
        walking
    ]
    for state, count in {"created": 1, "active": 1, "error": 0}.items():
        assert len((await ask("session.list", state=state))["sessions"]) == count
    in_future(ask)
    for state, count in {"created": 0, "active": 1, "error": 1}.items():
        assert len((await ask("session.list", state=state))["sessions"]) == count
    assert (await ask("session.list", agent="walker", state="error"))["sessions"] == []
    assert (await ask("session.list", space="elsewhere"))["sessions"] == []


async def test_a_cursor_of_another_list_is_refused(ask, agents):
    await made(ask)
    await made(ask)
    cursor = (await ask("session.list", limit=1))["cursor"]
    for body in ({"agent": "walker", "cursor": cursor}, {"cursor": "WyIiLDFd"}):
        with pytest.raises(BadRequest):
            await ask("session.list", **body)


async def test_the_life_cycle(ask, agents):
    identity = await made(ask)
    for verb, state in (
        ("start", "active"),
        ("pause", "paused"),
        ("resume", "active"),
        ("complete", "completed"),
    ):
        reply = await ask(f"session.{verb}", id=identity)
        session = reply["session"]
        assert (session["state"], session["version"]) == (state, reply["version"])
        assert (await ask("session.get", id=identity)) == reply
    assert reply["version"] == 5
    assert session["started_at"] <= session["ended_at"]
    gone = await ask("session.remove", id=identity, if_version=5)
    assert gone == {"removed": identity, "version": 5}
    with pytest.raises(SessionNotFound):
        await ask("session.get", id=identity)


async def test_a_session_under_way_is_not_removed(ask, agents):
    identity = await started(ask)
    with pytest.raises(ConcurrentAccess) as refused:
        await ask("session.remove", id=identity)
    assert refused.value.details == {"state": "active"}


async def test_texts_are_changed_as_far_as_they_are_given(ask, agents):
    identity = await made(ask, name="a", description="b", tags=["c"])
    session = (await ask("session.update", id=identity, name="new"))["session"]
    assert (session["name"], session["description"], session["tags"]) == ("new", "b", ["c"])
    reply = await ask("session.update", id=identity, description="", tags=[])
    session = reply["session"]
    assert (session["name"], session["description"], session["tags"]) == ("new", None, [])
    assert reply == await ask("session.get", id=identity)
    with pytest.raises(BadRequest):
        await ask("session.update", id=identity, name="a\0")


async def test_values_are_kept_as_they_are(ask, agents):
    identity = await made(ask)
    for value in (None, 1, 1.0, 2**64 - 1, "\u0000 \u20ac", [], {"a": {"b": [True, None]}}):
        kept = await ask("session.data.set", id=identity, key="k", value=value)
        found = await ask("session.data.get", id=identity, key="k")
        assert found == kept
        assert (found["value"], found["exists"], type(found["value"])) == (value, True, type(value))
    nothing = await ask("session.data.get", id=identity, key="other")
    assert (nothing["value"], nothing["exists"]) == (None, False)
    assert (await ask("session.data.get", id=identity, key="\0"))["exists"] is False
    assert (await ask("session.stats", id=identity))["custom_data_count"] == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [("a\0", 1), ("", 1), ("k", 2**70), ("k", float("inf")), ("k", "x" * (1 << 20))],
)
async def test_what_can_not_be_kept_is_told(ask, agents, key, value):
    identity = await made(ask)
    with pytest.raises(BadRequest):
        await ask("session.data.set", id=identity, key=key, value=value)


async def test_the_history_is_walked_like_a_browsers(ask, agents):
    identity = await started(ask)
    for index in (1, 5, 3):
        await goto(ask, identity, index)
    assert await indexes(ask, identity) == ([7, 1, 5, 3], 3)
    assert (await ask("session.back", id=identity))["position"]["event_index"] == 5
    assert (await ask("session.back", id=identity))["position"]["event_index"] == 1
    moved = await ask("session.forward", id=identity)
    assert moved["position"]["event_index"] == 5
    assert moved["position"] == (await ask("session.position", id=identity))["position"]
    assert await indexes(ask, identity) == ([7, 1, 5, 3], 2)
    await ask("session.step", id=identity, direction="forward")
    assert await indexes(ask, identity) == ([7, 1, 5, 6], 3)
    with pytest.raises(NavigationOutOfBounds):
        await ask("session.forward", id=identity)
    assert (await ask("session.stats", id=identity))["navigation_steps"] == 7


async def test_going_where_one_is_adds_no_place(ask, agents):
    identity = await started(ask)
    for index in (3, 3):
        version = (await goto(ask, identity, index))["version"]
    assert version == 4
    assert await indexes(ask, identity) == ([7, 3], 1)


async def test_back_brings_the_clock_of_the_place_too(ask, agents):
    identity = await started(ask)
    at = {"time": after(2.75).isoformat()}
    await ask("session.goto", id=identity, at=at)
    await goto(ask, identity, 6)
    assert (await ask("session.back", id=identity))["position"]["event_index"] == 2
    size = {"seconds": 0.25}
    stepped = await ask("session.step", id=identity, direction="forward", size=size)
    assert stepped["position"]["event_index"] == 3


async def test_the_history_remembers_so_many_places(ask, agents):
    identity = await started(ask, config={"max_navigation_history": 3})
    for index in (0, 1, 2, 3):
        await goto(ask, identity, index)
    assert await indexes(ask, identity) == ([1, 2, 3], 2)
    for expected in (2, 1):
        back = await ask("session.back", id=identity)
        assert back["position"]["event_index"] == expected
    with pytest.raises(NavigationOutOfBounds) as refused:
        await ask("session.back", id=identity)
    assert refused.value.details == {"index": -1, "first": 0, "last": 2}


async def test_marks_keep_positions_by_name(ask, recorded, agents):
    identity = await started(ask)
    place = (await goto(ask, identity, 2))["position"]
    first = await ask("session.mark", id=identity, name="here", note="look")
    assert first["mark"]["position"] == place
    await goto(ask, identity, 5)
    second = await ask("session.mark", id=identity, name="also")
    kept = await ask("session.marks", id=identity)
    assert kept["marks"] == [second["mark"], first["mark"]]
    assert kept["version"] == second["version"] == first["version"] + 2
    await recorded.add("walker", event(), snapshot({"n": 99}))
    assert (await ask("session.goto", id=identity, mark="here"))["position"] == place
    await ask("session.mark", id=identity, name="also", note="moved")
    moved = {one["name"]: one for one in (await ask("session.marks", id=identity))["marks"]}
    assert (moved["also"]["position"], moved["also"]["note"]) == (place, "moved")
    assert (await ask("session.unmark", id=identity, name="also"))["removed"] == "also"
    assert (await ask("session.stats", id=identity))["mark_count"] == 1


async def test_a_mark_is_exact_within_a_message(ask, recorded):
    """A message may hold several records, and an index stands after all snapshots behind it."""
    await recorded.add("walker", event(), snapshot({"n": 1}), snapshot({"n": 2}), event())
    identity = await started(ask)
    await goto(ask, identity, -1)
    place = await ask("session.step", id=identity, direction="forward", size="snapshot")
    await ask("session.mark", id=identity, name="first")
    await ask("session.goto", id=identity, at={"latest": True})
    found = await ask("session.goto", id=identity, mark="first")
    assert found["position"] == place["position"]


async def test_a_mark_that_is_not_there_or_not_meant(ask, agents):
    identity = await started(ask)
    for verb, body, field in (
        ("session.goto", {"mark": "x"}, "mark"),
        ("session.goto", {"mark": "x", "at": {"latest": True}}, "at"),
        ("session.goto", {}, "at"),
        ("session.unmark", {"name": "x"}, "name"),
        ("session.mark", {"name": "a\0", "note": "fine"}, "name"),
    ):
        with pytest.raises(BadRequest) as refused:
            await ask(verb, id=identity, **body)
        assert [one["field"] for one in refused.value.details["errors"]] == [field]
    await ask("session.complete", id=identity)
    with pytest.raises(ConcurrentAccess):
        await ask("session.mark", id=identity, name="late")


async def test_figures_of_a_session_are_its_agents(ask, agents):
    identity = await started(ask)
    stats = await ask("session.stats", id=identity)
    assert stats.pop("session_duration") >= 0
    assert stats == {
        "session_id": identity,
        "agent": "walker",
        "state": "active",
        "reason": None,
        "snapshot_count": 8,
        "diff_count": 7,
        "total_memory_usage": 80,
        "total_events": 8,
        "breakpoint_count": 2,
        "navigation_steps": 0,
        "custom_data_count": 0,
        "mark_count": 0,
        "version": 2,
    }
    nobody = await ask("session.stats", id=await made(ask, "nobody"))
    assert (nobody["total_events"], nobody["total_memory_usage"]) == (0, 0)


@pytest.mark.parametrize(
    ("wanted", "types"),
    [
        ({}, ["decision_made", "error_occurred"]),
        ({"auto_breakpoints": True}, ["decision_made", "error_occurred"]),
        ({"auto_breakpoints": ["error_occurred", "error_occurred"]}, ["error_occurred"]),
        ({"auto_breakpoints": False}, []),
        ({"auto_breakpoints": []}, []),
    ],
)
async def test_a_session_has_breakpoints_from_its_start_to_its_end(ask, agents, wanted, types):
    async def breakpoints():
        listed = (await ask("breakpoint.list", session=identity))["breakpoints"]
        return sorted((one["condition"]["type"], one["is_enabled"]) for one in listed)

    identity = await made(ask, config=wanted)
    assert await breakpoints() == []
    await ask("session.start", id=identity)
    assert await breakpoints() == [(name, True) for name in types]
    assert (await ask("session.stats", id=identity))["breakpoint_count"] == len(types)
    await ask("session.complete", id=identity)
    assert await breakpoints() == [(name, False) for name in types]
    await ask("session.remove", id=identity)
    assert await breakpoints() == []


async def test_a_session_that_is_refused_its_start_has_no_breakpoints(ask, agents):
    identity = await started(ask)
    with pytest.raises(ConcurrentAccess):
        await ask("session.start", id=identity)
    assert len((await ask("breakpoint.list", session=identity))["breakpoints"]) == 2


async def test_everything_that_changes_is_a_version_and_an_old_one_is_refused(ask, agents):
    identity = await started(ask)
    version = 2
    for verb, body in (
        ("session.update", {"name": "a"}),
        ("session.data.set", {"key": "k", "value": 1}),
        ("session.mark", {"name": "m"}),
        ("session.goto", {"at": {"event_index": 1}}),
        ("session.back", {}),
        ("session.forward", {}),
        ("session.unmark", {"name": "m"}),
        ("session.pause", {}),
        ("session.resume", {}),
        ("session.complete", {}),
    ):
        reply = await ask(verb, id=identity, if_version=version, **body)
        with pytest.raises(ConcurrentAccess) as refused:
            await ask(verb, id=identity, if_version=version, **body)
        version += 1
        assert (reply["version"], refused.value.details["version"]) == (version, version)
    for verb in ("get", "position", "history", "marks", "stats", "remove"):
        with pytest.raises(ConcurrentAccess):
            await ask(f"session.{verb}", id=identity, if_version=version - 1)
        assert (await ask(f"session.{verb}", id=identity, if_version=version))["version"] == version


async def test_one_of_many_with_the_same_version_wins(ask, agents):
    identity = await started(ask)
    asked = [
        ask("session.step", id=identity, direction="backward", if_version=2) for _ in range(12)
    ]
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(one, ConcurrentAccess) for one in told) == 11
    assert (await ask("session.get", id=identity))["version"] == 3


async def test_what_operators_are_told_is_what_a_serial_order_gives(ask, recorded):
    await recorded.add("walker", *(event() for _ in range(50)))
    identity = await started(ask)
    operators = Operators(lambda verb, body: ask(verb, **body), identity, version=2)
    await asyncio.gather(*(operators.operate(seed, 25, 50) for seed in range(8)))
    assert len(operators.told) == 200
    operators.check(Model(50, (49,)), version=2)
