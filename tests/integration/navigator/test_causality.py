"""The longest chain of causes, across agents, with late causes and cycles."""

import random

import pytest

from stratoscope.navigator.causality import walking
from stratoscope.store import graphs
from stratoscope_contracts.errors import BadRequest, EventNotFound, OverBudget
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


async def test_open_causes_of_another_space_refuse_no_chain(ask, recorded, monkeypatch):
    """A space without late causes is read by depths, however many another space has."""
    roots = [event() for _ in range(20)]
    effect = event(causes=[root["id"] for root in roots])
    await recorded.add("a", *roots, effect)
    monkeypatch.setattr(walking, "MAX_NODES", 10)
    monkeypatch.setattr(graphs, "_OPEN_CAUSES", 2)
    await recorded.add("a", *(event(causes=[an_id()]) for _ in range(3)), space="other")
    assert len(await chain(ask, effect)) == 2


async def test_more_causes_than_are_followed_is_over_budget(ask, recorded, monkeypatch):
    *roots, late = (event() for _ in range(20))
    effect = event(causes=[root["id"] for root in (*roots, late)])
    await recorded.add("a", *roots, effect, late)
    monkeypatch.setattr(walking, "MAX_NODES", 20)
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


async def ids_of(ask, event_id, **more):
    reply = await ask("causality.effects", event_id=event_id, **more)
    return [found["id"] for found in reply["events"]], reply["cursor"]


async def test_effects_come_in_the_order_of_the_log_page_by_page(ask, recorded):
    cause = event()
    effects = [event(causes=[cause["id"]]) for _ in range(5)]
    further = event(causes=[effects[0]["id"], effects[1]["id"]])
    await recorded.add("b", cause)
    for number, effect in enumerate(effects):
        await recorded.add(f"agent-{number % 2}", effect)
    await recorded.add("c", further)
    names = [effect["id"] for effect in effects]

    assert await ids_of(ask, cause["id"]) == (names, None)
    assert await ids_of(ask, cause["id"], max_depth=2) == ([*names, further["id"]], None)
    for depth in (1, 2):
        found, cursor = await ids_of(ask, cause["id"], limit=2, max_depth=depth)
        while cursor:
            more, cursor = await ids_of(ask, cause["id"], limit=2, max_depth=depth, cursor=cursor)
            found += more
        assert found == names + [further["id"]] * (depth - 1)
    assert await ids_of(ask, further["id"]) == ([], None)


async def test_effects_stay_within_the_space_and_end_at_a_cycle(ask, recorded):
    one, other = event(), event()
    one["causes"], other["causes"] = [other["id"]], [one["id"]]
    await recorded.add("a", one, other)
    await recorded.add("a", event(causes=[one["id"]]), space="other")
    assert await ids_of(ask, one["id"], max_depth=50) == ([other["id"]], None)
    with pytest.raises(EventNotFound):
        await ask("causality.effects", event_id=an_id())
    with pytest.raises(EventNotFound):
        await ask("causality.effects", event_id=an_id(), max_depth=3)


async def test_a_cursor_of_another_question_is_refused(ask, recorded):
    cause = event()
    await recorded.add("a", cause, *(event(causes=[cause["id"]]) for _ in range(3)))
    _, cursor = await ids_of(ask, cause["id"], limit=1)
    with pytest.raises(BadRequest):
        await ids_of(ask, cause["id"], limit=1, max_depth=2, cursor=cursor)


async def test_a_graph_names_late_causes_cycles_and_what_is_missing(ask, recorded):
    root, middle, last, strange = event(), event(), event(), an_id()
    root["causes"] = [last["id"], strange]
    middle["causes"] = [root["id"]]
    last["causes"] = [middle["id"]]
    aside = event(causes=[root["id"]])
    for agent, record in (("a", root), ("b", middle), ("a", last), ("c", aside)):
        await recorded.add(agent, record)

    found = await ask("causality.graph", event_id=middle["id"], direction="causes")

    assert [node["id"] for node in found["nodes"]] == [root["id"], middle["id"], last["id"]]
    assert sorted(found["edges"]) == sorted(
        [[last["id"], root["id"]], [root["id"], middle["id"]], [middle["id"], last["id"]]]
    )
    assert found["late"] == found["cycles"] == [[last["id"], root["id"]]]
    assert found["missing"] == [strange]
    assert not found["truncated"]
    assert found["text"] is None
    chain = await ask("causality.chain", event_id=middle["id"])
    assert chain["cycles"] == [[last["id"], root["id"]]]

    both = await ask("causality.graph", event_id=middle["id"], direction="both", max_depth=1)
    assert [node["id"] for node in both["nodes"]] == [root["id"], middle["id"], last["id"]]
    assert both["missing"] == [strange]
    effects = await ask("causality.graph", event_id=root["id"], direction="effects", max_depth=1)
    assert {node["id"] for node in effects["nodes"]} == {root["id"], middle["id"], aside["id"]}
    small = await ask("causality.graph", event_id=middle["id"], direction="both", max_nodes=2)
    assert small["truncated"]
    assert [node["id"] for node in small["nodes"]] == [root["id"], middle["id"]]


