"""The longest chain of causes, across agents, with late causes and cycles."""

import pytest

from stratoscope.navigator import causality
from stratoscope_contracts.errors import EventNotFound, OverBudget
from support.recorded import an_id, event


async def chain(ask, last, **more):
    reply = await ask("causality.chain", event_id=last["id"], **more)
    return [found["id"] for found in reply["events"]]


async def test_the_longest_chain_comes_root_first(ask, recorded):
    root, other = event(), event()
    middle = event(causes=[root["id"]])
    last = event(causes=[other["id"], middle["id"]])
    await recorded.add("a", root)
    await recorded.add("b", other, middle)
    await recorded.add("c", last)
    assert await chain(ask, last) == [root["id"], middle["id"], last["id"]]
    assert await chain(ask, root) == [root["id"]]
    events = (await ask("causality.chain", event_id=last["id"]))["events"]
    assert [(found["agent"], found["depth"]) for found in events] == [("a", 1), ("b", 2), ("c", 3)]


async def test_late_causes_are_followed_and_unknown_ones_passed_over(ask, recorded):
    late = event()
    effect = event(causes=[late["id"], an_id()])
    await recorded.add("a", effect)
    await recorded.add("b", late)
    assert await chain(ask, effect) == [late["id"], effect["id"]]


async def test_a_cycle_ends(ask, recorded):
    one, other = event(), event()
    one["causes"], other["causes"] = [other["id"]], [one["id"], other["id"]]
    await recorded.add("a", one)
    await recorded.add("b", other)
    assert await chain(ask, one) == [other["id"], one["id"]]
    assert await chain(ask, other) == [one["id"], other["id"]]


async def test_causes_stay_within_the_space(ask, recorded):
    cause = event()
    effect = event(causes=[cause["id"]])
    await recorded.add("a", cause, space="other")
    await recorded.add("a", effect)
    assert await chain(ask, effect) == [effect["id"]]


async def test_an_id_means_the_lowest_place(ask, recorded):
    root, first = event(), event()
    second = event(causes=[root["id"]])
    second["id"] = first["id"]
    effect = event(causes=[first["id"]])
    await recorded.add("a", root, first)
    await recorded.add("b", second, effect)
    assert await chain(ask, effect) == [first["id"], effect["id"]]
    events = (await ask("causality.chain", event_id=effect["id"]))["events"]
    assert events[0]["agent"] == "a"


async def test_a_chain_of_thousands_is_whole(ask, recorded):
    records = [event()]
    for _ in range(4_999):
        records.append(event(causes=[records[-1]["id"]]))
    await recorded.add("a", *records)
    assert await chain(ask, records[-1]) == [record["id"] for record in records]


async def test_more_causes_than_are_followed_is_over_budget(ask, recorded, monkeypatch):
    roots = [event() for _ in range(20)]
    effect = event(causes=[root["id"] for root in roots])
    await recorded.add("a", *roots, effect)
    monkeypatch.setattr(causality, "MAX_NODES", 20)
    with pytest.raises(OverBudget) as refused:
        await chain(ask, effect)
    assert refused.value.details["nodes"] == 21


async def test_an_event_that_is_not_there(ask, recorded):
    there = event()
    await recorded.add("a", there)
    with pytest.raises(EventNotFound):
        await chain(ask, event())
    with pytest.raises(EventNotFound):
        await chain(ask, there, space="other")
