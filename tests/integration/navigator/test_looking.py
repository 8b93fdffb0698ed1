"""Agents, events and snapshots: lists with their pages, single records, counts."""

import pytest

from stratoscope_contracts.errors import (
    AgentNotFound,
    BadRequest,
    EventNotFound,
    SnapshotNotFound,
)
from support.recorded import an_id, event, snapshot


async def pages(ask, verb, name, **body):
    """All pages of a list, each as a list of what `name` holds."""
    found, cursor = [], None
    while True:
        reply = await ask(verb, **body, cursor=cursor)
        found.append(reply[name])
        cursor = reply["cursor"]
        if cursor is None:
            return found


@pytest.fixture
async def ten(recorded):
    """An agent with ten events of two types, and a snapshot after each third."""
    records = []
    for n in range(10):
        records.append(event("error_occurred" if n % 4 == 3 else "memory_update", data={"n": n}))
        if n % 3 == 2:
            records.append(snapshot({"n": n}, label=f"after {n}", metadata={"m": n}))
    await recorded.add("walker", *records)
    return records


async def indexes(ask, **body):
    reply = await ask("events.list", agent="walker", **body)
    return [found["event_index"] for found in reply["events"]]


async def test_agents_are_listed_by_name_page_by_page(ask, recorded):
    for name in ("b", "a-1", "a-2", "c"):
        await recorded.add(name, event(at=1), snapshot({}, at=2))
    await recorded.add("hidden", event(), space="other")
    found = await pages(ask, "agents.list", "agents", limit=3)
    assert [[one["agent"] for one in page] for page in found] == [["a-1", "a-2", "b"], ["c"]]
    assert found[0][0] == {
        "agent": "a-1",
        "events": 1,
        "snapshots": 1,
        "duplicates": 0,
        "first_at": "2026-11-23T08:00:01.000000Z",
        "last_at": "2026-11-23T08:00:02.000000Z",
        "held": False,
        "held_by": [],
        "gated": False,
        "waiting_since": None,
        "horizon": None,
    }


async def test_agents_are_found_by_prefix(ask, recorded):
    for name in ("ab", "a_b", "axb"):
        await recorded.add(name, event())
    for prefix, names in {"a_": ["a_b"], "": 3, "%": [], "a\0": [], "x": []}.items():
        found = (await ask("agents.list", prefix=prefix))["agents"]
        assert names in (len(found), [one["agent"] for one in found])


async def test_an_empty_space_has_no_agents(ask):
    assert await ask("agents.list") == {"agents": [], "cursor": None}


async def test_an_event_has_all_that_was_recorded_and_its_place(ask, recorded):
    cause = event(at=0)
    effect = event(
        "custom.type",
        at=5,
        data={"b": 1, "a": [1.0, None]},
        metadata={"k": "v"},
        causes=[cause["id"]],
        patch=[{"op": "add", "path": "/n", "value": None}],
    )
    await recorded.add("walker", cause, effect, at=10)
    assert (await ask("events.get", id=effect["id"]))["event"] == {
        "id": effect["id"],
        "type": "custom.type",
        "occurred_at": "2026-11-23T08:00:05.000000Z",
        "data": {"b": 1, "a": [1.0, None]},
        "metadata": {"k": "v"},
        "causes": [cause["id"]],
        "patch": [{"op": "add", "path": "/n", "value": None}],
        "agent": "walker",
        "event_index": 1,
        "stream_seq": 1,
        "ordinal": 1,
        "recorded_at": "2026-11-23T08:00:10.000000Z",
        "late": False,
        "clamped": False,
        "depth": 2,
    }


async def test_late_and_clamped_events_say_so(ask, recorded):
    on_time, late, clamped = event(at=50), event(at=20), event(at=10 * 86_400)
    await recorded.add("walker", on_time, late, clamped, at=60)
    marks = {}
    for record in (on_time, late, clamped):
        found = (await ask("events.get", id=record["id"]))["event"]
        marks[record["id"]] = (found["late"], found["clamped"])
        assert found["occurred_at"][:19] == record["occurred_at"][:19]
    assert list(marks.values()) == [(False, False), (True, False), (False, True)]


