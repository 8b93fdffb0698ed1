"""Ends of a projector that it does not see coming, or is asked for, while agents record."""

import asyncio
import signal
import time
from random import Random

import pytest

from support.eventually import eventually
from support.load import load, settled
from support.projecting import ARMED, Projecting

pytestmark = pytest.mark.faults

KILLS = 5
# Who follows a dead process does not wait for the end of its lease. It is made long here, so that a
# busy machine does not look like one who waits.
LEASE = {"STRATO_LEASE_SECONDS": "120"}
AT_ONCE = 20.0


@pytest.mark.parametrize("point", ["before_copy", "after_copy", "before_commit", "after_commit"])
async def test_a_killed_projector_loses_nothing_and_takes_nothing_twice(
    projectors: Projecting, point: str
):
    at = Random(point)
    first = await projectors.start(**LEASE)  # it makes the streams
    async with load(projectors.nats_url, point) as recording:
        assert await first.stop() == 0
        for _ in range(KILLS):
            deadly = (ARMED, point, str(at.randint(1, 20)))
            armed = await projectors.start(deadly, ready=False, **LEASE)
            # That it got so far says that the lease of the one before was no obstacle.
            async with asyncio.timeout(AT_ONCE):
                assert await armed.process.wait() == -signal.SIGKILL, armed.log.read_text()
        recorded = recording.last_seq
        await projectors.start(**LEASE)
        await eventually(lambda: projectors.passed(recorded), within=AT_ONCE)
    await settled(projectors, recording)


async def test_a_projector_that_is_asked_to_stop_does_so_and_loses_nothing(
    projectors: Projecting,
):
    running = await projectors.start()
    async with load(projectors.nats_url, "stop") as recording:
        for _ in range(3):
            seen = recording.last_seq
            await eventually(lambda seen=seen: projectors.passed(seen + 30))
            began = time.monotonic()
            assert await running.stop() == 0
            assert time.monotonic() - began < 5
            assert "Traceback" not in running.log.read_text()
            assert await projectors.owners() == {}
            running = await projectors.start()
    await settled(projectors, recording)
