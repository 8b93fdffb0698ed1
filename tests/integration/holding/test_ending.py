"""A navigator that ends leaves no agent waiting for its answer."""

import asyncio

import asyncpg
import nats
from prometheus_client import CollectorRegistry

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
