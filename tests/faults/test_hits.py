"""The database dies while hits stream, and takes with it what it had not written yet."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from support.eventually import eventually
from support.held import Stand
from support.stack import NatsServer, PostgresServer, run_sql
from support.watched import Hits, hits_of

pytestmark = pytest.mark.faults

Json = dict[str, Any]
ERRORS = {"kind": "on_event_type", "type": "error_occurred"}
EACH = 5


@pytest.fixture
def lazy_postgres(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """One that writes its log only when somebody waits for it: a crash takes as much as it can."""
    run_sql(postgres_server, "ALTER SYSTEM SET wal_writer_delay = '10s'")
    run_sql(postgres_server, "SELECT pg_reload_conf()")
    yield postgres_server
    postgres_server.start()
    run_sql(postgres_server, "ALTER SYSTEM RESET wal_writer_delay")
    run_sql(postgres_server, "SELECT pg_reload_conf()")


@pytest.fixture
async def stand(
    lazy_postgres: PostgresServer, nats_server: NatsServer, postgres_dsn: str, tmp_path: Path
) -> AsyncIterator[Stand]:
    """Broker, database, projector and navigator."""
    found = Stand(nats_server, postgres_dsn, tmp_path)
    try:
        await found.open()
        yield found
    finally:
        await found.close()


async def test_none_is_lost_and_none_doubled(stand: Stand, lazy_postgres: PostgresServer):
    """What was told of a hit stays true: it is found again, in the table and in the counts."""
    agent = "crashed"
    ask = {"agent": agent, "condition": ERRORS, "hit": {"every": 2}}
    every_second = (await stand.ask("breakpoint.create", **ask))["breakpoint"]["id"]
    state = {"kind": "on_state", "path": "n", "op": "eq", "value": 3}
    changing = (await stand.ask("breakpoint.create", agent="*", condition=state))["breakpoint"][
        "id"
    ]
    heard = 0

    async def hear(_: object) -> None:
        nonlocal heard
        heard += 1

    async with hits_of(stand.server.url, stand.dsn) as hits:
        await hits.client.subscribe("strato.default.hit.*", cb=hear)
        enough = asyncio.Event()
        recording = asyncio.create_task(record(hits, agent, enough))
        for _ in range(3):
            before = heard

            async def are_under_way(before: int = before) -> bool:
                return heard > before + 200

            await eventually(are_under_way, within=20)
            lazy_postgres.kill()
            lazy_postgres.start()
        enough.set()
        total = await recording
        # Each message is one record, and nobody else records.
        await hits.until_seen(agent, total)
        told = await hits.told()
    assert Counter(hit["hit_id"] for hit in told).most_common(1)[0][1] == 1
    expected = {every_second: range(1, total, 2), changing: range(3, total, EACH)}
    for key, indexes in expected.items():
        of = [hit for hit in told if hit["breakpoint_id"] == key]
        assert [hit["position"]["event_index"] for hit in of] == list(indexes)
        assert await kept(stand.dsn, key) == {hit["hit_id"] for hit in of}
        found = await stand.ask("breakpoint.get", id=key)
        assert found["breakpoint"]["hit_count"] == len(of)


async def record(hits: Hits, agent: str, enough: asyncio.Event) -> int:
    """Record one by one until it is enough; how many."""
    for n in count():
        if enough.is_set():
            return n
        patch = [{"op": "add", "path": "/n", "value": n % EACH}]
        await hits.record(agent, [{"kind": "event", "type": "error_occurred", "patch": patch}])
        # Some hundreds a second: what piles up while the database is away has to be judged as well.
        await asyncio.sleep(0.003)
    raise AssertionError


async def kept(dsn: str, breakpoint_id: str) -> set[str]:
    """The ids of a breakpoint's hits in the table."""
    session = await asyncpg.connect(dsn, server_settings={"search_path": "strato"})
    try:
        rows = await session.fetch("select hit_id from hit where breakpoint_id = $1", breakpoint_id)
    finally:
        await session.close()
    return {str(row["hit_id"]) for row in rows}
