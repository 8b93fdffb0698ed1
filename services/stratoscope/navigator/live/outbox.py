"""Hits on their way from the table to the stream, in the order of the log.

A hit is published once it is committed, and marked once the stream has it. More hits than go at a
time wait in the table, and so do those of a partition that was taken over or of which one could not
be published: they are read page by page, partition after partition, so that no partition waits for
all of another. Until a partition has no page left its later hits go the same way, behind them.
Whoever takes a partition over publishes what is not marked: the broker drops the copy of what it
had already, and what is so old that the broker may have forgotten it is first looked for in the
stream.
"""

import asyncio
from collections.abc import Collection, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from nats.aio.client import Client
from nats.js.api import PubAck

from stratoscope.broker.publishing import (
    MessageTooLarge,
    Outgoing,
    Publisher,
    PublishRefused,
)
from stratoscope.broker.streams import HITS_DEDUPLICATION
from stratoscope.broker.tail import ids_since
from stratoscope.navigator.holding.telling import Tell, tell_of
from stratoscope.navigator.serving import Serving
from stratoscope.navigator.upkeep import repeat
from stratoscope.store.hits import HitRow, Hits, Waiting
from stratoscope.store.holds import Holds, Untold
from stratoscope_contracts import subjects
from stratoscope_contracts.words import STREAM_HITS

# Hits of one partition that are read from the table and published at a time.
_PAGE: Final = 500
_PAGE_BYTES: Final = 8 << 20
_MARK_EVERY: Final = 0.1
# More hits on their way than these, or more bytes, wait in the table, not in memory.
_AT_A_TIME: Final = 2_000
_BYTES_AT_A_TIME: Final = 16 << 20
# The broker is asked while it surely remembers: half of what it does.
_REMEMBERED: Final = timedelta(seconds=HITS_DEDUPLICATION / 2)
_AGAIN_AFTER: Final = 1.0
log = structlog.get_logger(__name__)

Acknowledgement = asyncio.Future[PubAck]


