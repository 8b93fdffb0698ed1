"""A field through time: its history and its last writer, held to a scan of every version."""

import random
from copy import deepcopy
from typing import Any

import pytest

from stratoscope.domain.canonical import canonical
from stratoscope.domain.delta import Closing, DamagedChain
from stratoscope.domain.equality import equal
from stratoscope.domain.paths import MISSING, get, parse
from stratoscope.navigator import fields
from stratoscope_contracts.errors import AgentNotFound, BadRequest, OverBudget
from support.recorded import event, snapshot

FIELDS = [
    "",
    "health",
    "bag",
    "bag[0]",
    "bag[1].n",
    "place",
    "place.x",
    "place.deep.er",
    'a["b.c"]',
    "/bag/0",
    "/bag/1/n",
]
STEPS = 120


def a_state(dice: random.Random) -> dict[str, Any]:
    """A state in which most fields come and go."""
    state: dict[str, Any] = {}
    if dice.random() < 0.8:
        state["health"] = dice.choice([1, 1.0, 2, 0, -0.0, True, None])
    if dice.random() < 0.8:
        state["bag"] = [{"n": dice.randrange(3)} for _ in range(dice.randrange(4))]
    if dice.random() < 0.7:
        state["place"] = dice.choice([0, {"x": dice.randrange(2)}, {"x": 1, "deep": {"er": 1}}])
    if dice.random() < 0.5:
        state["a"] = {"b.c": dice.randrange(2)}
    return state


def a_run(seed: int) -> tuple[list[dict[str, Any]], list[tuple[int, dict[str, Any]]]]:
    """Records of snapshots, patches and mere events; and the states that they set, by index."""
    dice = random.Random(seed)
    records: list[dict[str, Any]] = []
    states: list[tuple[int, dict[str, Any]]] = []
    state: dict[str, Any] = {}
    index = -1
    for step in range(STEPS):
        kind = dice.choice(["event", "patch", "patch", "snapshot"])
        if kind == "snapshot":
            state = a_state(dice)
            records.append(snapshot(state))
            states.append((index, state))
            continue
        index += 1
        if kind == "event":
            records.append(event())
            continue
        state = deepcopy(state) | {"health": step % 5}
        records.append(event(patch=[{"op": "add", "path": "/health", "value": step % 5}]))
        states.append((index, state))
    return records, states


def naive(
    states: list[tuple[int, dict[str, Any]]], path: str
) -> list[tuple[int, int, object, object]]:
    """Every change: after which event, over how many, from what to what."""
    changes = []
    before_index, before = -1, {}
    for index, state in states:
        old, new = get(before, parse(path)), get(state, parse(path))
        gone = old is MISSING or new is MISSING
        if (old is not new) if gone else not equal(old, new):
            spelled = to_the_letter(old), to_the_letter(new)
            changes.append((index, index - before_index, *spelled))
        before_index, before = index, state
    return changes


def seen(change: dict[str, Any]) -> tuple[int, int, object, object]:
    sides = change["change"]
    return (
        change["position"]["event_index"],
        change["event_span"],
        to_the_letter(sides.get("old", MISSING)),
        to_the_letter(sides.get("new", MISSING)),
    )


def to_the_letter(value: object) -> object:
    """A value that tells 1 from 1.0."""
    return value if value is MISSING else canonical(value)


@pytest.mark.parametrize("seed", range(4))
async def test_history_gives_every_change_and_the_last_write_is_the_newest_of_them(
    ask, recorded, seed
):
    records, states = a_run(seed)
    recorded.closing = Closing(versions=(256, 13)[seed % 2])
    for start in range(0, len(records), 17):
        await recorded.add("walker", *records[start : start + 17])
    for path in FIELDS:
        changes = naive(states, path)
        assert await all_pages(ask, path) == changes, path
        for index in range(-1, states[-1][0] + 1, 9):
            assert await last_write(ask, path, index) == [c for c in changes if c[0] <= index][-1:]


async def all_pages(ask, path: str) -> list[object]:
    """A field's history, page by page."""
    found: list[object] = []
    cursor: dict[str, str] = {}
    while True:
        page = await ask("state.history", agent="walker", path=path, limit=7, **cursor)
        found += map(seen, page["changes"])
        if page["cursor"] is None:
            return found
        cursor = {"cursor": page["cursor"]}


async def last_write(ask, path: str, index: int) -> list[object]:
    """The newest change at or before an event; none where there is none."""
    reply = await ask("state.last_write", agent="walker", path=path, before={"event_index": index})
    if reply["change"] is None:
        assert reply["position"] is None
        return []
    return [seen(reply)]


async def test_asking_again_before_the_previous_goes_back_through_all_writes(ask, recorded):
    values = [0, 0, 1, 1, 2, 0]
    for value in values:
        await recorded.add("walker", event(), snapshot({"n": value}))
    found = []
    reply = await ask("state.last_write", agent="walker", path="n")
    while reply["previous"] is not None:
        found.append(reply["change"]["new"])
        before = {"event_index": reply["previous"]["event_index"]}
        reply = await ask("state.last_write", agent="walker", path="n", before=before)
    assert [*found, reply["change"]["new"]] == [0, 2, 1, 0]


