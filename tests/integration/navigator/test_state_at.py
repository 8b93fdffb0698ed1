"""State at any position: what each kind of `At` means, and what stands at its ends."""

import orjson
import pytest

from stratoscope_contracts.errors import (
    AgentNotFound,
    BadRequest,
    EventNotFound,
    NavigationOutOfBounds,
    SnapshotNotFound,
)
from support.recorded import Recorded, after, an_id, event, snapshot


def rfc(seconds: float) -> str:
    return after(seconds).isoformat().replace("+00:00", "Z")


@pytest.fixture
async def walk(recorded: Recorded) -> dict[str, dict]:
    """A snapshot before the first event, three events, two snapshots after the second."""
    records = {
        "start": snapshot({"at": "start"}, at=0),
        "first": event(at=1),
        "second": event(at=2),
        "one": snapshot({"at": "one", "x": {"y": [1, 2.0]}}, at=3),
        "two": snapshot({"at": "two"}, at=4),
        "third": event(at=5),
    }
    for name, record in records.items():
        record["seq"] = await recorded.add("walker", record)
        record["name"] = name
    return records


async def state(ask, at, **more):
    return (await ask("state.at", agent="walker", at=at, **more))["state"]


async def test_an_event_index_takes_in_what_follows_up_to_the_next_event(ask, walk):
    assert [(await state(ask, {"event_index": n}))["at"] for n in (-1, 0, 1, 2)] == [
        "start",
        "start",
        "two",
        "two",
    ]


async def test_a_position_says_where_it_is(ask, walk):
    found = await ask("state.at", agent="walker", at={"event_index": 1})
    assert found["position"] == {
        "agent": "walker",
        "event_index": 1,
        "event_id": walk["second"]["id"],
        "stream_seq": walk["two"]["seq"],
        "ordinal": 0,
        "occurred_at": "2026-11-23T08:00:02.000000Z",
        "recorded_at": "2026-11-23T08:00:03.000000Z",
        "snapshot_id": walk["two"]["id"],
        "state_event_index": 1,
    }
    assert found["exact"] is True
    assert found["tainted"] is False


async def test_before_the_first_event_the_times_are_those_of_the_last_record(ask, walk):
    found = await ask("state.at", agent="walker", at={"event_index": -1})
    position = found["position"]
    assert position["event_id"] is None
    assert position["snapshot_id"] == walk["start"]["id"]
    assert position["occurred_at"] == "2026-11-23T08:00:00.000000Z"
    assert (position["stream_seq"], position["ordinal"]) == (1, 0)
    assert found["exact"] is True


async def test_a_state_is_not_exact_once_an_event_stands_behind_it(ask, walk):
    found = await ask("state.at", agent="walker", at={"latest": True})
    assert found["position"]["event_index"] == 2
    assert found["position"]["state_event_index"] == 1
    assert found["exact"] is False


@pytest.mark.parametrize(
    ("seconds", "index", "at"),
    [
        (-1, -1, None),
        (0, -1, "start"),
        (2.5, 1, "start"),
        (3, 1, "one"),
        (4, 1, "two"),
        (5, 2, "two"),
        (10**6, 2, "two"),
    ],
)
async def test_a_time_is_a_prefix_of_events_and_snapshots(ask, walk, seconds, index, at):
    found = await ask("state.at", agent="walker", at={"time": rfc(seconds)})
    assert found["position"]["event_index"] == index
    assert found["state"].get("at") == at


async def test_before_all_records_there_is_nothing(ask, walk):
    found = await ask("state.at", agent="walker", at={"time": rfc(-1)})
    assert found["state"] == {}
    assert found["position"]["stream_seq"] is None
    assert found["position"]["occurred_at"] is None
    assert found["position"]["snapshot_id"] is None


async def test_the_recorded_clock_is_the_brokers(ask, recorded):
    await recorded.add("walker", event(at=100), at=10)
    await recorded.add("walker", event(at=101), at=20)
    found = await ask("state.at", agent="walker", at={"time": rfc(15), "clock": "recorded"})
    assert found["position"]["event_index"] == 0


@pytest.mark.parametrize(("seq", "at"), [(0, None), (1, "start"), (3, "start"), (4, "one")])
async def test_a_stream_seq_takes_in_all_up_to_it(ask, walk, seq, at):
    assert (await state(ask, {"stream_seq": seq})).get("at") == at


