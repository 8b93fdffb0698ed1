"""A whole stack under the shipped roles: what each is there for works, and nothing is refused."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
import pytest_asyncio

import stratoscope
from stratoscope.broker.connection import connect
from stratoscope.client import Navigator
from stratoscope_contracts.breakpoints import BreakpointCreateRequest, OnEventTypeCondition
from stratoscope_contracts.control import AgentRequest
from stratoscope_contracts.looking import (
    AgentsListRequest,
    EventsListRequest,
    ReplayRequest,
    StateAtRequest,
    StatsRequest,
)
from stratoscope_contracts.views import AtLatest
from stratoscope_contracts.words import MIB
from support import stack
from support.commands import Commands
from support.eventually import eventually
from support.forking import Forking
from support.guarded import Guarded
from support.service import service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def serving(broker: Guarded, shared_postgres: stack.PostgresServer) -> AsyncIterator[Guarded]:
    """A projector and a navigator, each with its own key."""
    broker.forget_refusals()
    with stack.new_database(shared_postgres) as dsn:
        async with (
            service("projector", broker.url, dsn, broker.folder, **broker.settings("projector")),
            service("navigator", broker.url, dsn, broker.folder, **broker.settings("navigator")),
        ):
            yield broker


@asynccontextmanager
async def recording(broker: Guarded, agent: str) -> AsyncIterator[stratoscope.Agent]:
    login = broker.login("agent", agent)
    async with stratoscope.connect(broker.url, login=login, wait_connected=5) as strato:
        yield strato.agent(agent)


@asynccontextmanager
async def asking(broker: Guarded) -> AsyncIterator[Navigator]:
    login = broker.login("operator", "ops")
    async with Navigator.connect(broker.url, login=login, timeout=10) as nav:
        yield nav


@pytest.mark.asyncio(loop_scope="module")
async def test_what_an_agent_records_an_operator_sees(serving: Guarded) -> None:
    async with recording(serving, "explorer") as agent, asking(serving) as nav:
        for number in range(600):
            await agent.event("decision_made", data={"number": number})
        # Packed it fits into a message, but the reply does not.
        await agent.snapshot({"noise": os.urandom(5 * MIB).hex(), "end": True})
        last = await agent.flush()
        # A busy machine may take its time.
        body = StateAtRequest(
            agent="explorer", at=AtLatest(latest=True), wait_for=last, wait_ms=20_000
        )
        state = (await nav.request("state.at", body)).state
        assert isinstance(state, dict)
        assert state["end"] is True
        async with aclosing(nav.replay(ReplayRequest(agent="explorer"))) as events:
            found = [event.event_index async for event in events]
        assert len(found) >= 600
        assert found == list(range(len(found)))


@pytest.mark.asyncio(loop_scope="module")
async def test_an_agent_is_held_by_a_breakpoint_and_let_go(serving: Guarded) -> None:
    async with recording(serving, "explorer") as agent, asking(serving) as nav:
        condition = OnEventTypeCondition(kind="on_event_type", type="error_occurred")
        body = BreakpointCreateRequest(agent="explorer", condition=condition, action="pause")
        await nav.request("breakpoint.create", body)
        async with aclosing(nav.hits("explorer")) as hits:
            hit = asyncio.ensure_future(anext(hits))
            await agent.event("error_occurred")
            gate = asyncio.create_task(agent.gate(exact=True))
            async with asyncio.timeout(10):
                assert (await hit).agent == "explorer"
        await eventually(lambda: _is_held(nav))
        await nav.request("agent.resume", AgentRequest(agent="explorer"))
        async with asyncio.timeout(10):
            await gate


async def _is_held(nav: Navigator) -> bool:
    found = await nav.request("agents.list", AgentsListRequest(prefix="explorer"))
    return found.agents[0].held


@pytest.mark.asyncio(loop_scope="module")
async def test_dead_letters_and_statistics_are_told(serving: Guarded) -> None:
    async with asking(serving) as nav:
        before = (await nav.request("stats", StatsRequest())).dead_letters
        admin = await connect(serving.url, name="test", login=serving.login("admin"))
        await admin.jetstream.publish("strato.default.rec.explorer.event", b"not JSON")
        last = (await admin.jetstream.stream_info("STRATO_RECORD")).state.last_seq
        reply = await nav.request("stats", StatsRequest(wait_for=last, wait_ms=20_000))
        assert reply.dead_letters == before + 1

        async def is_published() -> bool:
            return (await admin.jetstream.stream_info("STRATO_DLQ")).state.messages == before + 1

        await eventually(is_published)
        await admin.close()


@pytest.mark.asyncio(loop_scope="module")
async def test_events_are_tailed_as_they_come(serving: Guarded) -> None:
    async with recording(serving, "stranger") as agent, asking(serving) as nav:
        body = EventsListRequest(agent="stranger")
        async with aclosing(nav.tail(body)) as events:
            next_one = asyncio.ensure_future(anext(events))
            await agent.event("decision_made")
            async with asyncio.timeout(10):
                assert (await next_one).agent == "stranger"


@pytest.mark.asyncio(loop_scope="module")
async def test_the_commands_are_let_in_by_the_same_variables(
    serving: Guarded, forking: Forking
) -> None:
    async with recording(serving, "stranger") as agent, asking(serving) as nav:
        await agent.event("decision_made")
        last = await agent.flush()
        await nav.request("agents.list", AgentsListRequest(wait_for=last, wait_ms=20_000))
    commands = Commands(serving.url, forking)
    told = serving.settings("operator", "ops")
    file = serving.folder / "stranger.json"
    shared = ("stranger", "--format", "json", "--out", str(file))
    done = await asyncio.to_thread(lambda: commands.run("export", *shared, **told))
    assert done.returncode == 0, done.stderr
    taken = await asyncio.to_thread(lambda: commands.run("import", str(file), **told))
    assert taken.returncode == 0, taken.stderr
    refused = await asyncio.to_thread(
        lambda: commands.run("record", "-", "--timeout", "1", given="", STRATO_NATS_CREDS="/none")
    )
    assert refused.returncode == 2
    assert "can't read the credentials" in refused.stderr


@pytest.mark.asyncio(loop_scope="module")
async def test_nothing_that_they_did_was_refused(serving: Guarded) -> None:
    assert serving.refusals() == []
    operator = await connect(serving.url, name="t", login=serving.login("operator", "ops"))
    await operator.client.publish("strato.default.rec.explorer.event", b"{}")

    async def is_told() -> bool:
        return "strato.default.rec.explorer.event" in "".join(serving.refusals())

    await eventually(is_told)
    await operator.close()
