"""What is over a limit goes from the front, and everybody is told where the rest begins."""

from datetime import timedelta

import pytest

from stratoscope.domain.retention import Keeping
from stratoscope_contracts.errors import (
    EventNotFound,
    NavigationOutOfBounds,
    SnapshotNotFound,
)
from support.recorded import after, event, snapshot

HUNDRED = Keeping(events=100)


async def recorded_run(kept, *, events=400, every=10):
    """Events one after another, with a snapshot after every tenth; a second lies between each."""
    kept.limit(HUNDRED)
    ids, snapshots = [], []
    records = []
    for number in range(events):
        records.append(event(at=number, causes=ids[-1:], data={"n": number}))
        ids.append(records[-1]["id"])
        if number % every == every - 1:
            records.append(snapshot({"n": number, "text": "x" * 50}, at=number))
            snapshots.append(records[-1]["id"])
    for start in range(0, len(records), 50):
        await kept.add("a", *records[start : start + 50])
    return ids, snapshots


async def test_events_are_kept_to_their_limit_within_a_twentieth(kept):
    await recorded_run(kept)
    cleaned = await kept.clean(HUNDRED)
    assert (cleaned.moved, cleaned.held) == (1, 0)
    (agent,) = (await kept.ask("agents.list"))["agents"]
    assert 95 <= agent["events"] <= 100
    assert agent["horizon"]["event_index"] == 400 - agent["events"]
    stats = await kept.ask("stats")
    assert stats["total_events"] == agent["events"]
    assert stats["total_snapshots"] == agent["snapshots"]


async def test_rows_of_what_was_dropped_are_gone(kept):
    await recorded_run(kept)
    await kept.clean(HUNDRED)
    first, version = (await kept.rows("select first_position, first_version from agent"))[0]
    assert await kept.rows("select min(event_index), count(*) from event") == [(first, 400 - first)]
    assert await kept.rows("select min(version) from state_version") == [(version,)]
    assert await kept.rows("select slot from state_version where version = $1", version) == [(0,)]
    assert await kept.rows("select min(event_index), count(*) from edge") == [(first, 400 - first)]
    assert (await kept.rows("select min(version) from field_change"))[0][0] >= version


async def test_what_is_counted_is_what_is_there(kept):
    await recorded_run(kept)
    await kept.clean(HUNDRED)
    stats = await kept.ask("stats")
    (there,) = await kept.rows(
        "select count(snapshot_id) filter (where version >= first_shown),"
        " count(*) - count(*) filter (where slot = 0), sum(size), sum(octet_length(blob))"
        " from state_version join agent using (agent_id)"
    )
    told = ("total_snapshots", "total_diffs", "raw_bytes", "stored_bytes")
    assert tuple(stats[name] for name in told) == there


async def test_a_second_run_has_nothing_to_do(kept):
    await recorded_run(kept)
    await kept.clean(HUNDRED)
    before = await kept.rows("select * from agent")
    assert (await kept.clean(HUNDRED)).moved == 0
    assert await kept.rows("select * from agent") == before


async def test_places_before_the_horizon_are_answered_with_it(kept):
    await recorded_run(kept)
    await kept.clean(HUNDRED)
    (agent,) = (await kept.ask("agents.list"))["agents"]
    horizon = agent["horizon"]
    first = horizon["event_index"]
    for at, named in (
        ({"event_index": first - 1}, {"index": first - 1}),
        ({"event_index": -1}, {"index": -1}),
        ({"time": after(10).isoformat()}, {"time": "2026-11-23T08:00:10.000000Z"}),
        ({"stream_seq": 1}, {"stream_seq": 1}),
    ):
        with pytest.raises(NavigationOutOfBounds) as caught:
            await kept.ask("state.at", agent="a", at=at)
        assert caught.value.details == named | {"first": first, "last": 399, "horizon": horizon}
        assert f"before event {first}" in caught.value.message


async def test_a_cut_before_the_horizon_names_the_agent(kept):
    await recorded_run(kept)
    await kept.add("b", event(), snapshot({"b": 1}))
    await kept.clean(HUNDRED)
    for at in ({"stream_seq": 1}, {"time": after(1).isoformat(), "clock": "occurred"}):
        with pytest.raises(NavigationOutOfBounds) as caught:
            await kept.ask("state.cut", at=at)
        assert caught.value.details["agent"] == "a"
        assert caught.value.details["horizon"]["event_index"] >= 300
    cut = await kept.ask("state.cut", at={"stream_seq": kept.recorded.last_seq})
    assert [one["agent"] for one in cut["states"]] == ["a", "b"]