async def test_a_stream_seq_past_all_numbers_is_the_end(ask, walk):
    assert (await state(ask, {"stream_seq": 2**53 - 1}))["at"] == "two"


async def test_a_snapshot_is_right_after_itself(ask, walk):
    found = await ask("state.at", agent="walker", at={"snapshot_id": walk["one"]["id"]})
    assert found["state"]["at"] == "one"
    assert found["position"]["event_index"] == 1
    assert found["position"]["stream_seq"] == walk["one"]["seq"]


async def test_an_event_id_is_its_index(ask, walk):
    found = await ask("state.at", agent="walker", at={"event_id": walk["second"]["id"]})
    assert found["state"]["at"] == "two"


async def test_records_of_one_message_are_told_apart(ask, recorded):
    first, second = snapshot({"n": 1}), snapshot({"n": 2})
    await recorded.add("walker", event(), first, event(), second, event())
    assert await state(ask, {"event_index": 0}) == {"n": 1}
    assert await state(ask, {"snapshot_id": second["id"]}) == {"n": 2}
    found = await ask("state.at", agent="walker", at={"snapshot_id": first["id"]})
    assert found["position"]["ordinal"] == 1
    assert found["position"]["event_index"] == 0


async def test_a_path_gives_what_stands_there(ask, walk):
    at = {"snapshot_id": walk["one"]["id"]}
    assert await state(ask, at, path="x.y[1]") == 2.0
    assert await state(ask, at, path="/x/y/0") == 1
    missing = await ask("state.at", agent="walker", at=at, path="x.nothing")
    assert (missing["state"], missing["exists"]) == (None, False)


async def test_a_bad_path_is_told(ask, walk):
    with pytest.raises(BadRequest) as refused:
        await state(ask, {"latest": True}, path="a[")
    assert refused.value.details["errors"][0]["field"] == "path"


async def test_a_state_comes_back_as_its_canonical_bytes(ask, recorded):
    raw = b'{"a":1,"b":1.0,"c":18446744073709551615,"d":1e-7,"e":"\xc3\xa9\xe2\x82\xac"}'
    await recorded.add("walker", {"kind": "snapshot", "state": orjson.loads(raw)})
    reply = await ask.dispatch("default", "state.at", b'{"agent":"walker","at":{"latest":true}}')
    assert b'"state":' + raw + b"," in reply


async def test_patches_set_the_state_where_their_event_stands(ask, recorded):
    patch = [{"op": "add", "path": "/n", "value": 1}]
    await recorded.add("walker", event(), event(patch=patch), event())
    assert [await state(ask, {"event_index": n}) for n in (0, 1, 2)] == [{}, {"n": 1}, {"n": 1}]
    found = await ask("state.at", agent="walker", at={"event_index": 1})
    assert found["position"]["snapshot_id"] is None
    assert found["position"]["state_event_index"] == 1
    assert found["exact"] is True


async def test_any_state_of_a_long_timeline_is_rebuilt(ask, recorded):
    await recorded.add("walker", *(snapshot({"n": n, "pad": "x" * 50}) for n in range(600)))
    await recorded.add("walker", event())
    rows = await recorded.pool.fetch("select version, snapshot_id from state_version")
    for version in (0, 1, 255, 256, 511, 599):
        id_ = next(row["snapshot_id"] for row in rows if row["version"] == version)
        assert (await state(ask, {"snapshot_id": str(id_)}))["n"] == version


async def test_a_refused_patch_taints_until_the_next_snapshot(ask, recorded):
    bad = [{"op": "remove", "path": "/nothing"}]
    await recorded.add("walker", event(), snapshot({"n": 1}))
    kept = snapshot({"n": 2})
    await recorded.add("walker", kept)
    await recorded.add("walker", event(patch=bad))

    async def tainted(at):
        return (await ask("state.at", agent="walker", at=at))["tainted"]

    assert await tainted({"latest": True})
    assert await tainted({"event_index": 0})
    assert not await tainted({"snapshot_id": kept["id"]})
    assert not await tainted({"stream_seq": recorded.last_seq - 1})
    assert await tainted({"stream_seq": recorded.last_seq})
    await recorded.add("walker", event())
    assert await tainted({"event_index": 1})
    await recorded.add("walker", snapshot({"n": 3}))
    assert not await tainted({"latest": True})


