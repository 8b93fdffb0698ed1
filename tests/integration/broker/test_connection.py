"""A connection outlives its server, ends loudly, and says what to do where there is none."""

from __future__ import annotations

import asyncio
import time

import pytest

from stratoscope.broker.connection import BrokerUnreachable, Connection, connect
from stratoscope_contracts.words import MAX_MESSAGE_BYTES, SERVER_MAX_PAYLOAD
from support.eventually import eventually
from support.stack import NatsServer


async def is_lost(connection: Connection) -> bool:
    return not connection.connected.is_set()


async def test_the_limit_of_a_message_is_the_contracts(connection: Connection) -> None:
    """The shipped server takes a little more, so that the contract's limit is met first."""
    assert connection.client.max_payload == SERVER_MAX_PAYLOAD
    assert connection.message_limit == MAX_MESSAGE_BYTES


async def test_without_a_broker_it_says_what_to_do_in_time_and_shows_no_password() -> None:
    """nats-py itself would try for ever."""
    started = time.monotonic()
    with pytest.raises(BrokerUnreachable, match=r"no broker at 127\.0\.0\.1:9 within 0\.3 s") as no:
        await connect("nats://me:secret@127.0.0.1:9", name="test", timeout=0.3)
    assert time.monotonic() - started < 3
    assert "secret" not in str(no.value)
    assert "nats-server" in str(no.value)


async def test_a_connection_that_never_was_is_told_by_the_exception_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever asked knows; nothing was lost, and nothing is over."""
    calls: list[str] = []
    for url in "nats://127.0.0.1:9", "nats://127.0.0.1:notaport":
        with pytest.raises(BrokerUnreachable):
            await connect(url, name="test", timeout=0.5, on_closed=lambda: calls.append("closed"))
    assert [record.message for record in caplog.records if record.levelname != "DEBUG"] == []
    assert calls == []


async def test_an_impossible_url_is_told_at_once() -> None:
    """Waiting would not make it better."""
    with pytest.raises(BrokerUnreachable, match="cannot connect to"):
        await connect("nats://127.0.0.1:notaport", name="test")


async def test_it_reconnects_to_a_server_that_comes_back(
    connection: Connection, nats_server: NatsServer
) -> None:
    """A killed server is waited for, and what is asked then is answered."""
    nats_server.kill()
    await eventually(lambda: is_lost(connection))
    await asyncio.to_thread(nats_server.start)
    async with asyncio.timeout(10):
        await connection.wait_usable()
        await connection.jetstream.account_info()
    assert not connection.closed.is_set()


async def test_a_connection_that_is_cut_for_good_says_so_once(nats_url: str) -> None:
    """A service ends its process by it: the client would never come back."""
    calls: list[str] = []
    connection = await connect(nats_url, name="test", on_closed=lambda: calls.append("closed"))
    # What a message over `max_payload` leads to, past the client's own check.
    await connection.client.publish("x", bytes(SERVER_MAX_PAYLOAD), headers={"A": "b" * 100})
    async with asyncio.timeout(10):
        await connection.closed.wait()
    assert calls == ["closed"]
    with pytest.raises(BrokerUnreachable):
        await connection.wait_usable()
    await connection.close()


async def test_closing_it_oneself_is_no_alarm(nats_url: str) -> None:
    """`on_closed` is for ends that nobody asked for."""
    calls: list[str] = []
    connection = await connect(nats_url, name="test", on_closed=lambda: calls.append("closed"))
    await connection.close()
    assert connection.closed.is_set()
    assert calls == []


async def test_a_callback_that_raises_does_not_harm_the_connection(nats_url: str) -> None:
    """nats-py's loops end with an exception in a callback."""

    def fail() -> None:
        raise RuntimeError("on purpose")

    connection = await connect(nats_url, name="test", on_closed=fail)
    await connection.client.close()
    assert connection.closed.is_set()


async def test_a_flush_comes_behind_all_that_was_asked_before() -> None:
    """What the library writes is read here, word by word: with a server it is a race."""
    said: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","max_payload":1048576,"headers":true}\r\n')
        while line := await reader.readline():
            said.append(line.split()[0])
            if line == b"PING\r\n":
                writer.write(b"PONG\r\n")
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        opened = await connect(f"nats://127.0.0.1:{port}", name="test")
        said.clear()
        await opened.client.subscribe("asked")
        await opened.client.flush()
        assert said == [b"SUB", b"PING"]
        await opened.close()
