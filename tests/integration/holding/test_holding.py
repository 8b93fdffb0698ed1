"""Live agents are held at their gates, and come out of them rightly."""

import asyncio
import json
import logging
import signal
import threading
import time
from uuid import UUID

import nats
import pytest

import stratoscope
from stratoscope.adapters.langgraph import record
from support import graphs
from support.eventually import eventually
from support.held import Stand, walking

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_paused_agent_is_held_until_it_is_resumed(
    stand: Stand, strato: stratoscope.Recorder
) -> None:
    async with walking(strato, "paused") as walker:
        await walker.goes_on()
        reply = await stand.ask("agent.pause", agent="paused")
        assert (reply["held"], reply["held_by"]) == (True, ["operator"])
        listed = await stand.until_waiting("paused")
        assert (listed["held"], listed["held_by"], listed["gated"]) == (True, ["operator"], True)
        # What it recorded before it was held is there to be looked at.
        assert listed["events"] == await walker.stands()
        reply = await stand.ask("agent.resume", agent="paused")
        assert reply == {
            "agent": "paused",
            "held": False,
            "held_by": [],
            "gated": True,
            "waiting_since": None,
        }
        await walker.goes_on()


@pytest.mark.parametrize("exact", [False, True])
async def test_a_held_agent_records_as_many_events_as_it_is_let(
    stand: Stand, strato: stratoscope.Recorder, exact: bool
) -> None:
    name = f"stepped-{exact}"
    async with walking(strato, name, exact=exact) as walker:
        await walker.goes_on()
        await stand.ask("agent.pause", agent=name)
        await stand.until_waiting(name)
        before = await walker.stands()
        for events in (1, 3):
            reply = await stand.ask("agent.step", agent=name, events=events)
            assert (reply["held"], reply["held_by"]) == (True, ["operator"])
            await walker.reaches(before + events)
            assert await walker.stands() == before + events
            before += events
        await stand.ask("agent.resume", agent=name)
        await walker.goes_on()


async def test_an_agent_that_nobody_holds_is_not_stepped(
    stand: Stand, strato: stratoscope.Recorder
) -> None:
    async with walking(strato, "unheld") as walker:
        await walker.goes_on()
        reply = await stand.ask("agent.step", agent="unheld")
        assert (reply["held"], reply["held_by"]) == (False, [])
        await walker.goes_on()


async def test_an_agent_can_be_held_before_it_is_there(
    stand: Stand, strato: stratoscope.Recorder
) -> None:
    reply = await stand.ask("agent.pause", agent="early")
    assert (reply["held"], reply["held_by"], reply["gated"]) == (False, ["operator"], False)
    async with walking(strato, "early") as walker:
        assert await walker.stands() == 0
        await stand.ask("agent.resume", agent="early")
        await walker.goes_on()


async def test_a_recorder_that_still_connects_asks_at_its_first_gate(stand: Stand) -> None:
    await stand.ask("agent.pause", agent="begun")
    async with stratoscope.connect(stand.server.url) as recorder:
        gate = asyncio.create_task(recorder.agent("begun").gate())
        done, _ = await asyncio.wait([gate], timeout=0.3)
        assert not done
        await stand.ask("agent.resume", agent="begun")
        async with asyncio.timeout(2):
            await gate


async def test_without_a_broker_the_quick_gate_is_open() -> None:
    async with stratoscope.connect("nats://127.0.0.1:9", close_timeout=0) as recorder:
        agent = recorder.agent("nowhere")
        async with asyncio.timeout(2):
            for _ in range(100):
                await agent.gate()


async def test_an_agent_without_a_gate_is_not_held_and_the_list_says_so(
    stand: Stand, strato: stratoscope.Recorder
) -> None:
    agent = strato.agent("gateless")
    await agent.event("action_execution")
    seq = await agent.flush(5)
    reply = await stand.ask("agent.pause", agent="gateless", wait_for=seq, wait_ms=20_000)
    assert (reply["held"], reply["held_by"]) == (False, ["operator"])
    listed = await stand.listed("gateless")
    assert (listed["held"], listed["held_by"], listed["gated"]) == (False, ["operator"], False)


