"""`session.continue`: where it stops, what it says, and what forbids it."""

import json
from uuid import UUID

import pytest

from stratoscope.navigator.progress import Progress
from stratoscope.navigator.sessions.continuing import Runs
from stratoscope_contracts.errors import (
    AgentNotFound,
    BadRequest,
    ConcurrentAccess,
    InvalidExpression,
    OverBudget,
)
from stratoscope_contracts.sessions import SessionContinueReply, SessionContinueRequest
from support.recorded import event, snapshot

ERROR = {"kind": "on_event_type", "type": "error_occurred"}
HURT = {"kind": "on_state", "path": "health", "op": "lt", "value": 3}
SLOW = "state.list.exists(x, x == 'nowhere') || event.data.n == 7"


class Operator:
    """A started session, run by short words."""

    def __init__(self, ask, identity):
        self._ask = ask
        self.id = identity
        self.runs = Runs(ask.dispatch)

    async def goto(self, index):
        await self._ask("session.goto", id=self.id, at={"event_index": index})

    async def go(self, direction="forward", *, progress=None, **body):
        sent = {"id": self.id, "direction": direction, **body}
        request = SessionContinueRequest.model_validate(sent)
        reply = await self.runs("default", request, progress or Progress())
        SessionContinueReply.model_validate(reply)
        return reply

    async def stops(self, direction="forward", **body):
        """Event index, and what stopped it."""
        reply = await self.go(direction, **body)
        assert reply["position"] == await self.where()
        return reply["position"]["event_index"], reply["stopped_by"]

    async def where(self):
        return (await self._ask("session.position", id=self.id))["position"]


@pytest.fixture
async def operator(ask, recorded):
    """A fight of ten events: hurt after 3 and 6, by snapshots, and errors at 2 and 7."""
    for n in range(10):
        type = "error_occurred" if n in (2, 7) else "action_execution"
        await recorded.add("fighter", event(type, at=n, data={"n": n}))
        if n in (3, 5, 6):
            await recorded.add("fighter", snapshot({"health": 5 if n == 5 else 1}, at=n))
    session = (await ask("session.create", agent="fighter", config={"auto_breakpoints": False}))[
        "session"
    ]
    await ask("session.start", id=session["id"])
    found = Operator(ask, session["id"])
    await found.goto(-1)
    return found


async def test_it_runs_on_and_back_to_a_condition(operator):
    for expected in (2, 7):
        assert await operator.stops(until=ERROR) == (expected, {"condition": True})
    assert await operator.stops(until=ERROR) == (9, "end")
    for expected in (7, 2):
        assert await operator.stops("backward", until=ERROR) == (expected, {"condition": True})
    assert await operator.stops("backward", until=ERROR) == (-1, "end")


async def test_it_stands_right_after_the_record_that_is_hit(operator, ask):
    reply = await operator.go(until=HURT)
    assert reply["position"]["event_index"] == 3
    assert reply["position"]["snapshot_id"] is not None
    state = await ask(
        "state.at", agent="fighter", at={"stream_seq": reply["position"]["stream_seq"]}
    )
    assert state["state"] == {"health": 1}
    # The event stands before its snapshot: both are places to run to.
    back = await operator.go("backward", until={"kind": "at_event_index", "index": 3})
    assert back["position"]["event_index"] == 3
    assert back["position"]["snapshot_id"] is None
    assert (await operator.go(until=HURT))["position"] == reply["position"]


async def test_a_pointer_finds_what_changes_in_a_list(operator, recorded):
    for bag in ([1, 1], [1, 2], [3, 2]):
        await recorded.add("fighter", snapshot({"health": 1, "bag": bag}), event())
    for path in ("/bag/1", "bag[1]"):
        await operator.goto(-1)
        until = {"kind": "on_change", "path": path}
        found = [await operator.stops(until=until) for _ in range(3)]
        assert found == [(9, {"condition": True}), (10, {"condition": True}), (12, "end")], path


async def test_where_there_is_nothing_more_to_come_it_stays(operator):
    await operator.goto(9)
    reply = await operator.go(until=ERROR)
    again = await operator.go(until=ERROR)
    assert again == reply
    assert reply["stopped_by"] == "end"


