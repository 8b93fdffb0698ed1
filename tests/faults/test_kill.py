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
# A lease lasts ten seconds: who follows a dead process does not wait for its end.
AT_ONCE = 5.0


@pytest.mark.parametrize("point", ["before_copy", "after_copy", "before_commit", "after_commit"])
async def test_a_killed_projector_loses_nothing_and_takes_nothing_twice(
    projectors: Projecting, point: str
):
    at = Random(point)
    first = await projectors.start()  # it makes the streams
    async with load(projectors.nats_url, point) as recording:
        assert await first.stop() == 0
        for _ in range(KILLS):
            armed = await projectors.start((ARMED, point, str(at.randint(1, 40))), ready=False)
            # That it got so far says that the lease of the one before was no obstacle.
            async with asyncio.timeout(AT_ONCE):
                assert await armed.process.wait() == -signal.SIGKILL, armed.log.read_text()
        recorded, began = recording.last_seq, time.monotonic()
        await projectors.start()
        await eventually(lambda: projectors.passed(recorded))
        assert time.monotonic() - began < AT_ONCE
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
