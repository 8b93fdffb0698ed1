"""A navigator that ends leaves no agent waiting for its answer."""

import asyncio
import threading

import asyncpg
import nats
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from stratoscope.navigator.holding.gate import Gate, gating
from stratoscope.navigator.holding.metrics import HoldMetrics
from stratoscope.navigator.reply_guard import SINGLE_LOGIN, ReplyGuard
from stratoscope_contracts.errors import Internal, StratoError
from stratoscope_contracts.words import HEADER_ERROR


class NeverSeen:
    """Breakpoints that are behind, and stay there."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def seen(self, space: str, agent: str, stream_seq: int, within: float) -> None:
        self.asked.set()
        await asyncio.Event().wait()


async def test_who_asked_at_a_gate_is_told_that_the_navigator_ends(nats_url: str) -> None:
    """Its recorder asks again a moment after an error, and after silence when its patience ends."""
    watched = NeverSeen()
    # Nothing is asked of the database before breakpoints have seen the record.
    gate = Gate(asyncpg.create_pool(), watched, HoldMetrics(CollectorRegistry()))
    client, agent = await nats.connect(nats_url), await nats.connect(nats_url)
    try:
        async with gating(client, gate, ReplyGuard(SINGLE_LOGIN, lambda _: None)):
            # Without it, the question may find no responder.
            await client.flush()
            question = asyncio.create_task(
                agent.request("strato.default.gate.a", b'{"after":7}', timeout=5)
            )
            await watched.asked.wait()
        await client.flush()
        async with asyncio.timeout(1):
            reply = await question
        assert HEADER_ERROR in (reply.headers or {})
        assert isinstance(StratoError.from_reply(reply.data), Internal)
    finally:
        await client.close()
        await agent.close()


FLOOD = 40_000


def flood(url: str) -> None:
    """Ask at one gate so many times, in an event loop of this thread."""

    async def ask() -> None:
        async with await nats.connect(url) as client:
            for _ in range(FLOOD):
                await client.publish("strato.default.gate.a", b'{"after":7}', "_INBOX.nobody.1")

    asyncio.run(ask())


async def test_a_flood_that_outlives_the_connection_is_dropped_without_a_word(
    nats_url: str,
) -> None:
    """A navigator whose broker had ended wrote a line for each question, for minutes."""
    gate = Gate(asyncpg.create_pool(), NeverSeen(), HoldMetrics(CollectorRegistry()))
    client = await nats.connect(nats_url)
    with capture_logs() as lines:
        async with gating(client, gate, ReplyGuard(SINGLE_LOGIN, lambda _: None)):
            flooding = threading.Thread(target=flood, args=(nats_url,))
            flooding.start()
            await gate.watched.asked.wait()
            await client.close()
            flooding.join()
    # Those that were waiting; what was read and not yet looked at is passed over.
    assert len(lines) <= 64