async def test_an_id_that_two_agents_have_means_the_lower_place_or_the_agents_own(ask, recorded):
    one, other = event(), event()
    other["id"] = one["id"]
    await recorded.add("first", one)
    await recorded.add("second", other)
    assert (await ask("events.get", id=one["id"]))["event"]["agent"] == "first"
    assert (await ask("events.get", id=one["id"], agent="second"))["event"]["agent"] == "second"


async def test_an_event_that_is_not_there(ask, recorded, ten):
    with pytest.raises(EventNotFound):
        await ask("events.get", id=an_id())
    with pytest.raises(EventNotFound):
        await ask("events.get", id=ten[0]["id"], space="other")
    with pytest.raises(AgentNotFound):
        await ask("events.get", id=ten[0]["id"], agent="nobody")
    await recorded.add("other", event())
    with pytest.raises(EventNotFound):
        await ask("events.get", id=ten[0]["id"], agent="other")


async def test_a_range_is_after_from_and_up_to_to(ask, ten):
    at = {"event_index": 6}
    assert await indexes(ask, from_={"event_index": 2}, to=at) == [3, 4, 5, 6]
    assert await indexes(ask, to={"event_index": 1}) == [0, 1]
    assert await indexes(ask, from_={"event_index": 7}) == [8, 9]
    assert await indexes(ask, from_={"event_index": -1}, to={"event_index": 0}) == [0]
    assert await indexes(ask, from_={"latest": True}) == []
    assert await indexes(ask, from_=at, to={"event_index": 3}) == []


async def test_events_come_backward_too(ask, ten):
    assert await indexes(ask, direction="backward", limit=3) == [9, 8, 7]
    found = await pages(
        ask,
        "events.list",
        "events",
        agent="walker",
        direction="backward",
        limit=4,
        from_={"event_index": 1},
        to={"event_index": 8},
    )
    assert [[one["event_index"] for one in page] for page in found] == [[8, 7, 6, 5], [4, 3, 2]]


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("limit", [1, 3, 10, 1000])
@pytest.mark.parametrize("types", [None, ["error_occurred"], ["error_occurred", "memory_update"]])
async def test_pages_give_each_event_once_and_in_order(ask, ten, direction, limit, types):
    body = {"agent": "walker", "direction": direction, "limit": limit, "types": types}
    found = [
        one["data"]["n"]
        for page in await pages(ask, "events.list", "events", **body)
        for one in page
    ]
    expected = [n for n in range(10) if types != ["error_occurred"] or n % 4 == 3]
    assert found == (expected if direction == "forward" else expected[::-1])


async def test_a_type_that_nobody_used_has_no_events(ask, ten):
    assert await indexes(ask, types=["never.used"]) == []
    assert await indexes(ask, types=[]) == []


async def test_a_page_of_large_events_ends_early(ask, recorded):
    await recorded.add_messages([("walker", [event(data={"x": "x" * 2_000_000})])] * 1)
    for _ in range(4):
        await recorded.add("walker", event(data={"x": "x" * 2_000_000}))
    found = await pages(ask, "events.list", "events", agent="walker")
    assert [len(page) for page in found] == [3, 2]


async def test_a_cursor_belongs_to_its_request(ask, ten):
    cursor = (await ask("events.list", agent="walker", limit=2))["cursor"]
    again = await ask("events.list", agent="walker", limit=5, cursor=cursor, wait_ms=0)
    assert again["events"][0]["event_index"] == 2
    for other in ({"direction": "backward"}, {"to": {"event_index": 5}}):
        with pytest.raises(BadRequest) as refused:
            await indexes(ask, cursor=cursor, **other)
        assert refused.value.details["errors"][0]["field"] == "cursor"


