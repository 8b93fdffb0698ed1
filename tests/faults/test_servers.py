"""The broker or the database dies under a projector that is at work, and comes back."""

import asyncpg
import orjson
import pytest

from stratoscope.navigator.dispatch import Dispatch
from stratoscope.navigator.expressions.evaluating import Expressions
from stratoscope.navigator.serving import following, serving
from stratoscope.navigator.waiting import Waiting
from stratoscope.store.migration import migrate
from stratoscope.store.watermarks import Watermarks
from stratoscope_contracts.errors import NotProjectedYet
from stratoscope_contracts.words import PARTITIONS
from support.eventually import eventually
from support.load import load, settled
from support.projecting import Projecting
from support.stack import NatsServer, PostgresServer

pytestmark = pytest.mark.faults
LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


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


async def test_who_waits_for_a_record_is_not_told_of_one_that_the_crash_of_a_database_took(
    postgres_dsn: str, postgres_server: PostgresServer
):
    """The navigator had heard that it was projected, and the projector is not back yet."""
    serves = (await migrate(postgres_dsn)).serving
    asked = orjson.dumps({"wait_for": 5, "wait_ms": 200})

    async def log_end() -> int:
        return 5

    async with serving(postgres_dsn, serves, size=2) as sessions, Expressions(1) as expressions:
        waiting = Waiting(Watermarks(sessions).read)
        async with following(sessions, waiting):
            dispatch = Dispatch(sessions, waiting, log_end, expressions)
            waiting.heard(range(PARTITIONS), 5)
            assert orjson.loads(await dispatch("default", "agents.list", asked))["agents"] == []
            postgres_server.kill()
            postgres_server.start()
            # The first one may find a session that it was not told is dead.
            with pytest.raises((NotProjectedYet, *LOST)):
                await dispatch("default", "agents.list", asked)
            with pytest.raises(NotProjectedYet):
                await dispatch("default", "agents.list", asked)
            await sessions.fetch("update partition set stream_seq = 5")
            assert orjson.loads(await dispatch("default", "agents.list", asked))["agents"] == []


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