async def test_the_horizons_own_times_and_index_can_be_asked_for(kept):
    await recorded_run(kept)
    await kept.clean(HUNDRED)
    (agent,) = (await kept.ask("agents.list"))["agents"]
    horizon = agent["horizon"]
    for at in (
        {"event_index": horizon["event_index"]},
        {"time": horizon["occurred_at"]},
        {"time": horizon["recorded_at"], "clock": "recorded"},
        {"stream_seq": horizon["stream_seq"]},
    ):
        answered = await kept.ask("state.at", agent="a", at=at)
        assert answered["position"]["event_index"] >= horizon["event_index"]


async def test_ids_that_are_gone_are_not_found_and_it_is_said_why(kept):
    ids, snapshots = await recorded_run(kept)
    await kept.clean(HUNDRED)
    with pytest.raises(EventNotFound, match="were dropped by retention") as caught:
        await kept.ask("state.at", agent="a", at={"event_id": ids[0]})
    assert caught.value.details["horizon"]["event_index"] >= 300
    with pytest.raises(SnapshotNotFound, match="were dropped by retention"):
        await kept.ask("state.at", agent="a", at={"snapshot_id": snapshots[0]})
    with pytest.raises(EventNotFound, match="retention drops old records"):
        await kept.ask("events.get", id=ids[0])
    with pytest.raises(SnapshotNotFound, match="retention drops old records"):
        await kept.ask("snapshots.get", id=snapshots[0])


async def test_lists_begin_at_the_horizon_and_say_so(kept):
    await recorded_run(kept)
    await kept.clean(HUNDRED)
    events = await kept.ask("events.list", agent="a", limit=1000)
    first = events["horizon"]["event_index"]
    assert [one["event_index"] for one in events["events"]] == list(range(first, 400))
    snapshots = await kept.ask("snapshots.list", agent="a")
    assert [one["position"]["event_index"] for one in snapshots["snapshots"]] == [
        number for number in range(first, 400) if number % 10 == 9
    ]
    history = await kept.ask("state.history", agent="a", path="n")
    written = [one["change"]["new"] for one in history["changes"]]
    assert written == [number for number in range(first, 400) if number % 10 == 9][-len(written) :]
    assert len(written) >= len(snapshots["snapshots"]) - 1
    backward = await kept.ask("events.list", agent="a", direction="backward", limit=1000)
    assert backward["events"][-1]["event_index"] == first
    picked = await kept.ask("events.list", agent="a", where="state.n > 0", limit=1000)
    assert picked["horizon"] == events["horizon"]


async def test_nobody_wrote_it_within_what_is_kept(kept):
    kept.limit(HUNDRED)
    await kept.add("a", snapshot({"name": "x", "n": 0}))
    for start in range(0, 300, 50):
        await kept.add("a", *(event(patch=[patch(n)]) for n in range(start, start + 50)))
    written = await kept.ask("state.last_write", agent="a", path="name")
    assert written["change"]["new"] == "x"
    await kept.clean(HUNDRED)
    written = await kept.ask("state.last_write", agent="a", path="name")
    assert written["change"] is None
    assert written["horizon"]["event_index"] >= 200


def patch(number):
    return {"op": "replace", "path": "/n", "value": number}


async def test_a_chain_of_causes_names_those_that_are_gone(kept):
    ids, _ = await recorded_run(kept)
    await kept.clean(HUNDRED)
    chain = await kept.ask("causality.chain", event_id=ids[-1])
    first = chain["events"][0]["event_index"]
    assert [one["id"] for one in chain["events"]] == ids[first:]
    assert chain["missing"] == [ids[first - 1]]


async def test_ids_of_what_was_dropped_may_come_again(kept):
    ids, _ = await recorded_run(kept)
    await kept.clean(HUNDRED)
    await kept.add("a", event(id=ids[0]), event(id=ids[-1]))
    found = (await kept.ask("events.get", id=ids[0]))["event"]
    assert found["event_index"] == 400
    assert await kept.rows("select duplicates from agent") == [(1,)]


