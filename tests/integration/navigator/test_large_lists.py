"""Lists end a page early where their rows are large, and the cursor goes on from there."""

from typing import Any

import orjson
import pytest

from stratoscope.navigator.breakpoints import past
from stratoscope.navigator.causality import walking
from stratoscope.store.pages import PAGE_BYTES
from stratoscope.store.timelines import Timelines
from stratoscope_contracts.errors import OverBudget
from support.recorded import event, snapshot

COUNT = 300
# A row at its limits: 64 KiB of condition, or as much of metadata, label and description.
FILL = {
    "breakpoint.list": "insert into strato.breakpoint (id, revision, armed_seq, created_at,"
    " is_enabled, space, agent, trigger, action, condition) select gen_random_uuid(), 1, 0, now(),"
    " true, 'default', 'a', 'edge', 'notify', json_build_object('kind', 'on_state', 'path', 'a',"
    " 'op', 'eq', 'value', repeat('x', 65000)) from generate_series(1, $1)",
    "session.list": "insert into strato.session (id, space, agent, state, event_index, created_at,"
    " updated_at, ends_at, description, tags) select gen_random_uuid(), 'default', 'a', 'active',"
    " -1, now(), now(), now() + interval '1 day', repeat('x', 40000),"
    " array_fill(repeat('x', 256), array[100]) from generate_series(1, $1)",
}


async def pages(ask: Any, verb: str, **body: Any) -> list[list[dict[str, Any]]]:
    """All pages of a list."""
    found: list[list[dict[str, Any]]] = []
    cursor = None
    while cursor is not None or not found:
        reply = await ask(verb, limit=1000, cursor=cursor, **body)
        cursor = reply["cursor"]
        (rows,) = [value for value in reply.values() if isinstance(value, list)]
        found.append(rows)
    return found


@pytest.mark.parametrize("verb", FILL)
async def test_a_page_ends_where_it_gets_large(ask: Any, verb: str) -> None:
    await ask.recorded.pool.execute(FILL[verb], COUNT)
    found = await pages(ask, verb)
    ids = [row["id"] for page in found for row in page]
    assert len(ids) == len(set(ids)) == COUNT
    assert len(found) > 1
    assert max(len(orjson.dumps(page)) for page in found) < PAGE_BYTES * 1.2


async def test_pages_of_snapshots_end_too(ask: Any) -> None:
    await ask.recorded.add("a", event())
    for _ in range(20):
        await ask.recorded.add("a", snapshot({"a": 1}))
    # As versions without a limit on labels took them.
    await ask.recorded.pool.execute("update state_version set label = repeat('x', 1000000)")
    found = await pages(ask, "snapshots.list", agent="a")
    assert [len(page) for page in found] == [6, 6, 6, 2]


async def test_a_row_over_the_bound_is_a_page(ask: Any) -> None:
    await ask.recorded.add("a", event())
    for _ in range(2):
        await ask.recorded.add("a", snapshot({"a": 1}))
    await ask.recorded.pool.execute(f"update state_version set label = repeat('x', {PAGE_BYTES})")
    assert [len(page) for page in await pages(ask, "snapshots.list", agent="a")] == [1, 1]


async def test_events_over_the_bound_of_a_whole_reply_are_refused_before_they_are_read(
    ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in past, walking:
        monkeypatch.setattr(module, "_REPLY_BYTES", 2000)

    async def unread(*_: Any) -> None:
        pytest.fail("events were read")

    before: list[str] = []
    for _ in range(3):
        one = event(data={"text": "x" * 1000}, causes=before)
        before = [one["id"]]
        await ask.recorded.add("a", one)
    monkeypatch.setattr(Timelines, "events", unread)
    with pytest.raises(OverBudget, match="3 events hold more than"):
        await ask("causality.graph", event_id=before[0], direction="causes")
    condition = {"kind": "on_event_type", "type": "action_execution"}
    with pytest.raises(OverBudget, match="ask for fewer hits"):
        await ask("breakpoint.create", agent="a", condition=condition, past=10)


async def test_pages_of_events_end_by_their_patches_too(ask: Any) -> None:
    await ask.recorded.add("a", event(), snapshot({"text": ""}))
    for letter in "abcdef":
        value = letter * (PAGE_BYTES // 4)
        patch = [{"op": "replace", "path": "/text", "value": value}]
        await ask.recorded.add("a", event(patch=patch))
    found = await pages(ask, "events.list", agent="a")
    assert [len(page) for page in found] == [4, 3]


async def test_pages_of_a_history_end_by_their_values(ask: Any) -> None:
    await ask.recorded.add("a", event(), snapshot({"text": ""}))
    for letter in "abcdef":
        patch = [{"op": "replace", "path": "/text", "value": letter * (6 << 20)}]
        await ask.recorded.add("a", event(patch=patch))
    page: dict[str, Any] = {"cursor": None}
    texts: list[str] = []
    sizes = []
    while not sizes or page["cursor"] is not None:
        page = await ask("state.history", agent="a", path="text", limit=1000, cursor=page["cursor"])
        texts += [one["change"]["new"][:1] for one in page["changes"]]
        sizes.append(len(page["changes"]))
    assert texts == ["", *"abcdef"]
    assert len(sizes) > 1


async def test_a_chain_tells_large_events_whole_between_small_ones(ask: Any) -> None:
    before: list[str] = []
    for text in "small", "large" * 2000, "small", "larger" * 2000:
        one = event(data={"text": text}, metadata={"size": len(text)}, causes=before)
        before = [one["id"]]
        await ask.recorded.add("a", one)
    reply = await ask("causality.chain", event_id=before[0])
    listed = await ask("events.list", agent="a")
    assert reply["events"] == listed["events"]
    assert [len(one["data"]["text"]) for one in reply["events"]] == [5, 10000, 5, 12000]