async def test_several_who_hold_an_agent_each_let_it_go(
    stand: Stand, strato: stratoscope.Recorder
) -> None:
    first, second = [await _session(stand, "shared") for _ in range(2)]
    async with walking(strato, "shared") as walker:
        await walker.goes_on()
        await stand.ask("agent.pause", agent="shared", session=first)
        await stand.ask("agent.pause", agent="shared", session=second)
        await stand.until_waiting("shared")
        await _end(stand, first)
        await walker.stands()
        # The last of them lets it go, within a second.
        await _end(stand, second)
        await walker.goes_on()
        assert (await stand.listed("shared"))["held_by"] == []


async def test_a_hold_lasts_no_longer_than_is_allowed(
    stand: Stand, strato: stratoscope.Recorder
) -> None:
    async with walking(strato, "forgotten") as walker:
        await walker.goes_on()
        await stand.ask("agent.pause", agent="forgotten")
        await stand.until_waiting("forgotten")
        older = "update hold set held_at = held_at - $1 * interval '1 s' where agent = 'forgotten'"
        await stand.execute(older, 590)
        await walker.stands()
        await stand.execute(older, 10)
        await walker.goes_on()


async def test_an_agent_hears_of_a_hold_that_nobody_told_it_of(
    stand: Stand, strato: stratoscope.Recorder
) -> None:
    """Who placed it, say for a hit, may have ended before the pause was sent."""
    async with walking(strato, "untold") as walker:
        await walker.goes_on()
        breakpoint_id = UUID(int=41)
        await stand.execute(
            "insert into hold (held_at, space, agent, held_by)"
            " values (now(), 'default', 'untold', $1)",
            str(breakpoint_id),
        )
        listed = await stand.until_waiting("untold")
        assert listed["held_by"] == [str(breakpoint_id)]
        await stand.ask("agent.resume", agent="untold")
        await walker.goes_on()


async def test_an_exact_gate_opens_once_what_was_recorded_is_seen(
    stand: Stand, strato: stratoscope.Recorder
) -> None:
    agent = strato.agent("exact")
    await agent.gate()
    stand.projector.process.send_signal(signal.SIGSTOP)
    try:
        await agent.event("action_execution")
        gate = asyncio.create_task(agent.gate(exact=True))
        done, _ = await asyncio.wait([gate], timeout=0.5)
        assert not done
    finally:
        stand.projector.process.send_signal(signal.SIGCONT)
    async with asyncio.timeout(5):
        await gate
    assert (await stand.listed("exact"))["events"] == 1


async def test_nothing_runs_past_a_breakpoint_at_an_exact_gate(
    stand: Stand, strato: stratoscope.Recorder
) -> None:
    name, session = "exactly", await _session(stand, "exactly")
    made = await stand.ask(
        "breakpoint.create",
        agent=name,
        session=session,
        condition={"kind": "at_event_index", "index": 5},
        action="pause",
    )
    async with walking(strato, name, exact=True) as walker:
        await walker.reaches(6)
        listed = await stand.until_waiting(name)
        assert listed["held_by"] == [made["breakpoint"]["id"]]
        assert await walker.stands() == 6
        await stand.ask("agent.step", agent=name, events=2)
        await walker.reaches(8)
        assert await walker.stands() == 8
        # The operator's session takes the breakpoint's hold along.
        await stand.ask("session.start", id=session)
        await stand.ask("session.complete", id=session)
        await walker.goes_on()


