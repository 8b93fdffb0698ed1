"""Saying how far the projection is, after each commit.

Where those who watch for breakpoints have just been told of a batch, they know: the same news is
then for whoever else listens, and goes out once for the batches of a few milliseconds.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from stratoscope.broker import feed
from stratoscope.store.leases import Held

_TOGETHER_SECONDS: Final = 0.005
log = structlog.get_logger(__name__)


class Announcing:
    """The news of one projection."""

    def __init__(self, client: Client, schema: str) -> None:
        self._client = client
        self._schema = schema
        self._news: feed.Projected | None = None
        self._later: asyncio.Task[None] | None = None

    async def say(self, stream_seq: int, held: Sequence[Held], *, at_once: bool) -> None:
        """Partitions have all up to a message: now, or in a moment with what comes by then."""
        self._news = feed.Projected(self._schema, stream_seq, tuple(one.partition for one in held))
        if at_once:
            await self._publish()
        elif self._later is None or self._later.done():
            self._later = asyncio.create_task(self._soon(), name="announcing")

    async def close(self) -> None:
        """Say what was still to be said."""
        if self._later is not None:
            self._later.cancel()
            await asyncio.gather(self._later, return_exceptions=True)
        if not self._client.is_closed:
            await self._publish()

    async def _soon(self) -> None:
        await asyncio.sleep(_TOGETHER_SECONDS)
        await self._publish()

    async def _publish(self) -> None:
        news, self._news = self._news, None
        if news is None:
            return
        try:
            await self._client.publish(feed.PROJECTED, feed.encode(news))
        except NatsError as error:
            # It is news: whoever waits looks for himself.
            log.warning("how far the projection is could not be told", error=str(error))
