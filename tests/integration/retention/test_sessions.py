"""Nothing is dropped under an open session; one that is over holds nothing."""

import asyncio

import pytest

from stratoscope.domain.retention import Keeping
from stratoscope_contracts.errors import NavigationOutOfBounds
from support.recorded import event, snapshot

FIFTY = Keeping(events=50)


async def record(kept, count=200):
    kept.limit(FIFTY)
    for start in range(0, count, 50):
        records = []
        for number in range(start, start + 50):
            records += [event(at=number), snapshot({"n": number}, at=number)]
        await kept.add("a", *records)


async def session_at(kept, index):
    made = await kept.ask("session.create", agent="a")
    identity = made["session"]["id"]
    await kept.ask("session.start", id=identity)
    await kept.ask("session.goto", id=identity, at={"event_index": index})
    return identity


async def events_of(kept):
    (agent,) = (await kept.ask("agents.list"))["agents"]
    return agent["events"]


async def test_what_a_session_stands_on_is_kept_with_a_group_more(kept):
    await record(kept)
    identity = await session_at(kept, 100)
    cleaned = await kept.clean(FIFTY)
    assert cleaned.held == 1
    assert 100 <= await events_of(kept) <= 110
    assert await kept.raw("a", {"event_index": 100}) == b'{"n":100}'
    back = await kept.ask("session.step", id=identity, direction="backward")
    assert back["position"]["event_index"] == 99


async def test_a_session_that_is_over_holds_nothing(kept):
    await record(kept)
    identity = await session_at(kept, 100)
    await kept.recorded.pool.execute("update session set state = 'completed'")
    cleaned = await kept.clean(FIFTY)
    assert cleaned.held == 0
    assert await events_of(kept) <= 50
    stands = (await kept.ask("session.get", id=identity))["session"]["position"]
    assert (stands["event_index"], stands["event_id"]) == (100, None)


async def test_a_session_that_has_outlived_its_time_holds_nothing(kept):
    await record(kept)
    await session_at(kept, 100)
    assert (await kept.clean(FIFTY, at=3600)).held == 1
    assert (await kept.clean(FIFTY, at=3600 + 25 * 3600)).held == 0
    assert await events_of(kept) <= 50


async def test_a_session_before_everything_holds_everything(kept):
    identity = (await kept.ask("session.create", agent="a"))["session"]["id"]
    await record(kept)
    assert (await kept.clean(FIFTY)).held == 1
    assert await events_of(kept) == 200
    stands = (await kept.ask("session.position", id=identity))["position"]
    assert stands["event_index"] == -1


async def test_stepping_back_stops_at_the_horizon(kept):
    await record(kept)
    await kept.clean(FIFTY)
    (agent,) = (await kept.ask("agents.list"))["agents"]
    first = agent["horizon"]["event_index"]
    for size in ({"events": 1000}, {"seconds": 1e6}):
        identity = await session_at(kept, 180)
        stood = await kept.ask("session.step", id=identity, direction="backward", size=size)
        assert stood["position"]["event_index"] == first
        with pytest.raises(NavigationOutOfBounds) as caught:
            await kept.ask("session.step", id=identity, direction="backward", size=size)
        assert caught.value.details["horizon"] == agent["horizon"]


async def test_stepping_back_by_snapshots_stops_at_the_horizon(kept):
    await record(kept)
    await kept.clean(FIFTY)
    (agent,) = (await kept.ask("agents.list"))["agents"]
    first = agent["horizon"]["event_index"]
    identity = await session_at(kept, first + 2)
    stood = []
    for _ in range(2):
        step = await kept.ask("session.step", id=identity, direction="backward", size="snapshot")
        stood.append(step["position"]["event_index"])
    assert stood == [first + 1, first]
    with pytest.raises(NavigationOutOfBounds):
        await kept.ask("session.step", id=identity, direction="backward", size="snapshot")


