"""Hits on their way from the table to the stream, in the order of the log.

A hit is published once it is committed, and marked once the stream has it. Whoever takes a
partition over publishes what is not marked: the broker drops the copy of what it had already, and
what is so old that the broker may have forgotten it is first looked for in the stream.
"""

import asyncio
from collections.abc import Collection, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from nats.js import JetStreamContext
from nats.js.api import PubAck

from stratoscope.broker.connection import BrokerError
from stratoscope.broker.publishing import MessageTooLarge, Outgoing, Publisher
from stratoscope.broker.streams import HITS_DEDUPLICATION
from stratoscope.broker.tail import ids_since
from stratoscope.navigator.holding.telling import Tell, tell_of
from stratoscope.navigator.serving import Serving
from stratoscope.navigator.upkeep import repeat
from stratoscope.store.hits import HitRow, Hits, Waiting
from stratoscope.store.holds import Holds, Untold
from stratoscope_contracts import subjects
from stratoscope_contracts.words import STREAM_HITS

_PAGE: Final = 1000
_MARK_EVERY: Final = 0.1
# More than these would only wait in memory.
_AT_A_TIME: Final = 512
# The broker is asked while it surely remembers: half of what it does.
_REMEMBERED: Final = timedelta(seconds=HITS_DEDUPLICATION / 2)
_AGAIN_AFTER: Final = 1.0
log = structlog.get_logger(__name__)


class Outbox:
    """Publishes hits, and tells agents that are held by one."""

    def __init__(
        self, publisher: Publisher, jetstream: JetStreamContext, pool: Serving, tell: Tell
    ) -> None:
        self._publisher = publisher
        self._jetstream = jetstream
        self._pool = pool
        self._tell = tell
        self._sending: set[asyncio.Task[None]] = set()
        self._under_way: set[UUID] = set()
        self._sent: list[UUID] = []
        self._news = asyncio.Event()
        self._inherited: set[int] = set()

    def inherit(self, partitions: Collection[int]) -> None:
        """Partitions were taken over: somebody else may have left something unpublished there."""
        self._inherited.update(partitions)
        self._news.set()

    async def send(self, hits: Sequence[HitRow], now: datetime) -> None:
        """Publish hits that are committed, in this order; and hold those that are to be held."""
        for hit in hits:
            if hit.hit_id not in self._under_way:
                self._under_way.add(hit.hit_id)
                outgoing = _outgoing(hit)
                self._start(self._send(hit, outgoing, await self._publisher.begin(outgoing)))
        pausing = [hit for hit in hits if hit.action == "pause"]
        if pausing:
            self._start(self._pause(pausing, now))

    async def room(self) -> None:
        """Return once not too many hits are on their way."""
        while len(self._sending) >= _AT_A_TIME:
            await asyncio.wait(self._sending, return_when=asyncio.FIRST_COMPLETED)

    async def take_over(self, partitions: Collection[int]) -> None:
        """Publish what somebody else has kept of these partitions, and may not have published."""
        while True:
            async with self._pool.acquire() as session:
                waiting = await Hits(session).unpublished(list(partitions), _PAGE)
            new = [one for one in waiting if one.hit_id not in self._under_way]
            there = await self._in_stream(new)
            self._sent.extend(there)
            for one in new:
                if one.hit_id not in there:
                    self._publish(one)
            if len(waiting) < _PAGE:
                return
            await asyncio.gather(*self._sending, return_exceptions=True)
            await self.mark()

    async def run(self) -> None:
        """Publish what was left by others and mark what was published, until cancelled."""
        await repeat(self._turn, 0.0, "hits wait in the table", again_after=_AGAIN_AFTER)

    async def _turn(self) -> None:
        await self._news.wait()
        self._news.clear()
        try:
            await self._take_over()
            await asyncio.sleep(_MARK_EVERY)
            await self.mark()
        except Exception:
            # Nobody else would say that there is something left to be done.
            self._news.set()
            raise

    async def _take_over(self) -> None:
        inherited = tuple(self._inherited)
        if inherited:
            await self.take_over(inherited)
            self._inherited.difference_update(inherited)

    async def mark(self) -> None:
        """Remember what is in the stream."""
        sent = tuple(self._sent)
        if not sent:
            return
        async with self._pool.acquire() as session:
            await Hits(session).published(sent, datetime.now(UTC))
        self._under_way.difference_update(sent)
        # Meanwhile there may be more.
        del self._sent[: len(sent)]

    async def close(self) -> None:
        """Give up what is on its way: it stays in the table."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)

    def _publish(self, hit: HitRow | Waiting) -> None:
        if hit.hit_id not in self._under_way:
            self._under_way.add(hit.hit_id)
            self._start(self._send(hit, _outgoing(hit)))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="hit")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _pause(self, hits: Sequence[HitRow], held_at: datetime) -> None:
        async with self._pool.acquire() as session:
            for hit in hits:
                by = str(hit.breakpoint_id)
                hold = Untold(hit.space, hit.agent, by, hit.session_id, held_at)
                await tell_of(hold, self._tell, Holds(session))

    async def _send(
        self,
        hit: HitRow | Waiting,
        outgoing: Outgoing,
        begun: asyncio.Future[PubAck] | None = None,
    ) -> None:
        try:
            await self._publisher.publish(outgoing, begun)
        except MessageTooLarge:
            log.error("a hit is too large to be published", hit=str(hit.hit_id))
        except BrokerError as error:
            log.warning("a hit could not be published", hit=str(hit.hit_id), error=str(error))
            self._under_way.discard(hit.hit_id)
            return
        self._sent.append(hit.hit_id)
        self._news.set()

    async def _in_stream(self, waiting: Sequence[Waiting]) -> set[UUID]:
        """Those that the stream has, of hits so old that the broker may have forgotten them."""
        now = datetime.now(UTC)
        old = [one for one in waiting if now - one.created_at > _REMEMBERED]
        if not old:
            return set()
        since = min(one.created_at for one in old) - timedelta(minutes=1)
        wanted = {str(one.hit_id): one.hit_id for one in old}
        found = await ids_since(self._jetstream, STREAM_HITS, since)
        return {wanted[one] for one in found & wanted.keys()}


def _outgoing(hit: HitRow | Waiting) -> Outgoing:
    return Outgoing(
        subjects.hit(hit.space, hit.agent), hit.body.encode(), message_id=str(hit.hit_id)
    )