async def test_a_fence_stops_it_on_both_sides(operator):
    assert await operator.stops(until=ERROR, fence={"event_index": 1}) == (1, "fence")
    assert await operator.stops(until=ERROR, fence={"event_index": 2}) == (2, {"condition": True})
    assert await operator.stops(until=ERROR, fence={"event_index": 2}) == (2, "fence")
    await operator.goto(9)
    assert await operator.stops("backward", until=ERROR, fence={"event_index": 8}) == (8, "fence")
    fence = {"event_index": 7}
    assert await operator.stops("backward", until=ERROR, fence=fence) == (7, {"condition": True})


async def test_a_fence_behind_is_refused(operator):
    await operator.goto(5)
    with pytest.raises(BadRequest) as refused:
        await operator.go(until=ERROR, fence={"event_index": 4})
    assert refused.value.details["errors"][0]["field"] == "fence"
    with pytest.raises(BadRequest):
        await operator.go("backward", until=ERROR, fence={"event_index": 6})


async def test_without_a_condition_it_runs_to_what_breakpoints_stop_at(operator, ask):
    async def set_one(**body):
        return (await ask("breakpoint.create", **body))["breakpoint"]["id"]

    assert await operator.stops() == (9, "end")
    hurt = await set_one(agent="fighter", condition=HURT)
    error = await set_one(agent="*", condition=ERROR)
    also = await set_one(agent="fighter", condition=ERROR, session=operator.id)
    other = (await ask("session.create", agent="fighter"))["session"]["id"]
    await set_one(agent="fighter", condition={"kind": "at_event_index", "index": 4}, session=other)
    await set_one(agent="somebody", condition={"kind": "at_event_index", "index": 4})
    for index, stopper in ((7, error), (6, hurt), (3, hurt), (2, error)):
        assert await operator.stops("backward") == (index, {"breakpoint": stopper})
    await ask("breakpoint.disable", id=error)
    assert await operator.stops("backward") == (-1, "end")
    assert await operator.stops() == (2, {"breakpoint": also})
    assert await operator.stops(fence={"event_index": 3}) == (3, {"breakpoint": hurt})
    await ask("breakpoint.disable", id=hurt)
    assert await operator.stops(fence={"event_index": 5}) == (5, "fence")


async def test_policies_count_from_the_beginning(operator, ask):
    for hit, expected in (({"once": True}, [2, 9]), ({"after": 1}, [7, 9]), ({"every": 2}, [7, 9])):
        one = await ask("breakpoint.create", agent="fighter", condition=ERROR, hit=hit)
        await operator.goto(-1)
        assert [(await operator.stops())[0] for _ in expected] == expected, hit
        assert (await operator.stops("backward"))[0] == expected[0], hit
        await ask("breakpoint.remove", id=one["breakpoint"]["id"])


async def test_out_of_time_it_stands_where_it_got_to_and_goes_on_from_there(operator, recorded):
    for n in range(10, 30):
        await recorded.add("fighter", event(at=n, data={"n": n}))
    until = {"kind": "not", "condition": {"kind": "on_causality_depth", "depth": 1}}
    with pytest.raises(OverBudget) as short:
        await operator.go(until=until, seconds=1e-6)
    details = short.value.details
    assert details["position"] == await operator.where()
    assert details["event_index"] == details["position"]["event_index"] == 15
    assert await operator.stops(until=until) == (29, "end")
    with pytest.raises(OverBudget):
        await operator.go("backward", until=until, seconds=1e-6)
    assert (await operator.where())["event_index"] == 13


async def test_a_record_that_can_not_be_judged_ends_it_before_and_is_named(operator, recorded):
    await recorded.add("fighter", snapshot({"list": list(range(1001))}), event(data={"n": 10}))
    with pytest.raises(OverBudget) as stopped:
        await operator.go(until={"kind": "expression", "source": SLOW.replace("7", "99")})
    assert stopped.value.details["stopped_at"] == 10
    assert stopped.value.details["event_index"] == 9
    assert (await operator.where())["event_index"] == 9


async def test_for_a_breakpoint_what_can_not_be_judged_is_no_hit(operator, recorded, ask):
    await recorded.add("fighter", snapshot({"list": list(range(1001))}), event(data={"n": 7}))
    condition = {"kind": "expression", "source": SLOW}
    one = (await ask("breakpoint.create", agent="fighter", condition=condition))["breakpoint"]
    assert await operator.stops() == (7, {"breakpoint": one["id"]})
    assert await operator.stops() == (10, "end")