async def test_an_agent_that_floods_its_gate_keeps_no_other_agent_at_its_own(stand: Stand) -> None:
    """Its questions used up what all agents of its space may ask at a time."""
    async with await nats.connect(stand.server.url) as client:
        inbox = client.new_inbox()
        heard = await client.subscribe(inbox)
        for _ in range(3_300):
            # What is never projected is waited for.
            await client.publish("strato.default.gate.loud", b'{"after":1000000000000}', inbox)
        reply = await client.request("strato.default.gate.quiet", b'{"after":0}', timeout=30)
        assert json.loads(reply.data) == {"go": True}
        assert b"over_budget" in (await heard.next_msg(timeout=30)).data


async def test_a_quick_gate_hears_of_a_breakpoint(
    stand: Stand, strato: stratoscope.Recorder
) -> None:
    condition = {"kind": "on_event_type", "type": "action_execution"}
    async with walking(strato, "quickly") as walker:
        await walker.goes_on()
        made = await stand.ask(
            "breakpoint.create",
            agent="quickly",
            condition=condition,
            action="pause",
            hit={"once": True},
        )
        listed = await stand.until_waiting("quickly")
        assert listed["held_by"] == [made["breakpoint"]["id"]]
        await walker.stands()
        await stand.ask("agent.resume", agent="quickly")
        await walker.goes_on()


