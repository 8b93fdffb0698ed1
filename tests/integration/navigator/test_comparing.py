"""What differs between two positions."""

import asyncio
import json
import time

import pytest

from stratoscope.domain import patch
from stratoscope.navigator.comparing import comparisons
from stratoscope_contracts.errors import (
    AgentNotFound,
    BadRequest,
    InvalidDiff,
    NavigationOutOfBounds,
    OverBudget,
)
from support.recorded import event, snapshot


@pytest.fixture
async def fight(recorded):
    await recorded.add("walker", event(), snapshot({"health": 100, "bag": ["key"], "x": None}))
    await recorded.add("walker", event(), snapshot({"health": 20.5, "bag": [], "y": {"z": 1}}))
    await recorded.add("other", event(), snapshot({"health": 100.0, "bag": ["key"], "x": None}))


async def compare(ask, first, second, **more):
    return await ask(
        "compare", agent="walker", from_={"event_index": first}, to={"event_index": second}, **more
    )


async def test_changes_come_with_both_sides_and_a_summary(ask, fight):
    found = await compare(ask, 0, 1)
    assert found["changes"] == [
        {"path": "bag[0]", "op": "removed", "old": "key"},
        {"path": "health", "op": "modified", "old": 100, "new": 20.5},
        {"path": "x", "op": "removed", "old": None},
        {"path": "y", "op": "added", "new": {"z": 1}},
    ]
    summary = found["summary"]
    assert summary["total_changes"] == 4
    assert (summary["additions"], summary["modifications"], summary["removals"]) == (1, 1, 2)
    assert 0 < summary["similarity_score"] < 1 or summary["similarity_score"] == 0
    assert sum(summary["change_categories"].values()) == 4
    assert (found["from"]["event_index"], found["to"]["event_index"]) == (0, 1)


async def test_backwards_the_sides_change_places(ask, fight):
    back = {one["path"]: one["op"] for one in (await compare(ask, 1, 0))["changes"]}
    assert back == {"bag[0]": "added", "health": "modified", "x": "added", "y": "removed"}


async def test_a_position_equals_itself(ask, fight):
    found = await compare(ask, 1, 1)
    assert found["changes"] == []
    assert found["summary"]["similarity_score"] == 1


async def test_two_agents_are_compared_and_numbers_by_value(ask, fight):
    found = await compare(ask, 0, 0, to_agent="other")
    assert found["changes"] == []
    assert found["to"]["agent"] == "other"


async def test_from_nothing_all_is_added(ask, fight):
    found = await compare(ask, -1, 0)
    assert {one["op"] for one in found["changes"]} == {"added"}


async def test_large_states_are_compared_beside_the_loop(ask, recorded):
    large = {f"k{n}": "v" * 100 for n in range(4000)}
    await recorded.add("walker", event(), snapshot(large), event(), snapshot(large | {"k7": 1}))
    found = await compare(ask, 0, 1)
    assert [one["path"] for one in found["changes"]] == ["k7"]


async def test_options_say_what_counts(ask, fight):
    whole = await compare(ask, 0, 1, options={})
    assert len(whole["changes"]) == 4
    some = await compare(ask, 0, 1, options={"include_paths": ["*.*", "health"], "max_depth": 1})
    assert [one["path"] for one in some["changes"]] == ["bag", "health", "y"]
    for wrong in ({"include_paths": ["a..b"]}, {"categories": {"x": ["["]}}):
        with pytest.raises(BadRequest) as refused:
            await compare(ask, 0, 1, options=wrong)
        assert refused.value.details["errors"][0]["field"].startswith("options.")
    with pytest.raises(BadRequest):
        await compare(ask, 0, 1, options={"no_such": True})


async def test_who_or_what_is_not_there(ask, fight):
    with pytest.raises(AgentNotFound):
        await compare(ask, 0, 0, to_agent="nobody")
    with pytest.raises(NavigationOutOfBounds):
        await compare(ask, 0, 2)
    with pytest.raises(NavigationOutOfBounds):
        await compare(ask, 0, 1, to_agent="other")


async def test_a_timeline_compares_each_snapshot_with_the_next_page_by_page(ask, recorded):
    records = [snapshot({"n": 0, "kept": "x" * 40})]
    for n in range(1, 12):
        patch = [{"op": "replace", "path": "/n", "value": n * 10}]
        records += [event(patch=patch), snapshot({"n": n, "kept": "x" * 40})]
    await recorded.add("walker", *records)

    pages = [await ask("compare.timeline", agent="walker", limit=4)]
    while pages[-1]["cursor"]:
        cursor = pages[-1]["cursor"]
        pages.append(await ask("compare.timeline", agent="walker", limit=4, cursor=cursor))

    assert [len(page["comparisons"]) for page in pages] == [4, 4, 3]
    found = [one for page in pages for one in page["comparisons"]]
    assert [one["from"]["event_index"] for one in found] == list(range(-1, 10))
    assert [one["to"]["event_index"] for one in found] == list(range(11))
    assert {one["summary"]["total_changes"] for one in found} == {1}
    assert found[0]["to"]["snapshot_id"] == found[1]["from"]["snapshot_id"]
    some = await ask("compare.timeline", agent="walker", from_={"event_index": 3})
    assert [one["to"]["event_index"] for one in some["comparisons"]] == list(range(5, 11))
    one = await ask("compare.timeline", agent="walker", to={"event_index": -1})
    assert one["comparisons"] == []


