"""Where two agents part."""

from uuid import uuid4

import pytest

from stratoscope_contracts.errors import AgentNotFound, BadRequest
from support.recorded import after, event, snapshot


def walk(n, *, health=100, **more):
    """What a run records at a step: an event whose id and time are its own, and a state."""
    data = {"step": n, "request_id": str(uuid4()), "seen": after(n * 7).isoformat()} | more
    return [event(data=data), snapshot({"n": n, "health": health, "trace": str(uuid4())})]


def run(*steps):
    return [record for step in steps for record in step]


async def diverge(ask, **more):
    return await ask("compare.divergence", agent="a", to_agent="b", **more)


async def indexes(found):
    return [place["event_index"] for place in found["positions"]]


async def test_two_runs_of_one_program_never_part(ask, recorded):
    for agent in "ab":
        await recorded.add(agent, snapshot({"n": -1}), *run(*(walk(n) for n in range(30))))
    found = await diverge(ask)
    assert found["positions"] is None
    assert (found["changes"], found["kind"], found["aligned"]) == ([], None, 30)
    assert found["complete"]
    exact = await diverge(ask, exact=True)
    assert (exact["kind"], exact["aligned"]) == ("different_event", 0)
    assert exact["events"][0]["data"]["step"] == exact["events"][1]["data"]["step"] == 0


async def test_states_that_differ_are_told_with_their_changes(ask, recorded):
    await recorded.add("a", *run(*(walk(n) for n in range(20))))
    await recorded.add("b", *run(*(walk(n, health=100 - (n >= 12)) for n in range(20))))
    found = await diverge(ask)
    assert found["kind"] == "different_state"
    assert await indexes(found) == [12, 12]
    assert found["aligned"] == 13
    assert [one["path"] for one in found["changes"]] == ["health"]
    assert found["states"]["changes"] == found["changes"]
    ignored = await diverge(ask, options={"exclude_paths": ["health"]})
    assert ignored["positions"] is None


async def test_one_event_more_makes_nothing_behind_it_differ(ask, recorded):
    await recorded.add("a", *run(*(walk(n) for n in range(40))))
    more = [event("error_occurred", data={"message": "try again"})]
    later = (walk(n, health=100 - (n >= 30)) for n in range(10, 40))
    await recorded.add("b", *run(*(walk(n) for n in range(10)), more, *later))
    found = await diverge(ask)
    assert found["kind"] == "extra_in_b"
    assert await indexes(found) == [9, 10]
    assert found["aligned"] == 10
    assert found["events"][0] is None
    assert found["events"][1]["data"] == {"message": "try again"}
    assert found["changes"] == []
    # Behind it all is the same again, until the states part.
    assert found["further"] == []
    assert [place["event_index"] for place in found["states"]["positions"]] == [30, 31]
    assert [one["path"] for one in found["states"]["changes"]] == ["health"]
    assert found["complete"]
    back = await ask("compare.divergence", agent="b", to_agent="a")
    assert back["kind"] == "extra_in_a"
    assert await indexes(back) == [10, 9]


async def test_another_event_in_place_of_one_is_told_as_both(ask, recorded):
    await recorded.add("a", *run(*(walk(n) for n in range(20))))
    other = ({} if n != 5 else {"choice": "left"} for n in range(18))
    await recorded.add("b", *run(*(walk(n, **more) for n, more in enumerate(other))))
    found = await diverge(ask)
    assert found["kind"] == "different_event"
    assert await indexes(found) == [5, 5]
    assert found["events"][1]["data"]["choice"] == "left"
    assert found["further"] == [{"kind": "extra_in_a", "event_indexes": [18, 18], "events": [2, 0]}]
    ignored = await diverge(ask, ignore_data=["choice"])
    assert (ignored["kind"], ignored["aligned"]) == ("extra_in_a", 18)


async def test_runs_with_nothing_in_common_part_for_good(ask, recorded):
    await recorded.add("a", *(event(data={"a": n}) for n in range(300)))
    await recorded.add("b", *(event(data={"b": n}) for n in range(310)))
    found = await diverge(ask)
    assert found["kind"] == "different_event"
    assert await indexes(found) == [0, 0]
    assert found["complete"]


async def test_what_stood_before_the_first_event_counts(ask, recorded):
    await recorded.add("a", snapshot({"x": 1}), event())
    await recorded.add("b", snapshot({"x": 2}), event())
    found = await diverge(ask)
    assert (found["kind"], await indexes(found), found["aligned"]) == (
        "different_state",
        [-1, -1],
        0,
    )


async def test_an_agent_without_events_is_a_run_too(ask, recorded):
    await recorded.add("a", snapshot({}))
    await recorded.add("b", snapshot({}), event(), event())
    found = await diverge(ask)
    assert (found["kind"], await indexes(found)) == ("extra_in_b", [-1, 0])
    assert (await ask("compare.divergence", agent="a", to_agent="a"))["positions"] is None


async def test_bad_questions_about_runs_are_told(ask, recorded):
    await recorded.add("a", event())
    with pytest.raises(AgentNotFound):
        await diverge(ask)
    await recorded.add("b", event())
    with pytest.raises(BadRequest) as refused:
        await diverge(ask, ignore_data=["a..b"])
    assert refused.value.details["errors"][0]["field"] == "ignore_data[0]"