async def test_history_keeps_to_its_stretch(ask, recorded):
    for number in range(10):
        await recorded.add("walker", event(), snapshot({"n": number}))
    page = await ask(
        "state.history",
        agent="walker",
        path="n",
        from_={"event_index": 3},
        to={"event_index": 6},
    )
    assert [change["change"] for change in page["changes"]] == [
        {"path": "n", "op": "modified", "old": number - 1, "new": number} for number in (4, 5, 6)
    ]


async def test_a_change_names_the_event_before_it_and_how_sure_that_is(ask, recorded):
    events = [event() for _ in range(3)]
    await recorded.add("walker", snapshot({"n": 0}), *events, snapshot({"n": 1}))
    reply = await ask("state.last_write", agent="walker", path="/n")
    assert reply["event_id"] == events[-1]["id"]
    assert reply["event_span"] == 3
    assert reply["change"]["path"] == "n"
    assert reply["previous"]["event_index"] == -1


async def test_numbers_keep_their_spelling(ask, recorded):
    await recorded.add("walker", snapshot({"n": 1}), event(), snapshot({"n": 1.0}))
    assert (await ask("state.history", agent="walker", path="n"))["changes"][0]["change"] == {
        "path": "n",
        "op": "added",
        "new": 1,
    }
    await recorded.add("walker", snapshot({"n": 2.0}))
    change = (await ask("state.last_write", agent="walker", path="n"))["change"]
    assert repr(change["old"]) == "1.0"
    assert repr(change["new"]) == "2.0"


async def test_answers_stay_right_where_a_stretch_was_recorded_without_the_index(ask, recorded):
    records, states = a_run(11)
    half = len(records) // 2
    recorded.field_index = False
    await recorded.add("walker", *records[:half])
    recorded.field_index = True
    await recorded.add("walker", *records[half:])
    for path in FIELDS:
        page = await ask("state.history", agent="walker", path=path, limit=1000)
        assert [seen(change) for change in page["changes"]] == naive(states, path), path


async def test_answers_stay_right_past_the_bound_of_paths(ask, recorded):
    wide = {f"key{n}": {"v": n} for n in range(40)}
    await recorded.add("walker", snapshot(wide))
    for n in range(5):
        await recorded.add("walker", event(), snapshot({k: {"v": n} for k in wide} | {"x": n}))
    page = await ask("state.history", agent="walker", path="key7.v")
    assert [change["change"].get("new") for change in page["changes"]] == [7, 0, 1, 2, 3, 4]


async def test_a_search_out_of_budget_says_how_far_it_got(ask, recorded, monkeypatch):
    monkeypatch.setattr(fields, "_BUDGET", 1)
    monkeypatch.setattr(fields, "_MOST_AT_ONCE", 8)
    await recorded.add("walker", event(), snapshot({"big": {"n": 0, "same": 1}}))
    # Without the index every version has to be looked at, and none of these wrote the field.
    recorded.field_index = False
    for n in range(30):
        await recorded.add("walker", event(), snapshot({"big": {"n": n, "same": 1}}))
    with pytest.raises(OverBudget) as error:
        await ask("state.last_write", agent="walker", path="big.same")
    reached = error.value.details["event_index"]
    assert 0 < reached < 30
    page = await ask("state.history", agent="walker", path="big.same", from_={"event_index": 0})
    assert page["changes"] == []
    assert page["cursor"] is not None


async def test_states_that_are_large_together_are_looked_at_in_turn(ask, recorded, monkeypatch):
    monkeypatch.setattr(fields, "_MOST_BYTES_AT_ONCE", 1)
    records, states = a_run(5)
    await recorded.add("walker", *records)
    page = await ask("state.history", agent="walker", path="bag", limit=1000)
    assert [seen(change) for change in page["changes"]] == naive(states, "bag")


async def test_a_version_that_is_indexed_and_not_there_is_damage(ask, recorded):
    for n in range(3):
        await recorded.add("walker", event(), snapshot({"n": n}))
    await recorded.pool.execute("delete from state_version where version = 1")
    with pytest.raises(DamagedChain, match="version 1"):
        await ask("state.history", agent="walker", path="n")


async def test_a_field_that_nobody_wrote_has_no_history(ask, recorded):
    await recorded.add("walker", event(), snapshot({"a": 1}))
    assert (await ask("state.history", agent="walker", path="b"))["changes"] == []
    reply = await ask("state.last_write", agent="walker", path="b")
    assert set(reply.values()) == {None}


async def test_wrong_questions_are_told(ask, recorded):
    await recorded.add("walker", event())
    with pytest.raises(AgentNotFound):
        await ask("state.history", agent="nobody", path="a")
    with pytest.raises(BadRequest):
        await ask("state.last_write", agent="walker", path="a[")
    with pytest.raises(BadRequest):
        await ask("state.history", agent="walker", path="a", cursor="what")