@pytest.mark.parametrize("cursor", ["", "x", "é", "bm90IGpzb24", "W10", "MQ", "WzEsMl0", "=" * 9])
@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("events.list", {"agent": "walker"}),
        ("snapshots.list", {"agent": "walker"}),
        ("agents.list", {}),
    ],
)
async def test_a_cursor_of_nobodys_is_refused(ask, ten, verb, body, cursor):
    with pytest.raises(BadRequest):
        await ask(verb, **body, cursor=cursor)


@pytest.mark.parametrize("limit", [0, -1, 1001, 1.5, "10", None])
async def test_a_limit_has_limits(ask, ten, limit):
    with pytest.raises(BadRequest):
        await indexes(ask, limit=limit)


async def test_a_snapshot_has_its_state_and_place(ask, ten):
    found = await ask("snapshots.get", id=ten[3]["id"])
    assert found["state"] == {"n": 2}
    assert found["label"] == "after 2"
    assert found["metadata"] == {"m": 2}
    assert found["memory_usage"] is None
    assert found["position"]["event_index"] == 2
    assert found["position"]["ordinal"] == 3
    assert found["position"]["snapshot_id"] == ten[3]["id"]
    assert (await ask("snapshots.get", id=ten[3]["id"], path="n"))["state"] == 2
    assert (await ask("snapshots.get", id=ten[3]["id"], path="m"))["exists"] is False


async def test_a_snapshot_that_is_not_there(ask, ten):
    with pytest.raises(SnapshotNotFound):
        await ask("snapshots.get", id=an_id())
    with pytest.raises(SnapshotNotFound):
        await ask("snapshots.get", id=ten[0]["id"])
    with pytest.raises(BadRequest):
        await ask("snapshots.get", id=ten[3]["id"], path="a.")


async def test_snapshots_are_listed_without_state(ask, recorded, ten):
    patch = [{"op": "add", "path": "/p", "value": 1}]
    await recorded.add("walker", event(patch=patch), snapshot({"n": 11}, memory_usage=7))
    found = await pages(ask, "snapshots.list", "snapshots", agent="walker", limit=3)
    assert [[one["position"]["event_index"] for one in page] for page in found] == [[2, 5, 8], [10]]
    assert found[1][0]["memory_usage"] == 7
    assert "state" not in found[0][0]
    stretch = await ask(
        "snapshots.list",
        agent="walker",
        from_={"snapshot_id": ten[3]["id"]},
        to={"event_index": 8},
    )
    assert [one["label"] for one in stretch["snapshots"]] == ["after 5", "after 8"]


async def test_lists_of_nobody(ask):
    for verb in ("events.list", "snapshots.list"):
        with pytest.raises(AgentNotFound):
            await ask(verb, agent="nobody")


async def test_stats_count_the_space(ask, recorded, ten):
    await recorded.add("other", event(), snapshot({"a": 1}, memory_usage=5))
    await recorded.add("other", {"kind": "event", "type": "NOT A TYPE"})
    await recorded.add("elsewhere", event(), space="other")
    session = await ask("session.create", agent="walker")
    await ask("session.create", agent="walker")
    await ask("session.start", id=session["session"]["id"])
    found = await ask("stats")
    counts = {k: v for k, v in found.items() if k not in ("projected", "stored_bytes", "raw_bytes")}
    assert counts == {
        "total_agents": 2,
        "total_events": 11,
        "total_snapshots": 4,
        "total_diffs": 2,
        "total_memory_usage": 5,
        "active_sessions": 1,
        "total_sessions": 2,
        "dead_letters": 1,
        "lag": 0,
    }
    assert found["projected"] == {str(n): recorded.last_seq for n in range(16)}
    assert found["raw_bytes"] > 0
    assert found["stored_bytes"] > 0
    await recorded.set_watermark(3, 1)
    assert (await ask("stats"))["lag"] == recorded.last_seq - 1
