"""A gate whose broker goes away holds its own agent, and nobody else in its event loop."""

from __future__ import annotations

import asyncio

import pytest
from nats.aio.msg import Msg

import stratoscope
from stratoscope.broker.connection import Connection
from stratoscope_contracts.control import Command, CtlMessage, GateHeld, GateOpen
from stratoscope_contracts.subjects import ctl
from support.eventually import eventually
from support.stack import NatsServer

# A gate that takes the loop for itself never ends: the sooner that is said the better.
pytestmark = pytest.mark.timeout(20)


class Gatekeeper:
    """Answers agents at their gates as it is told, and sends them commands."""

    def __init__(self, connection: Connection) -> None:
        self._client = connection.client
        self.holds = False
        self.questions = 0
        self.refused = asyncio.Event()

    async def begin(self) -> None:
        """Answer from now on."""
        await self._client.subscribe("strato.default.gate.*", cb=self._answer)
        await self._client.flush()

    async def tell(self, command: Command) -> None:
        """Send the agent a command."""
        await self.send(CtlMessage(command=command, by="operator").model_dump_json().encode())

    async def send(self, body: bytes) -> None:
        """Send the agent's subject for commands any bytes."""
        await self._client.publish(ctl("default", "a"), body)
        await self._client.flush()

    async def _answer(self, question: Msg) -> None:
        self.questions += 1
        answer = GateHeld(held_by=["operator"]) if self.holds else GateOpen(go=True)
        if self.holds:
            self.refused.set()
        await question.respond(answer.model_dump_json().encode())


@pytest.fixture
async def keeper(connection: Connection) -> Gatekeeper:
    found = Gatekeeper(connection)
    await found.begin()
    return found


async def until_lost(strato: stratoscope.Recorder | stratoscope.SyncRecorder) -> None:
    """Return once the recorder has noticed that its broker is gone."""

    async def is_lost() -> bool:
        return not strato.is_connected

    await eventually(is_lost)


@pytest.mark.parametrize(
    ("commands", "exact"), [(["pause"], False), (["pause"], True), (["pause", "resume"], True)]
)
async def test_commands_before_the_broker_was_lost_leave_the_loop_free(
    nats_url: str,
    nats_server: NatsServer,
    keeper: Gatekeeper,
    commands: list[Command],
    exact: bool,
) -> None:
    """And the agent stays at its gate until somebody lets it go on."""
    async with stratoscope.connect(nats_url, wait_connected=5) as strato:
        agent, other = strato.agent("a"), strato.agent("b")
        await agent.gate()
        for command in commands:
            await keeper.tell(command)
        # What is acknowledged after the commands were sent comes after them.
        await other.event("x")
        await other.flush(5)
        assert not strato.is_gate_open("a")
        keeper.holds = True
        nats_server.kill()
        await until_lost(strato)
        gate = asyncio.create_task(agent.gate(exact=exact))
        # Longer than it waits for news before it asks again.
        done, _ = await asyncio.wait([gate], timeout=0.6)
        assert not done
        await asyncio.to_thread(nats_server.start)
        await keeper.refused.wait()
        assert not gate.done()
        keeper.holds = False
        await keeper.tell("resume")
        async with asyncio.timeout(5):
            await gate


async def test_a_synchronous_recorder_comes_back_while_its_agent_is_held(
    nats_url: str, nats_server: NatsServer, keeper: Gatekeeper
) -> None:
    """Its thread is the gate's and the connection's alike."""
    strato = await asyncio.to_thread(stratoscope.connect_sync, nats_url, wait_connected=5)
    agent, other = strato.agent("a"), strato.agent("b")
    await agent.agate()
    await keeper.tell("pause")
    other.event("x")
    await asyncio.to_thread(other.flush, 5)
    keeper.holds = True
    nats_server.kill()
    await until_lost(strato)
    held = asyncio.create_task(asyncio.to_thread(agent.gate))
    done, _ = await asyncio.wait([held], timeout=0.6)
    assert not done
    await asyncio.to_thread(nats_server.start)
    await keeper.refused.wait()
    assert not held.done()
    keeper.holds = False
    await keeper.tell("resume")
    async with asyncio.timeout(5):
        await held
    await asyncio.to_thread(strato.close)


async def test_strays_on_ctl_neither_hold_an_agent_nor_let_it_go(
    nats_url: str, keeper: Gatekeeper, caplog: pytest.LogCaptureFixture
) -> None:
    """Another agent can have acknowledgements and gate answers sent there, as many as it likes."""
    strays = [
        b"",
        b'{"go":true}',
        b'{"stream":"STRATO_RECORD","seq":7}',
        b'{"command":"explode","by":"x"}',
        b'\xff\xfe{"command":"resume"}',
        b'{"command":' + b"[" * 1_000_000,
        b'{"command":"resume","by":"' + b"x" * 1_000_000 + b'"}',
    ]
    async with stratoscope.connect(nats_url, wait_connected=5) as strato:
        agent = strato.agent("a")
        await agent.gate()
        for body in strays * 20:
            await keeper.send(body)
        await agent.event("x")
        await agent.flush()
        before = keeper.questions
        await agent.gate()
        assert keeper.questions == before
        keeper.holds = True
        await keeper.tell("pause")
        # What is acknowledged after the command was sent comes after it.
        await agent.event("x")
        await agent.flush()
        gate = asyncio.create_task(agent.gate())
        await keeper.refused.wait()
        for body in strays:
            await keeper.send(body)
        assert not gate.done()
        keeper.holds = False
        await keeper.tell("resume")
        await gate
    said = [line for line in caplog.records if "no command" in line.message]
    assert [line.levelname for line in said if line.levelname != "DEBUG"] == ["WARNING"]
