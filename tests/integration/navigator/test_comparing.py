"""What differs between two positions."""

import pytest

from stratoscope_contracts.errors import AgentNotFound, BadRequest, NavigationOutOfBounds
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