@pytest.mark.parametrize(("format_", "begins"), [("dot", "digraph"), ("mermaid", "flowchart")])
async def test_a_graph_is_drawn_with_a_cluster_an_agent(ask, recorded, format_, begins):
    cause = event("message_sent")
    effect = event("error_occurred", causes=[cause["id"], an_id()])
    await recorded.add("trader", cause)
    await recorded.add("explorer-7", effect)
    drawn = await ask("causality.graph", event_id=effect["id"], direction="causes", format=format_)
    assert drawn["text"].startswith(begins)
    assert "trader" in drawn["text"]
    assert "not recorded" in drawn["text"]
    assert drawn["nodes"] is None
    assert not drawn["truncated"]


async def test_a_cause_that_is_recorded_but_not_shown_is_not_missing(ask, recorded):
    cause = event()
    effect = event(causes=[cause["id"]])
    await recorded.add("a", cause)
    await recorded.add("b", effect)
    found = await ask("causality.graph", event_id=effect["id"], direction="effects")
    assert (len(found["nodes"]), found["edges"], found["missing"]) == (1, [], [])
    with pytest.raises(EventNotFound):
        await ask("causality.graph", event_id=an_id(), direction="effects")


async def test_the_shortest_path_leads_from_cause_to_effect(ask, recorded):
    root, long, effect, other = event(), event(), event(), event()
    long["causes"] = [root["id"]]
    effect["causes"] = [long["id"], root["id"]]
    last = event(causes=[effect["id"]])
    await recorded.add("a", root, long)
    await recorded.add("b", effect, last, other)

    async def path(cause, to):
        events = (await ask("causality.path", from_=cause["id"], to=to["id"]))["events"]
        return events and [found["id"] for found in events]

    assert await path(root, last) == [root["id"], effect["id"], last["id"]]
    assert await path(long, last) == [long["id"], effect["id"], last["id"]]
    assert await path(last, last) == [last["id"]]
    assert await path(last, root) is None
    assert await path(other, last) is None
    for wrong in ((event(), last), (root, event())):
        with pytest.raises(EventNotFound):
            await path(*wrong)


async def test_timelines_and_causes_order_events_together(ask, recorded):
    first, sent, idle = event(), event(), event()
    received = event(causes=[sent["id"]])
    later = event()
    await recorded.add("idle", idle)
    await recorded.add("a", first, sent)
    await recorded.add("b", received, later)

    async def relation(a, b):
        return (await ask("causality.relation", a=a["id"], b=b["id"]))["relation"]

    assert await relation(first, sent) == "before"
    assert await relation(sent, first) == "after"
    assert await relation(first, later) == "before"
    assert await relation(later, first) == "after"
    assert await relation(idle, later) == "concurrent"
    assert await relation(later, idle) == "concurrent"
    assert await relation(later, later) == "same"
    with pytest.raises(EventNotFound):
        await relation(later, event())


async def test_a_late_cause_orders_what_stands_the_other_way_round(ask, recorded):
    early, after_early, cause, before_cause = event(), event(), event(), event()
    early["causes"] = [cause["id"]]
    await recorded.add("a", early, after_early)
    await recorded.add("b", before_cause, cause)

    async def relation(a, b):
        return (await ask("causality.relation", a=a["id"], b=b["id"]))["relation"]

    assert await relation(cause, early) == "before"
    assert await relation(after_early, before_cause) == "after"
    assert await relation(early, cause) == "after"


@pytest.mark.parametrize("looked_at", [1, 1_000])
async def test_relations_agree_with_a_naive_closure(ask, recorded, monkeypatch, looked_at):
    monkeypatch.setattr(graphs, "_OPEN_CAUSES", looked_at)
    drawn = random.Random(7)
    log = []
    for _ in range(40):
        named = [drawn.choice(log)[1]["id"] for _ in range(drawn.choice((0, 0, 1, 2))) if log]
        log.append((drawn.choice("abcd"), event(causes=list(dict.fromkeys(named)))))
    for position in (3, 11):  # causes that come later
        log[position][1]["causes"].append(log[position + 20][1]["id"])
    for agent, record in log:
        await recorded.add(agent, record)
    before = {}
    for position, (agent, record) in enumerate(log):
        timeline = [other["id"] for name, other in log[:position] if name == agent]
        owners = {other["id"]: name for name, other in log}
        before[record["id"]] = {*timeline, *(c for c in record["causes"] if owners[c] != agent)}

    def past(id_):
        found, left = set(), [id_]
        while left:
            left += before[one := left.pop()] - found
            found |= before[one]
        return found

    for _ in range(60):
        (name, a), (other, b) = drawn.sample(log, 2)
        told = (await ask("causality.relation", a=a["id"], b=b["id"]))["relation"]
        holds = {"before": a["id"] in past(b["id"]), "after": b["id"] in past(a["id"])}
        if name == other:
            ids = [record["id"] for owner, record in log if owner == name]
            assert told == ("before" if ids.index(a["id"]) < ids.index(b["id"]) else "after")
        else:
            assert holds[told] if told != "concurrent" else not any(holds.values())