async def test_stepping_on_by_snapshots_goes_on_from_the_horizon(kept):
    await record(kept)
    await kept.clean(FIFTY)
    (agent,) = (await kept.ask("agents.list"))["agents"]
    first = agent["horizon"]["event_index"]
    identity = await session_at(kept, first)
    stood = []
    for _ in range(3):
        step = await kept.ask("session.step", id=identity, direction="forward", size="snapshot")
        stood.append(step["position"]["event_index"])
    assert stood == [first + 1, first + 2, first + 3]


async def test_from_a_place_that_is_gone_no_snapshot_is_looked_for(kept):
    await record(kept)
    identity = await session_at(kept, 100)
    # Nothing holds the place for a while, as where a log was cut before a projection was made anew.
    await kept.recorded.pool.execute("update session set state = 'completed'")
    await kept.clean(FIFTY)
    await kept.recorded.pool.execute("update session set state = 'active'")
    (agent,) = (await kept.ask("agents.list"))["agents"]
    before = await kept.ask("session.get", id=identity)
    for direction in ("forward", "backward"):
        with pytest.raises(NavigationOutOfBounds) as caught:
            await kept.ask("session.step", id=identity, direction=direction, size="snapshot")
        assert caught.value.details["horizon"] == agent["horizon"]
        assert caught.value.details["stream_seq"] == before["session"]["position"]["stream_seq"]
    assert await kept.ask("session.get", id=identity) == before


async def test_a_session_that_moves_meanwhile_is_seen_or_told(kept):
    """Whichever comes first: the session holds its place, or is told that it has gone."""
    await record(kept)
    identity = await session_at(kept, 199)
    for index in range(20, 150, 13):
        told = asyncio.create_task(kept.ask("session.goto", id=identity, at={"event_index": index}))
        await asyncio.gather(told, kept.clean(FIFTY), return_exceptions=True)
        (first,) = (await kept.rows("select first_position from agent"))[0]
        if told.exception() is None:
            assert first <= index
        else:
            assert isinstance(told.exception(), NavigationOutOfBounds)
            assert first > index


async def test_marks_of_an_open_session_are_kept_too(kept):
    await record(kept)
    identity = await session_at(kept, 100)
    await kept.ask("session.mark", id=identity, name="here")
    await kept.ask("session.goto", id=identity, at={"event_index": 190})
    assert (await kept.clean(FIFTY)).held == 1
    found = await kept.ask("session.goto", id=identity, mark="here")
    assert found["position"]["event_index"] == 100
    await kept.ask("session.goto", id=identity, at={"latest": True})
    await kept.ask("session.unmark", id=identity, name="here")
    assert (await kept.clean(FIFTY)).held == 0
    assert await events_of(kept) <= 50


async def test_places_of_the_history_are_not_and_say_so(kept):
    await record(kept)
    identity = await session_at(kept, 100)
    await kept.ask("session.goto", id=identity, at={"event_index": 190})
    await kept.clean(FIFTY)
    (agent,) = (await kept.ask("agents.list"))["agents"]
    before = await kept.ask("session.get", id=identity)
    with pytest.raises(NavigationOutOfBounds) as caught:
        await kept.ask("session.back", id=identity)
    assert caught.value.details["horizon"] == agent["horizon"]
    assert await kept.ask("session.get", id=identity) == before
    history = await kept.ask("session.history", id=identity)
    told = [(one["event_index"], one["event_id"] is None) for one in history["positions"]]
    assert told == [(199, False), (100, True), (190, False)]


async def test_going_back_meanwhile_is_seen_or_told(kept):
    """Whichever comes first: the session holds its place, or is told that it has gone."""
    await record(kept)
    identity = await session_at(kept, 60)
    await kept.ask("session.goto", id=identity, at={"event_index": 190})
    back = asyncio.create_task(kept.ask("session.back", id=identity))
    await asyncio.gather(back, kept.clean(FIFTY), return_exceptions=True)
    (first,) = (await kept.rows("select first_position from agent"))[0]
    if back.exception() is None:
        assert first <= 60
        position = (await kept.ask("session.position", id=identity))["position"]
        assert (position["event_index"], position["event_id"] is None) == (60, False)
    else:
        assert isinstance(back.exception(), NavigationOutOfBounds)
        assert first > 60