async def test_patterns_of_a_run_say_what_moves_and_what_stands_out(ask, recorded):
    records = []
    for n in range(40):
        state = {"n": n, "page": list(range(n)), "secret": 0, "rest": ["x"] * 30}
        if n >= 30:
            state["secret"] = 1
        if n == 20:
            state["rest"] = ["y"] * 30
        records += [event(at=n * 30), snapshot(state, at=n * 30)]
    await recorded.add("walker", *records)

    found = await ask("compare.patterns", agent="walker")

    assert found["comparisons"] == 39
    assert found["volatile_fields"][0] == ["n", 39]
    assert found["category_trends"]["size"]["direction"] == "stable"
    assert found["similarity_trend"]["direction"] == "increasing"
    assert found["change_frequency"]["seconds"] == 39 * 30
    assert found["change_frequency"]["per_minute"] == pytest.approx((39 * 2 + 61) / 19.5)
    told = {(one["kind"], one["position"]["event_index"]): one for one in found["anomalies"]}
    assert ("size", 20) in told
    assert told["path", 30]["path"] == "secret"
    assert told["path", 30]["from"]["event_index"] == 29


async def test_patterns_of_nothing_are_there_too(ask, recorded):
    await recorded.add("walker", event())
    found = await ask("compare.patterns", agent="walker")
    assert found["comparisons"] == 0
    assert found["similarity_trend"]["direction"] == "unknown"
    assert found["change_frequency"]["per_minute"] is None


async def test_a_timeline_goes_by_options_too(ask, recorded):
    states = [{"n": n, "list": [n % 2, 1 - n % 2], "same": n // 2} for n in range(6)]
    await recorded.add("walker", *(each for state in states for each in (event(), snapshot(state))))
    options = {"exclude_paths": ["n", "list[*]"], "categories": {"own": ["same"]}}
    found = (await ask("compare.timeline", agent="walker", options=options))["comparisons"]
    assert [one["summary"]["total_changes"] for one in found] == [0, 1, 0, 1, 0]
    assert found[1]["summary"]["change_categories"]["own"] == 1
    shuffled = {"ignore_order": True, "include_paths": ["list"]}
    found = (await ask("compare.timeline", agent="walker", options=shuffled))["comparisons"]
    assert {one["summary"]["total_changes"] for one in found} == {0}


@pytest.mark.parametrize("form", ["unified", "side_by_side", "json", "json_patch", "html"])
async def test_a_comparison_is_rendered_in_every_form(ask, fight, form):
    found = await ask(
        "compare.render",
        agent="walker",
        from_={"event_index": 0},
        to={"event_index": 1},
        format=form,
        width=60,
    )
    text = found["text"]
    match form:
        case "unified":
            assert text.startswith("--- walker@0\t2026-")
            assert '\n-  "health": 100,\n' in text
            assert '\n+  "health": 20.5,\n' in text
        case "side_by_side":
            assert max(map(len, text.splitlines())) <= 60
        case "json":
            whole = json.loads(text)
            assert whole["from"]["event_index"] == 0
            assert len(whole["changes"]) == whole["summary"]["total_changes"] == 4
        case "json_patch":
            assert found["media_type"] == "application/json-patch+json"
            first = (await ask("state.at", agent="walker", at={"event_index": 0}))["state"]
            second = (await ask("state.at", agent="walker", at={"event_index": 1}))["state"]
            assert patch.apply(first, json.loads(text)) == second
        case "html":
            assert text.startswith("<!doctype html>")
            assert "walker@0" in text


async def test_a_patch_leaves_nothing_out(ask, fight):
    body = {"agent": "walker", "from_": {"event_index": 0}, "to": {"event_index": 1}}
    for options in ({"exclude_paths": ["health"]}, {"ignore_order": True}):
        with pytest.raises(InvalidDiff) as refused:
            await ask("compare.render", **body, format="json_patch", options=options)
        assert refused.value.details["options"] == [*options]
    deep = await ask("compare.render", **body, format="json_patch", options={"max_depth": 1})
    assert deep["text"].startswith("[")


async def test_a_comparison_that_takes_too_long_is_stopped_and_nobody_waits_for_it(
    ask, recorded, monkeypatch
):
    monkeypatch.setattr(comparisons, "BUDGET_SECONDS", 1.5)
    rows = [{"n": n, "v": [n * k for k in range(12)]} for n in range(1500)]
    other = [{"n": n, "v": [n * k + 1 for k in range(12)]} for n in reversed(range(1500))]
    await recorded.add("walker", event(), snapshot({"rows": rows}))
    await recorded.add("walker", event(), snapshot({"rows": other}))
    stop = asyncio.Event()
    watching = asyncio.create_task(longest_stall(stop))
    with pytest.raises(OverBudget):
        # It would take a minute.
        async with asyncio.timeout(15):
            await compare(ask, 0, 1, options={"ignore_order": True})
    stop.set()
    assert await watching < 0.1
    # The next one finds a worker, however long that takes to start.
    monkeypatch.setattr(comparisons, "BUDGET_SECONDS", 60.0)
    found = await compare(ask, 0, 0, options={"ignore_order": True})
    assert found["changes"] == []


async def longest_stall(stop: asyncio.Event) -> float:
    """By the processor's time: what others take of a busy machine is no stall of ours."""
    longest, last = 0.0, time.process_time()
    while not stop.is_set():
        await asyncio.sleep(0.005)
        now = time.process_time()
        longest, last = max(longest, now - last), now
    return longest