async def test_a_session_that_was_moved_meanwhile_is_not_moved_again(operator):
    class Slow(Runs):
        async def _stand(self, *arguments):
            await operator.goto(5)
            return await super()._stand(*arguments)

    operator.runs = Slow(operator.runs._dispatch)
    with pytest.raises(ConcurrentAccess):
        await operator.go(until=ERROR)
    assert (await operator.where())["event_index"] == 5


async def test_one_that_is_stopped_at_once_has_not_moved(operator):
    progress = Progress()
    progress.stop("enough")
    with pytest.raises(OverBudget) as stopped:
        await operator.go(until=ERROR, progress=progress)
    assert stopped.value.details["stopped"] is True
    assert (await operator.where())["event_index"] == -1


async def test_one_that_is_stopped_stands_where_it_got_to(operator, recorded):
    for n in range(10, 30):
        await recorded.add("fighter", event(at=n, data={"n": n}))

    class Impatient(Progress):
        def report(self, done, total=None, stage=None):
            if done:
                self.stop("enough")
            super().report(done, total, stage)

    until = {"kind": "not", "condition": {"kind": "on_causality_depth", "depth": 1}}
    with pytest.raises(OverBudget, match=r"enough: .* at event 15") as stopped:
        await operator.go(until=until, progress=Impatient())
    assert stopped.value.details["stopped"] is True
    assert stopped.value.details["position"] == await operator.where()
    assert await operator.stops(until=until) == (29, "end")


async def test_it_tells_how_far_it_is(operator):
    progress = Progress()
    nothing = {"kind": "not", "condition": {"kind": "on_causality_depth", "depth": 1}}
    await operator.goto(2)
    await operator.go(until=nothing, progress=progress)
    assert (progress.told.done, progress.told.total, progress.told.stage) == (7, 7, "searching")


@pytest.mark.parametrize(
    ("until", "error"),
    [
        ({"kind": "on_change", "path": "a["}, BadRequest),
        ({"kind": "expression", "source": "state.health <"}, InvalidExpression),
        ({"kind": "on_state", "path": "a", "op": "matches", "value": "("}, InvalidExpression),
    ],
)
async def test_a_condition_that_can_not_be_judged_is_refused(operator, until, error):
    with pytest.raises(error) as refused:
        await operator.go(until=until)
    assert refused.value.details["errors"][0]["field"].startswith("until")


async def test_a_session_that_can_not_move_does_not_run(operator, ask):
    await ask("session.complete", id=operator.id)
    with pytest.raises(ConcurrentAccess):
        await operator.go(until=ERROR)
    unknown = (await ask("session.create", agent="unknown"))["session"]["id"]
    await ask("session.start", id=unknown)
    with pytest.raises(AgentNotFound):
        await Operator(ask, unknown).go(until=ERROR)


@pytest.mark.parametrize(
    ("condition", "hit"),
    [
        ({"kind": "at_event_index", "index": 10**30}, None),
        ({"kind": "on_causality_depth", "depth": 10**30}, None),
        ({"kind": "on_change", "path": ".".join(["a"] * 1000)}, None),
        ({"kind": "at_event_index", "index": 1}, {"after": 10**30}),
    ],
)
async def test_a_stored_breakpoint_over_a_limit_stops_nothing_else(
    operator, ask, recorded, condition, hit
):
    """As versions without limits took them: each broke every run of its space."""
    at_1 = {"kind": "at_event_index", "index": 1}
    stored, good = [
        (await ask("breakpoint.create", agent="*", condition=at_1))["breakpoint"]["id"]
        for _ in range(2)
    ]
    await recorded.pool.execute(
        "update strato.breakpoint set condition = $2, hit = $3 where id = $1",
        UUID(stored),
        json.dumps(condition),
        None if hit is None else json.dumps(hit),
    )
    assert await operator.stops() == (1, {"breakpoint": good})
    if hit is None:
        holding = await ask("breakpoint.check", agent="fighter", at={"event_index": 1})
        assert [one["id"] for one in holding["holding"]] == [good]
