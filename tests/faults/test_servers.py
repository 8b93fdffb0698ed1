"""The broker or the database dies under a projector that is at work, and comes back."""

import pytest

from support.eventually import eventually
from support.load import load, settled
from support.projecting import Projecting
from support.stack import NatsServer, PostgresServer

pytestmark = pytest.mark.faults


async def test_a_killed_database_costs_nothing_but_time(
    projectors: Projecting, postgres_server: PostgresServer
):
    running = await projectors.start()
    async with load(projectors.nats_url, "database") as recording:
        for _ in range(2):
            seen = recording.last_seq
            await eventually(lambda seen=seen: projectors.passed(seen + 30))
            postgres_server.kill()
            await eventually(running.is_unready)
            postgres_server.start()
            await eventually(running.is_ready)
        seen = recording.last_seq
        await eventually(lambda: projectors.passed(seen + 30))
    await settled(projectors, recording)
    assert "Traceback" not in running.log.read_text()


async def test_a_killed_broker_costs_nothing_but_time(
    projectors: Projecting, nats_server: NatsServer
):
    running = await projectors.start()
    async with load(projectors.nats_url, "broker") as recording:
        for _ in range(2):
            seen = recording.last_seq
            await eventually(lambda seen=seen: projectors.passed(seen + 30))
            nats_server.kill()
            await eventually(running.is_unready)
            nats_server.start()
            await eventually(running.is_ready)
        seen = recording.last_seq
        await eventually(lambda: projectors.passed(seen + 30))
    await settled(projectors, recording)
    assert "Traceback" not in running.log.read_text()