class Outbox:
    """Publishes hits, and tells agents that are held by one."""

    def __init__(self, publisher: Publisher, client: Client, pool: Serving, tell: Tell) -> None:
        self._publisher = publisher
        self._client = client
        self._pool = pool
        self._tell = tell
        self._telling: set[asyncio.Task[None]] = set()
        self._sending: set[asyncio.Task[None]] = set()
        self._under_way: set[UUID] = set()
        # Of the hits that are not acknowledged yet.
        self._bytes = 0
        self._sent: list[UUID] = []
        self._news = asyncio.Event()
        # Partitions of which hits wait in the table: the first one is next. True where there may
        # be more than was read last.
        self._paged: dict[int, bool] = {}
        # The ids that the stream has had since a moment, while hits wait that are older.
        self._stream_ids: tuple[datetime, set[str]] | None = None

    def page(self, partitions: Collection[int]) -> None:
        """Publish what waits in the table of these partitions, by whomever it was kept."""
        for number in partitions:
            self._paged[number] = True
        self._news.set()

    async def send(self, hits: Sequence[HitRow], now: datetime) -> None:
        """Publish hits that are committed, in this order; and hold those that are to be held."""
        is_much = self._bytes + _size(hits) > _BYTES_AT_A_TIME
        if is_much or len(self._under_way) + len(hits) > _AT_A_TIME:
            self.page({hit.partition for hit in hits})
        begun: list[tuple[HitRow, Acknowledgement]] = []
        for hit in hits:
            if hit.hit_id in self._under_way:
                continue
            if hit.partition not in self._paged:
                acknowledgement = await self._publisher.begin(_outgoing(hit))
                if acknowledgement is not None:
                    self._under_way.add(hit.hit_id)
                    begun.append((hit, acknowledgement))
                    continue
            self.page((hit.partition,))
        if begun:
            self._start(self._sending, self._see_through(begun))
        pausing = [hit for hit in hits if hit.action == "pause"]
        if pausing:
            self._start(self._telling, self._pause(pausing, now))

    async def run(self) -> None:
        """Publish what waits in the table and mark what was published, until cancelled."""
        await repeat(self._turn, 0.0, "hits wait in the table", again_after=_AGAIN_AFTER)

    async def publish_page(self) -> None:
        """Publish some of the hits that wait, of the partition that is next."""
        partition = next(iter(self._paged))
        # What was sent before stands before it in the stream.
        if self._sending:
            await asyncio.wait(self._sending)
        await self.mark()
        self._paged[partition] = False
        async with self._pool.acquire() as session:
            waiting = await Hits(session).unpublished(partition, _PAGE, _PAGE_BYTES)
        there = await self._in_stream(waiting)
        self._sent.extend(there)
        await self._publish([one for one in waiting if one.hit_id not in there])
        await self.mark()
        is_full = len(waiting) == _PAGE or _size(waiting) >= _PAGE_BYTES
        has_more = self._paged.pop(partition) or is_full
        if has_more:
            # Behind the others.
            self._paged[partition] = True

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
        tasks = [*self._sending, *self._telling]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _turn(self) -> None:
        await self._news.wait()
        self._news.clear()
        try:
            while self._paged:
                await self.publish_page()
            self._stream_ids = None
            await asyncio.sleep(_MARK_EVERY)
            await self.mark()
        except Exception:
            # Nobody else would say that there is something left to be done.
            self._news.set()
            raise

    async def _publish(self, hits: Sequence[Waiting]) -> None:
        """Publish hits in this order, each until the stream has it or will never take it."""
        outgoing = [_outgoing(hit) for hit in hits]
        begun = [await self._publisher.begin(one) for one in outgoing]
        arrived = await self._publisher.acknowledged([one for one in begun if one is not None])
        for hit, message, acknowledgement in zip(hits, outgoing, begun, strict=True):
            if acknowledgement not in arrived:
                await self._insist(hit, message)
            self._sent.append(hit.hit_id)

    async def _insist(self, hit: Waiting, message: Outgoing) -> None:
        try:
            await self._publisher.publish(message)
        except (MessageTooLarge, PublishRefused) as error:
            # It stays in the table: nothing is gained by trying again.
            log.error("a hit can't be published", hit=str(hit.hit_id), error=str(error))

    async def _see_through(self, begun: Sequence[tuple[HitRow, Acknowledgement]]) -> None:
        """Wait until the stream has hits; those that it does not acknowledge wait in the table."""
        size = _size([hit for hit, _ in begun])
        self._bytes += size
        try:
            arrived = await self._publisher.acknowledged([one for _, one in begun])
        finally:
            self._bytes -= size
        for hit, acknowledgement in begun:
            if acknowledgement in arrived:
                self._sent.append(hit.hit_id)
            else:
                self._under_way.discard(hit.hit_id)
                self.page((hit.partition,))
        self._news.set()

    @staticmethod
    def _start(tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="hits")
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _pause(self, hits: Sequence[HitRow], held_at: datetime) -> None:
        async with self._pool.acquire() as session:
            for hit in hits:
                by = str(hit.breakpoint_id)
                hold = Untold(hit.space, hit.agent, by, hit.session_id, held_at)
                await tell_of(hold, self._tell, Holds(session))

    async def _in_stream(self, waiting: Sequence[Waiting]) -> set[UUID]:
        """Those that the stream has, of hits so old that the broker may have forgotten them."""
        now = datetime.now(UTC)
        old = [one for one in waiting if now - one.created_at > _REMEMBERED]
        if not old:
            return set()
        since = min(one.created_at for one in old) - timedelta(minutes=1)
        if self._stream_ids is None or since < self._stream_ids[0]:
            self._stream_ids = since, await ids_since(self._client, STREAM_HITS, since)
        ids = self._stream_ids[1]
        return {one.hit_id for one in old if str(one.hit_id) in ids}


def _size(hits: Sequence[HitRow | Waiting]) -> int:
    """About how many bytes hits have."""
    return sum(len(hit.body) for hit in hits)


def _outgoing(hit: HitRow | Waiting) -> Outgoing:
    return Outgoing(
        subjects.hit(hit.space, hit.agent), hit.body.encode(), message_id=str(hit.hit_id)
    )
