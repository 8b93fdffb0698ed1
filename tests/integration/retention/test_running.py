"""Runs through a timeline whose beginning was dropped: what is kept is what can be run to."""

from stratoscope.domain.retention import Keeping
from stratoscope.navigator.progress import Progress
from stratoscope.navigator.sessions.continuing import Runs
from stratoscope_contracts.sessions import SessionContinueRequest
from support.recorded import event, snapshot

FEW = Keeping(events=50)
EVENTS = 200


def state(number):
    return {"health": 0 if number % 40 < 20 else 5, "n": number}


async def operator(kept):
    """A session at the end of a timeline that is cut to its last fifty events; its horizon."""
    kept.limit(FEW)
    for start in range(0, EVENTS, 50):
        records = []
        for number in range(start, start + 50):
            type = "error_occurred" if number % 16 == 0 else "action_execution"
            patch = [{"op": "replace", "path": "", "value": state(number)}]
            more = {"patch": patch} if number % 3 else {}
            records.append(event(type, at=number, data={"n": number}, **more))
            if not more:
                records.append(snapshot(state(number), at=number))
        await kept.add("a", *records)
    await kept.clean(FEW, at=EVENTS)
    (agent,) = (await kept.ask("agents.list"))["agents"]
    config = {"auto_breakpoints": False}
    session = (await kept.ask("session.create", agent="a", config=config))["session"]["id"]
    await kept.ask("session.start", id=session)
    return session, agent["horizon"]["event_index"]


async def all_stops(kept, session, direction, until):
    """Every event that a run comes by, and the last thing that stopped it."""
    runs, found = Runs(kept._dispatch), []
    while True:
        request = SessionContinueRequest(id=session, direction=direction, until=until)
        reply = await runs("default", request, Progress())
        if reply["stopped_by"] == "end":
            return found, reply["position"]["event_index"]
        found.append(reply["position"]["event_index"])


async def test_every_hit_that_is_kept_is_found_both_ways_and_the_horizon_is_the_end(kept):
    session, first = await operator(kept)
    kept_events = range(first, EVENTS)
    errors = [n for n in kept_events if n % 16 == 0 and n < EVENTS - 1]
    healed = [n for n in range(first + 1, EVENTS) if n % 40 == 20]
    cases = [
        ({"kind": "on_event_type", "type": "error_occurred"}, errors),
        ({"kind": "on_state", "path": "health", "op": "eq", "value": 5}, healed),
        ({"kind": "expression", "source": "event.data.n % 16 == 0 && state.n > 0"}, None),
        ({"kind": "on_causality_depth", "depth": 1}, [*kept_events]),
    ]
    for until, expected in cases:
        await kept.ask("session.goto", id=session, at={"latest": True})
        back, end = await all_stops(kept, session, "backward", until)
        assert end == first
        on, last = await all_stops(kept, session, "forward", until)
        assert last == EVENTS - 1
        if expected is not None:
            # Where one ends up is not run to again from there.
            assert {*back} | {*on} >= {*expected} - {first}
            assert {*back} | {*on} <= {*expected} | {first, EVENTS - 1}
        assert {*back} - {first} <= {*on}


async def test_changes_are_found_back_to_the_horizon_and_no_further(kept):
    session, first = await operator(kept)
    back, end = await all_stops(kept, session, "backward", {"kind": "on_change", "path": "n"})
    assert end == first
    assert {*back} - {first} == {*range(first + 1, EVENTS)} - {EVENTS - 1}