async def test_gates_cost_next_to_nothing(stand: Stand, strato: stratoscope.Recorder) -> None:
    agent = strato.agent("fast")
    await agent.gate()
    began = time.process_time()  # not what others take of the machine
    for _ in range(2_000):
        await agent.gate()
    assert time.process_time() - began < 0.4  # 200 microseconds each on the slowest machine
    costs = []
    for _ in range(50):
        await agent.event("action_execution")
        began = time.perf_counter()
        await agent.gate(exact=True)
        costs.append(time.perf_counter() - began)
    assert sorted(costs)[len(costs) // 2] < 0.1


async def test_a_synchronous_agent_is_held_in_its_thread(stand: Stand) -> None:
    passed, ending = [0], threading.Event()

    def walk() -> None:
        with stratoscope.connect_sync(stand.server.url) as recorder:
            agent = recorder.agent("sync")
            while not ending.wait(0.002):
                agent.gate()
                agent.event("action_execution")
                passed[0] += 1

    async def goes_on() -> None:
        before = passed[0]

        async def further() -> bool:
            return passed[0] > before

        await eventually(further, within=2)

    walking_thread = asyncio.create_task(asyncio.to_thread(walk))
    try:
        await eventually(lambda: _truth(passed[0] > 0))
        await stand.ask("agent.pause", agent="sync")
        await stand.until_waiting("sync")
        before = passed[0]
        await stand.ask("agent.step", agent="sync", events=2)
        await goes_on()
        await asyncio.sleep(0.3)
        assert passed[0] == before + 2
        await stand.ask("agent.resume", agent="sync")
        await goes_on()
    finally:
        ending.set()
        await stand.ask("agent.resume", agent="sync")
        await walking_thread


@pytest.mark.parametrize("synchronous", [False, True])
async def test_a_graph_is_held_between_its_tasks(
    stand: Stand, strato: stratoscope.Recorder, synchronous: bool
) -> None:
    """With either recorder, and the loop goes on meanwhile."""
    name = f"graph-{synchronous}"
    await stand.ask("agent.pause", agent=name)
    with stratoscope.connect_sync(stand.server.url) as sync:
        graph = record(graphs.counting(None), sync if synchronous else strato, name)
        run = asyncio.create_task(graph.ainvoke({"n": 1}))
        listed = await stand.until_waiting(name)
        # The input and the first task's start, and nothing that a task has done.
        assert listed["events"] == 2
        await stand.ask("agent.resume", agent=name)
        async with asyncio.timeout(2):
            assert (await run)["n"] == 3


async def test_a_recorder_that_is_closed_keeps_nobody_at_a_gate(stand: Stand) -> None:
    await stand.ask("agent.pause", agent="closed")
    async with stratoscope.connect(stand.server.url, wait_connected=5) as recorder:
        agent = recorder.agent("closed")
        await agent.event("action_execution")
        await agent.flush()
        gate = asyncio.create_task(agent.gate())
        await stand.until_waiting("closed")
    async with asyncio.timeout(2):
        with pytest.raises(stratoscope.RecorderClosed):
            await gate


async def test_a_graph_that_is_held_does_not_run_on_when_its_recorder_is_closed(
    stand: Stand,
) -> None:
    await stand.ask("agent.pause", agent="closed-graph")
    sync = await asyncio.to_thread(stratoscope.connect_sync, stand.server.url, wait_connected=5)
    graph = record(graphs.counting(None), sync, "closed-graph")
    run = asyncio.create_task(asyncio.to_thread(graph.invoke, {"n": 1}))
    await stand.until_waiting("closed-graph")
    await asyncio.to_thread(sync.close)
    async with asyncio.timeout(5):
        with pytest.raises(stratoscope.RecorderClosed):
            await run


async def test_a_replica_takes_over_from_one_that_was_killed(
    stand: Stand, strato: stratoscope.Recorder
) -> None:
    async with walking(strato, "killed") as walker, walking(strato, "free") as free:
        await walker.goes_on()
        await stand.ask("agent.pause", agent="killed")
        await stand.until_waiting("killed")
        await stand.kill_navigator()
        await walker.stands()
        await free.goes_on()
        await stand.start_navigator()
        await walker.stands()
        assert (await stand.listed("killed"))["held"]
        await stand.ask("agent.resume", agent="killed")
        await walker.goes_on()


async def test_a_lost_broker_releases_nobody_and_hides_nothing(
    stand: Stand, strato: stratoscope.Recorder
) -> None:
    async with (
        walking(strato, "kept") as kept,
        walking(strato, "released") as released,
        walking(strato, "caught") as caught,
    ):
        for walker in (kept, released, caught):
            await walker.goes_on()
        await stand.ask("agent.pause", agent="kept")
        await stand.ask("agent.pause", agent="released")
        await stand.until_waiting("kept")
        await stand.until_waiting("released")
        stand.server.kill()
        await kept.stands()
        await caught.goes_on()
        # Nobody can be told of these two.
        await stand.execute("delete from hold where agent = 'released'")
        await stand.execute(
            "insert into hold (held_at, space, agent, held_by, told)"
            " values (now(), 'default', 'caught', 'operator', true)"
        )
        stand.server.start()
        await eventually(lambda: _truth(strato.is_connected))
        await released.goes_on()
        await stand.until_waiting("caught")
        await caught.stands()
        await kept.stands()
        for name, walker in (("kept", kept), ("caught", caught)):
            await stand.ask("agent.resume", agent=name)
            await walker.goes_on()


async def test_without_a_navigator_an_exact_gate_lets_pass_after_a_while(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    await stand.kill_navigator()
    async with stratoscope.connect(stand.server.url, gate_patience=0.2) as recorder:
        agent = recorder.agent("alone")
        async with asyncio.timeout(0.2):
            await agent.gate()
        with caplog.at_level(logging.WARNING, "stratoscope.recorder.gate"):
            async with asyncio.timeout(2):
                for _ in range(3):
                    await agent.gate(exact=True)
        assert [record.levelname for record in caplog.records] == ["WARNING"]
    async with stratoscope.connect(stand.server.url, gate_patience=None) as strict:
        gate = asyncio.create_task(strict.agent("strict").gate(exact=True))
        done, _ = await asyncio.wait([gate], timeout=0.5)
        assert not done
        await stand.start_navigator()
        async with asyncio.timeout(2):
            await gate


async def _session(stand: Stand, agent: str) -> str:
    created = await stand.ask("session.create", agent=agent)
    return str(created["session"]["id"])


async def _end(stand: Stand, session: str) -> None:
    ended = "update session set state = 'completed', ended_at = now() where id = $1"
    assert await stand.execute(ended, UUID(session)) == "UPDATE 1"


async def _truth(found: bool) -> bool:
    return found
