"""A Postgres that goes silent ends statements and sessions in bounded time."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest

from stratoscope.embedded.ports import LOOPBACK
from stratoscope.store.connector import connect, single_hosts
from stratoscope.store.database import (
    DATABASE_ERRORS,
    OPERATIONS,
    DatabaseUnreachable,
    connection,
    pool,
)
from support.tcp_proxy import Direction, TcpProxy, address_of, tcp_proxy, through

DEADLINE = 0.5
# The deadline, as long again for the cancellation, and what a busy machine adds.
BOUND = 3.0


@pytest.fixture
async def proxy(projection_dsn: str) -> AsyncIterator[TcpProxy]:
    async with tcp_proxy(address_of(projection_dsn)) as found:
        yield found


@pytest.mark.parametrize("ways", [(), (Direction.TO_SERVER,), (Direction.TO_CLIENT,)])
async def test_a_statement_without_an_answer_ends_and_closes_its_session(
    projection_dsn: str, proxy: TcpProxy, ways: tuple[Direction, ...]
):
    dsn = through(projection_dsn, proxy)
    async with connection(dsn, OPERATIONS, "test", deadline=DEADLINE) as session:
        await session.fetchval("select 1")
        proxy.silence_present(*ways)
        async with asyncio.timeout(BOUND):
            with pytest.raises(DATABASE_ERRORS):
                await session.fetchval("select 1")
            with pytest.raises(DATABASE_ERRORS):
                await session.fetchval("select 1")
            assert session.is_closed()


async def test_a_commit_without_an_answer_ends(projection_dsn: str, proxy: TcpProxy):
    dsn = through(projection_dsn, proxy)
    async with connection(dsn, OPERATIONS, "test", deadline=DEADLINE) as session:
        writing = session.transaction()
        await writing.start()
        await session.execute("create table written (one int)")
        proxy.silence_present(Direction.TO_CLIENT)
        async with asyncio.timeout(BOUND):
            with pytest.raises(DATABASE_ERRORS):
                await writing.commit()
    found = await asyncpg.connect(projection_dsn)
    # The client does not know; the database does, as with a checkpoint.
    assert await found.fetchval("select to_regclass('strato.written') is not null")
    await found.close()


async def test_a_pool_renews_all_its_sessions_where_one_was_silent(
    projection_dsn: str, proxy: TcpProxy
):
    dsn = through(projection_dsn, proxy)
    async with pool(dsn, OPERATIONS, "test", size=8, deadline=DEADLINE) as sessions:
        await asyncio.gather(*(sessions.fetchval("select pg_sleep(0.05)") for _ in range(8)))
        proxy.silence_present()
        began, failed = time.monotonic(), 0
        while time.monotonic() - began < 10:
            try:
                assert await sessions.fetchval("select 1") == 1
                break
            except DATABASE_ERRORS:
                failed += 1
        # One after the other they would take eight deadlines.
        assert time.monotonic() - began < BOUND
        assert failed <= 2


async def test_a_cancelled_request_gives_its_silent_session_back_in_time(
    projection_dsn: str, proxy: TcpProxy
):
    dsn = through(projection_dsn, proxy)
    async with pool(dsn, OPERATIONS, "test", size=1, deadline=DEADLINE) as sessions:
        await sessions.fetchval("select 1")
        proxy.silence_present()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await sessions.fetchval("select 1")
        async with asyncio.timeout(BOUND):
            assert await sessions.fetchval("select 1") == 1


async def test_a_slow_statement_is_cancelled_by_the_server_and_its_session_goes_on(
    projection_dsn: str,
):
    async with connection(projection_dsn, OPERATIONS, "test", deadline=DEADLINE) as session:
        with pytest.raises(asyncpg.QueryCanceledError):
            await session.execute("select pg_sleep(5)")
        assert await session.fetchval("select 1") == 1


async def test_both_ends_close_a_connection_whose_peer_acknowledges_nothing(projection_dsn: str):
    async with connection(projection_dsn, OPERATIONS, "test", deadline=15, by_key=True) as session:
        end = session._transport.get_extra_info("socket")
        assert end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
        assert await session.fetchval("show tcp_user_timeout") == "10000"
        assert await session.fetchval("show tcp_keepalives_idle") == "5"
        assert await session.fetchval("show statement_timeout") == "12s"
        assert await session.fetchval("show idle_in_transaction_session_timeout") == "15s"


async def test_a_silent_first_host_does_not_hold_up_the_second(
    projection_dsn: str, proxy: TcpProxy
):
    proxy.silence()
    _, port = address_of(projection_dsn)
    hosts = f"{LOOPBACK}:{proxy.port},{LOOPBACK}:{port}"
    login, _, rest = projection_dsn.rpartition(f"{LOOPBACK}:{port}")
    dsn = f"{login}{hosts}{rest}?target_session_attrs=read-write"
    async with asyncio.timeout(BOUND):
        async with connection(dsn, OPERATIONS, "test") as session:
            assert await session.fetchval("select 1") == 1


async def test_hosts_that_all_refuse_are_all_named(unused_ports: tuple[int, int]):
    first, second = unused_ports
    dsn = f"postgresql://someone:hidden@{LOOPBACK}:{first},{LOOPBACK}:{second}/any"
    with pytest.raises(DatabaseUnreachable) as caught:
        async with connection(dsn, OPERATIONS, "test"):
            pass
    assert all(str(port) in str(caught.value) for port in unused_ports)
    assert "hidden" not in str(caught.value)


async def test_a_server_that_does_not_take_writes_is_told_in_words(projection_dsn: str):
    with pytest.raises(DatabaseUnreachable, match="target attribute"):
        async with connection(f"{projection_dsn}?target_session_attrs=standby", OPERATIONS, "test"):
            pass


async def test_a_connection_attempt_ends(projection_dsn: str, proxy: TcpProxy):
    proxy.silence()
    with pytest.raises(TimeoutError):
        await connect(through(projection_dsn, proxy), timeout=0.3)


@pytest.fixture
def unused_ports() -> tuple[int, int]:
    found = []
    for _ in range(2):
        with socket.socket() as one:
            one.bind((LOOPBACK, 0))
            found.append(one.getsockname()[1])
    return found[0], found[1]


def test_each_host_has_a_dsn_of_its_own_where_the_order_is_ours():
    assert single_hosts("postgresql://u:p%40@a:1,[::1]:2/db?x=y") == [
        "postgresql://u:p%40@a:1/db?x=y",
        "postgresql://u:p%40@[::1]:2/db?x=y",
    ]
    for whole in (
        "postgresql://u@a:1/db",
        "postgresql:///db?host=a,b",
        "postgresql://a,b/db?target_session_attrs=prefer-standby",
    ):
        assert single_hosts(whole) == [whole]


async def test_a_socket_that_is_reset_in_the_handshake_is_an_error_of_the_database(
    monkeypatch: pytest.MonkeyPatch,
):
    """It depends on microseconds what uvloop makes of that: the fault matrix met it."""

    async def reset(*_: object, **__: object) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>")

    monkeypatch.setattr(asyncpg, "connect", reset)
    with pytest.raises(DATABASE_ERRORS):
        await connect("postgresql://localhost/any", timeout=1)
