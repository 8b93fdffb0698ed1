"""Limits of each account, as the shipped configuration has them and the broker holds to them."""

import asyncio
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest

from stratoscope.admin import creds
from stratoscope.broker.connection import connect
from stratoscope.broker.publishing import Outgoing, Publisher
from stratoscope.broker.streams import StreamSettings, ensure_streams
from stratoscope.embedded import Process
from stratoscope.embedded.broker import find_nats_server
from stratoscope.embedded.ports import LOOPBACK, free_port
from stratoscope.embedded.program import Program
from stratoscope_contracts.inboxes import Role
from stratoscope_contracts.words import SERVER_MAX_PAYLOAD, STREAM_RECORD
from support.eventually import eventually
from support.guarded import Guarded, guarded
from support.raw_client import RawClient, raw_client

_FEW = 5
_RECORDS = 500
_FLOOD = 20_000
_QUIET = "strato.other.rec.explorer.event"


@pytest.fixture(scope="module")
def broker() -> Iterator[Guarded]:
    """As shipped, but for a few connections an account in place of thousands."""
    yield from _changed(few_connections)


@pytest.fixture
def slow_broker() -> Iterator[Guarded]:
    """As shipped, but for few messages that wait to be written."""
    yield from _changed(few_waiting_messages)


def _changed(change: Callable[[Guarded], None]) -> Iterator[Guarded]:
    folder = Path(tempfile.mkdtemp(prefix="stratoscope-limited-"))
    try:
        with guarded(folder, change=change) as running:
            yield running
    finally:
        shutil.rmtree(folder)


def few_waiting_messages(broker: Guarded) -> None:
    text = broker.configuration.read_text()
    text, count = re.subn(r"(max_buffered_msgs:) \d+", rf"\1 {_FEW}", text)
    assert count == 1
    broker.configuration.write_text(text)


def few_connections(broker: Guarded) -> None:
    agents = broker.folder / creds.USERS["AGENTS"]
    for file in (broker.configuration, agents):
        text, count = re.subn(r'(max_connections"?): \d+', rf"\1: {_FEW}", file.read_text())
        assert count > 0, file
        file.write_text(text)
    # Leafnodes are listened for here, so that it is tried that none is let in.
    port = free_port()
    with broker.configuration.open("a") as more:
        more.write(f'leafnodes {{ listen: "{LOOPBACK}:{port}" }}\n')
    broker.leafnode_port = port


@pytest.mark.parametrize(("role", "name"), [("agent", "explorer"), ("operator", "ops")])
async def test_connections_of_an_account_are_limited(
    broker: Guarded, role: Role, name: str
) -> None:
    async with AsyncExitStack() as connected:

        async def one_more() -> None:
            await connected.enter_async_context(raw_client(broker, broker.key(role, name)))

        for _ in range(_FEW):
            await one_more()
        with pytest.raises(EOFError, match="maximum account active connections exceeded"):
            await one_more()
        # Neither other accounts nor agents of other spaces are kept out.
        others: list[tuple[Role, str, str]] = [("agent", "explorer", "other")]
        others += [("projector", "main", "default")] if role == "agent" else []
        for other in others:
            async with raw_client(broker, broker.key(*other)) as client:
                await client.flush()


async def test_subscriptions_of_an_agents_connection_are_limited(broker: Guarded) -> None:
    async with raw_client(broker, broker.key("agent", "explorer")) as agent:
        for number in range(64):
            agent.subscribe(f"_INBOX_agent.default.explorer.{number}")
        await agent.flush()
        assert agent.errors == []
        agent.subscribe("_INBOX_agent.default.explorer.last")
        await agent.flush()
        assert b"maximum subscriptions exceeded" in agent.errors[0]


@pytest.mark.parametrize(("role", "name"), [("agent", "explorer"), ("operator", "ops")])
async def test_a_messages_bytes_are_limited(broker: Guarded, role: Role, name: str) -> None:
    own = {"agent": "strato.default.rec.explorer.event", "operator": "strato.default.nav.stats"}
    async with raw_client(broker, broker.key(role, name)) as client:
        client.publish(own[role], b"x" * SERVER_MAX_PAYLOAD)
        await client.flush()
        client.publish(own[role], b"x" * (SERVER_MAX_PAYLOAD + 1))
        with pytest.raises((EOFError, ConnectionError)):
            await client.flush()


@pytest.mark.parametrize(("role", "name"), [("agent", "explorer"), ("operator", "ops")])
async def test_no_role_is_let_in_as_a_leafnode(broker: Guarded, role: Role, name: str) -> None:
    """The server checks reserved reply subjects of clients only."""
    folder = broker.folder / f"leaf-{role}"
    folder.mkdir()
    configuration = folder / "leaf.conf"
    configuration.write_text(
        f'listen: "{LOOPBACK}:{free_port()}"\n'
        f'leafnodes {{ remotes: [ {{ url: "nats-leaf://{LOOPBACK}:{broker.leafnode_port}", '
        f'nkey: "{broker.key(role, name)}" }} ] }}\n'
    )
    program = Program(
        name="leaf",
        command=(str(find_nats_server()), "--config", str(configuration)),
        log=folder / "leaf.log",
        is_ready=lambda _: "Server is ready" in (folder / "leaf.log").read_text(),
    )
    with ExitStack() as ended:
        leaf = await asyncio.to_thread(Process, program)
        ended.callback(leaf.kill)

        async def is_refused() -> bool:
            said = (folder / "leaf.log").read_text()
            return "Authorization Violation" in said or "authentication error" in said.lower()

        await eventually(is_refused)


async def test_messages_without_acknowledgements_are_dropped_and_records_sent_again(
    slow_broker: Guarded,
) -> None:
    """A flood of them fills the row of the log; all that is acknowledged is stored, once."""
    broker = slow_broker
    retries: list[str] = []
    async with AsyncExitStack() as stack:
        owner = await connect(broker.url, name="projector", login=broker.login("projector"))
        stack.push_async_callback(owner.close)
        await ensure_streams(owner.jetstream, StreamSettings())
        login = broker.login("agent", "explorer", "other")
        quiet = await connect(broker.url, name="quiet", login=login)
        stack.push_async_callback(quiet.close)
        loud = await stack.enter_async_context(raw_client(broker, broker.key("agent", "explorer")))
        publisher = Publisher(quiet, on_retry=retries.append)

        async def record(number: int) -> int:
            body = f'{{"type":"n{number}"}}'.encode()
            return (await publisher.publish(Outgoing(_QUIET, body))).seq

        async with asyncio.timeout(60):
            flooding = asyncio.create_task(_flood(loud))
            stored = await asyncio.gather(*map(record, range(_RECORDS)))
            await flooding
        info = await owner.jetstream.stream_info(STREAM_RECORD)
    assert len(set(stored)) == _RECORDS
    assert "too many requests" in retries
    assert _RECORDS < info.state.messages < _RECORDS + _FLOOD


async def _flood(loud: RawClient) -> None:
    for number in range(_FLOOD):
        loud.publish("strato.default.rec.explorer.event", b'{"type":"x"}')
        if number % 1000 == 0:
            await loud.flush()
    await loud.flush()
