"""`/readyz` of a projector tells whether records get on, and else what holds them up."""

import asyncio
import json
import time

import asyncpg
import pytest

from support.eventually import eventually
from support.service import ServiceProcess

STALL = 2


async def waits(running: ServiceProcess, first: int, last: int) -> bool:
    """Whether a projector is not ready since some messages wait."""
    status, body = await running.get("/readyz")
    return status == 503 and f"messages {first} to {last} wait" in body


@pytest.mark.parametrize(
    "lock",
    ["select from partition for update", "lock table partition in access exclusive mode"],
)
async def test_a_blocked_commit_is_unready_says_why_and_recovers(publish, projectors, lock: str):
    running = await projectors.start(STRATO_STALL_SECONDS=str(STALL), STRATO_LEASE_SECONDS="60")
    first = await publish("a", "event", {"type": "before"})
    await eventually(lambda: projectors.passed(first))
    blocking = await asyncpg.connect(
        projectors.dsn, server_settings={"search_path": "strato_p1, strato"}
    )
    try:
        async with blocking.transaction():
            await blocking.execute(lock)
            last = await publish("a", "event", {"type": "after"})
            await eventually(lambda: waits(running, first + 1, last), within=3 * STALL)
            status, body = await running.get("/readyz")
            said = json.loads(body)
            assert status == 503
            assert said["checks"]["progress"] is False
            assert "pg_stat_activity" in said["reasons"]["progress"]
            assert (await running.get("/healthz"))[0] == 200
            assert "strato_projector_seconds_without_progress" in (await running.get("/metrics"))[1]
    finally:
        await blocking.close()
    await eventually(lambda: projectors.passed(last))
    await eventually(running.is_ready, within=3 * STALL)
    assert "reasons" not in json.loads((await running.get("/readyz"))[1])
    assert running.process.returncode is None


async def test_a_projector_without_records_stays_ready(publish, projectors):
    running = await projectors.start(STRATO_STALL_SECONDS=str(STALL))
    last = await publish("a", "event", {"type": "only"})
    await eventually(lambda: projectors.passed(last))
    until = time.monotonic() + 2 * STALL
    while time.monotonic() < until:
        assert await running.is_ready(), await running.get("/readyz")
        await asyncio.sleep(0.2)