@pytest.mark.parametrize("index", [3, 4, 2**53 - 1])
async def test_an_index_past_the_end_is_out_of_bounds(ask, walk, index):
    with pytest.raises(NavigationOutOfBounds) as refused:
        await state(ask, {"event_index": index})
    assert refused.value.details == {"index": index, "first": -1, "last": 2}


async def test_an_index_below_the_first_does_not_fit(ask, walk):
    with pytest.raises(BadRequest):
        await state(ask, {"event_index": -2})


async def test_an_agent_with_snapshots_alone_has_a_state(ask, recorded):
    await recorded.add("walker", snapshot({"n": 1}))
    assert await state(ask, {"event_index": -1}) == {"n": 1}
    with pytest.raises(NavigationOutOfBounds):
        await state(ask, {"event_index": 0})


async def test_who_is_not_there_is_not_found(ask, walk):
    with pytest.raises(AgentNotFound):
        await ask("state.at", agent="nobody", at={"latest": True})
    with pytest.raises(AgentNotFound):
        await ask("state.at", space="elsewhere", agent="walker", at={"latest": True})
    with pytest.raises(EventNotFound):
        await state(ask, {"event_id": an_id()})
    with pytest.raises(SnapshotNotFound):
        await state(ask, {"snapshot_id": an_id()})


async def test_ids_of_other_agents_are_not_this_ones(ask, recorded, walk):
    other = event()
    await recorded.add("other", other)
    with pytest.raises(EventNotFound):
        await state(ask, {"event_id": other["id"]})


async def test_an_agent_known_from_a_dead_letter_alone_is_not_there(ask, recorded):
    await recorded.add("walker", {"kind": "event", "type": "NOT A TYPE"})
    await recorded.add("walker", event(patch=[{"op": "remove", "path": "/nothing"}]))
    with pytest.raises(AgentNotFound):
        await state(ask, {"latest": True})


async def test_a_gap_is_told_with_its_event_and_taints_until_the_next_snapshot(ask, recorded):
    """Also where the snapshots before and after it came in the same message."""
    gap = {"records": 3, "first_at": f"{rfc(2)[:-1]}.000000Z", "last_at": f"{rfc(4)[:-1]}.000001Z"}
    before, missing = event(at=1), event(at=5, gap=gap)
    records = [snapshot({"n": 0}), before, missing, event(at=6), snapshot({"n": 1}), event(at=7)]
    await recorded.add("walker", *records)

    async def tainted(index):
        return (await ask("state.at", agent="walker", at={"event_index": index}))["tainted"]

    assert [await tainted(index) for index in range(-1, 4)] == [False, False, True, False, False]
    listed = (await ask("events.list", agent="walker"))["events"]
    assert [one.get("gap") for one in listed] == [None, gap, None, None]
    assert (await ask("events.get", id=missing["id"]))["event"]["gap"] == gap
    chain = (await ask("causality.chain", event_id=missing["id"]))["events"]
    assert [one["gap"] for one in chain] == [gap]


@pytest.mark.parametrize("patched", [True, False])
async def test_an_agent_of_which_all_was_refused_is_not_found(ask, recorded, patched: bool):
    """It has no record. Its first one makes it known, with what was refused before in doubt."""
    refused = event(patch=[{"op": "remove", "path": "/nothing"}]) if patched else snapshot([])
    await recorded.add("walker", refused)
    assert (await ask("agents.list"))["agents"] == []
    for verb, body in (
        ("state.at", {"at": {"latest": True}}),
        ("events.list", {}),
        ("snapshots.list", {}),
        ("state.history", {"path": "a"}),
    ):
        with pytest.raises(AgentNotFound):
            await ask(verb, agent="walker", **body)
    assert (await ask("stats"))["total_agents"] == 0
    await recorded.add("walker", event())
    found = await ask("state.at", agent="walker", at={"latest": True})
    assert (found["state"], found["tainted"]) == ({}, True)
    assert [one["agent"] for one in (await ask("agents.list"))["agents"]] == ["walker"]
