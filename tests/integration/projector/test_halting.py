"""A log that is not the one that was projected: the projector stands still and says why."""

import signal

import pytest

from stratoscope.broker.streams import StreamSettings, ensure_streams
from stratoscope_contracts.words import STREAM_RECORD
from support.eventually import eventually
from support.projection import read_projection

EVENT = {"type": "x"}
REMEDY = "restore the stream that this database was made from, or point the projector at an empty"


@pytest.fixture
async def projected(publish, projectors):
    """Five events, projected; the projector has stopped."""
    running = await projectors.start()
    for _ in range(5):
        last = await publish("a", "event", EVENT)
    await eventually(lambda: projectors.passed(last))
    assert await running.stop() == 0
    return await read_projection(projectors.dsn)


async def made_anew(publish) -> None:
    await publish.jetstream.delete_stream(STREAM_RECORD)
    await ensure_streams(publish.jetstream, StreamSettings())


async def halted(projectors, projected, running) -> str:
    """What it says, once it stands still; nothing was written, and it stops when asked to."""
    await eventually(lambda: says(running, "halted"), within=20)
    status, body = await running.get("/readyz")
    assert status == 503
    assert '"running":false' in body
    assert (await running.get("/healthz"))[0] == 200
    assert "strato_projector_halted 1.0" in (await running.get("/metrics"))[1]
    assert await read_projection(projectors.dsn) == projected
    running.process.send_signal(signal.SIGTERM)
    assert await running.stop() == 0
    log = running.log.read_text()
    assert REMEDY in log
    assert "Traceback" not in log
    return log


async def says(running, word: str) -> bool:
    assert running.process.returncode is None, running.log.read_text()
    return word in running.log.read_text()


async def test_a_stream_made_anew_halts_it(publish, projectors, projected):
    await made_anew(publish)
    for _ in range(9):
        await publish("a", "event", EVENT)
    running = await projectors.start(ready=False)
    assert "was made at" in await halted(projectors, projected, running)


async def test_a_stream_made_anew_under_it_halts_it(publish, projectors, projected):
    running = await projectors.start()
    await made_anew(publish)
    await publish("a", "event", EVENT)
    assert "was made at" in await halted(projectors, projected, running)


async def test_a_stream_made_anew_and_longer_halts_it_too(publish, projectors, projected):
    running = await projectors.start()
    running.process.send_signal(signal.SIGSTOP)
    await made_anew(publish)
    for _ in range(9):
        await publish("a", "event", EVENT)
    running.process.send_signal(signal.SIGCONT)
    assert "was made at" in await halted(projectors, projected, running)


async def test_a_stream_that_ends_before_the_checkpoint_halts_it(publish, projectors, projected):
    await projectors.fetch("update partition set stream_seq = 7 where partition = 3")
    running = await projectors.start(ready=False)
    assert "ends at 5, but was projected up to 7" in await halted(projectors, projected, running)


async def test_another_message_at_the_checkpoint_halts_it(publish, projectors, projected):
    await projectors.fetch("update partition set probe_digest = '\\x00' where partition = 3")
    await publish("a", "event", EVENT)
    running = await projectors.start(ready=False)
    assert "another message at 5" in await halted(projectors, projected, running)


async def test_messages_that_left_by_retention_do_not_halt_it(publish, projectors, projected):
    await publish.jetstream.purge_stream(STREAM_RECORD)
    last = await publish("a", "event", EVENT)
    await projectors.start()
    await eventually(lambda: projectors.passed(last))
    line = (await read_projection(projectors.dsn)).timelines["default", "a"]
    assert [event["place"][0] for event in line.events] == [1, 2, 3, 4, 5, 6]


async def test_an_erased_message_at_the_checkpoint_does_not_halt_it(publish, projectors, projected):
    await publish("a", "event", EVENT)
    await publish.jetstream.delete_msg(STREAM_RECORD, 5)
    await projectors.start()
    await eventually(lambda: projectors.passed(6))


async def test_a_stream_that_is_gone_is_waited_for(publish, projectors, projected):
    running = await projectors.start()
    last = await publish("a", "event", EVENT)
    await eventually(lambda: projectors.passed(last))
    projected = await read_projection(projectors.dsn)
    await publish.jetstream.delete_stream(STREAM_RECORD)
    await eventually(running.is_unready)
    await ensure_streams(publish.jetstream, StreamSettings())
    await halted(projectors, projected, running)
