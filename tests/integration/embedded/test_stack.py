"""The servers that all other tests stand on."""

import asyncio

import asyncpg
import nats

from support.stack import NatsServer, PostgresServer, new_database, run_sql


async def test_a_test_has_a_broker_of_its_own_with_jetstream(nats_url: str) -> None:
    client = await nats.connect(nats_url)
    streams = await client.jetstream().streams_info()
    await client.close()
    assert streams == []
    assert client.max_payload == 9 * 1024 * 1024


async def test_a_broker_that_is_killed_comes_back_with_its_data(nats_server: NatsServer) -> None:
    client = await nats.connect(nats_server.url)
    await client.jetstream().add_stream(name="KEPT", subjects=["kept"])
    await client.jetstream().publish("kept", b"here")
    await client.close()
    before = nats_server.url
    nats_server.kill()
    nats_server.start()
    assert nats_server.url == before
    client = await nats.connect(nats_server.url)
    message = await client.jetstream().get_msg("KEPT", 1)
    await client.close()
    assert message.data == b"here"


async def test_a_test_has_a_database_of_its_own(postgres_dsn: str) -> None:
    connection = await asyncpg.connect(postgres_dsn)
    tables = await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()
    assert tables == 0


async def test_a_database_that_is_killed_comes_back_with_its_data(
    postgres_server: PostgresServer, postgres_dsn: str
) -> None:
    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    await connection.close()
    postgres_server.kill()
    postgres_server.start()
    connection = await asyncpg.connect(postgres_dsn)
    assert await connection.fetchval("SELECT one FROM kept") == 1
    await connection.close()


async def test_a_database_is_dropped_although_somebody_still_holds_it(
    postgres_server: PostgresServer,
) -> None:
    with new_database(postgres_server) as dsn:
        holder = await asyncpg.connect(dsn)
        ended = asyncio.Event()
        holder.add_termination_listener(lambda _: ended.set())
    name = dsn.rpartition("/")[2]
    left = run_sql(postgres_server, f"SELECT count(*) FROM pg_database WHERE datname = '{name}'")
    await asyncio.wait_for(ended.wait(), 5)
    assert left == "0"
