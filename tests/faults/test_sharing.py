"""Several projectors on one log: they share it, and stand in for each other."""

import asyncio
import signal

import pytest

from support.eventually import eventually
from support.load import load, settled
from support.projecting import Projecting

pytestmark = pytest.mark.faults

# Looks at who is alive come four times a lease.
QUICK = {"STRATO_LEASE_SECONDS": "2"}


async def test_two_projectors_share_and_one_takes_over(projectors: Projecting):
    first = await projectors.start(**QUICK)
    async with load(projectors.nats_url, "sharing") as recording:
        assert list((await projectors.owners()).values()) == [16]
        second = await projectors.start(**QUICK, ready=False)
        await eventually(lambda: shared(projectors, 8, 8))
        await eventually(second.is_ready)
        seen = recording.last_seq
        await eventually(lambda: projectors.passed(seen + 200))

        first.process.send_signal(signal.SIGKILL)
        await first.process.wait()
        async with asyncio.timeout(2):
            await eventually(lambda: shared(projectors, 16))
        seen = recording.last_seq
        await eventually(lambda: projectors.passed(seen + 100))

        third = await projectors.start(**QUICK, ready=False)
        await eventually(lambda: shared(projectors, 8, 8))
        seen = recording.last_seq
        await eventually(lambda: projectors.passed(seen + 100))
        assert await third.stop() == 0
        await eventually(lambda: shared(projectors, 16))
    await settled(projectors, recording)
    assert "Traceback" not in second.log.read_text() + third.log.read_text()


async def shared(projectors: Projecting, *parts: int) -> bool:
    return sorted((await projectors.owners()).values()) == sorted(parts)