async def test_snapshots_are_kept_to_their_limit(kept):
    keeping = Keeping(snapshots=40)
    kept.limit(keeping)
    for number in range(100):
        await kept.add("a", event(), snapshot({"n": number}))
    await kept.clean(keeping)
    (agent,) = (await kept.ask("agents.list"))["agents"]
    assert 38 <= agent["snapshots"] <= 40
    snapshots = (await kept.ask("snapshots.list", agent="a"))["snapshots"]
    assert len(snapshots) == agent["snapshots"]


async def test_snapshots_of_an_agent_without_events_are_kept_to_their_limit(kept):
    keeping = Keeping(snapshots=40)
    kept.limit(keeping)
    for number in range(100):
        await kept.add("a", snapshot({"n": number}))
    await kept.clean(keeping)
    snapshots = await kept.ask("snapshots.list", agent="a")
    assert 38 <= len(snapshots["snapshots"]) <= 40
    assert snapshots["horizon"]["event_index"] == -1
    assert await kept.raw("a", {"event_index": -1}) == b'{"n":99}'
    with pytest.raises(NavigationOutOfBounds):
        await kept.ask("state.at", agent="a", at={"stream_seq": 10})


async def test_old_records_go_and_the_newest_stays(kept):
    keeping = Keeping(age=timedelta(seconds=100))
    kept.limit(keeping)
    for number in range(200):
        await kept.add("a", event(data={"n": number}), snapshot({"n": number}), at=number)
    await kept.clean(keeping, at=200)
    (agent,) = (await kept.ask("agents.list"))["agents"]
    assert 95 <= agent["events"] <= 100
    await kept.clean(keeping, at=100_000)
    (agent,) = (await kept.ask("agents.list"))["agents"]
    assert (agent["events"], agent["snapshots"]) == (1, 1)
    assert await kept.raw("a", {"latest": True}) == b'{"n":199}'


async def test_a_state_set_long_ago_stays_in_force(kept):
    """No group's start is near: the one before stays, and its snapshots are shown no more."""
    kept.limit(HUNDRED)
    first = snapshot({"goal": "explore"})
    await kept.add("a", first)
    for start in range(0, 300, 100):
        await kept.add("a", *(event() for _ in range(start, start + 100)))
    await kept.clean(HUNDRED)
    (agent,) = (await kept.ask("agents.list"))["agents"]
    assert (agent["events"], agent["snapshots"]) == (100, 0)
    for index in (200, 299):
        assert await kept.raw("a", {"event_index": index}) == b'{"goal":"explore"}'
    assert (await kept.ask("snapshots.list", agent="a"))["snapshots"] == []
    with pytest.raises(SnapshotNotFound):
        await kept.ask("snapshots.get", id=first["id"])


async def test_a_doubt_that_a_snapshot_ended_does_not_come_back(kept):
    kept.limit(HUNDRED)
    await kept.add("a", event(), snapshot({"n": 0}))
    await kept.add("a", event(patch=[{"op": "remove", "path": "/nothing"}]))
    await kept.add("a", snapshot({"n": 1}))
    for number in range(300):
        await kept.add("a", event(patch=[patch(number)]))
    await kept.clean(HUNDRED)
    latest = await kept.ask("state.at", agent="a", at={"latest": True})
    assert (latest["position"]["snapshot_id"], latest["tainted"]) == (None, False)
    await kept.add("a", event(patch=[{"op": "remove", "path": "/nothing"}]))
    assert (await kept.ask("state.at", agent="a", at={"latest": True}))["tainted"]


async def test_who_lost_the_lease_drops_nothing(kept):
    await recorded_run(kept)
    assert (await kept.clean(HUNDRED, epochs=1)).moved == 0
    assert await kept.rows("select count(*) from event") == [(400,)]


async def test_recording_goes_on_behind_the_horizon(kept):
    await recorded_run(kept)
    await kept.clean(HUNDRED)
    await kept.add("a", event(patch=[patch(1000)]), snapshot({"n": 1001}))
    assert await kept.raw("a", {"latest": True}) == b'{"n":1001}'
    (agent,) = (await kept.ask("agents.list"))["agents"]
    assert agent["first_at"] == agent["horizon"]["occurred_at"]
