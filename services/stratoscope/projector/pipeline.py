"""The loop of a projector: pull, gather, decide, commit, tell.

Neighbouring batches overlap: while one is being committed the next is pulled and gathered. At
most one commit is on its way. Whatever goes wrong ends the pipeline, and a new one starts from
the checkpoints: nothing is mended in place.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import accumulate, islice, takewhile
from time import monotonic
from typing import Protocol

from nats.errors import Error as NatsError

from stratoscope.broker.ending import end_tasks
from stratoscope.broker.puller import Delivered, Doubt
from stratoscope.domain.delta import DamagedChain
from stratoscope.domain.log_identity import fingerprint
from stratoscope.domain.overload import Overload
from stratoscope.domain.records import Batch
from stratoscope.projector.backlog import weigh
from stratoscope.projector.dead_letters import buried, told_of
from stratoscope.projector.gathering import Gathered, Gathering
from stratoscope.projector.metrics import Metrics
from stratoscope.projector.quarantine import (
    DEATHS,
    MARKED_BYTES,
    Quarantine,
    Unstorable,
    of_the_data,
)
from stratoscope.projector.tracing import Batches, Traced
from stratoscope.store.database import DATABASE_ERRORS
from stratoscope.store.intake import (
    AlreadyTaken,
    DeadLetter,
    FenceLost,
    IntakeWriter,
    Progress,
)
from stratoscope.store.leases import Held

BATCH = 4000
# Bytes of a batch: decoding and compressing more at once would hold up everything else.
BATCH_BYTES = 4 << 20
_IDLE = 0.05
# While other partitions' messages come, the watermark is moved past them this often.
_MOVE_EVERY = 0.05
# With so many messages there is a backlog, and throughput counts: a batch is gathered while the one
# before is committed. Where exactly that begins to pay was not measured.
_FEW = 32
# What says nothing of the messages of a batch.
_NO_FAULT = (Doubt, FenceLost, AlreadyTaken, DamagedChain, Overload)
# What ends an attempt at a message without being its fault.
_PASSING = (*_NO_FAULT, Unstorable, NatsError, *DATABASE_ERRORS, asyncio.CancelledError)


class Source(Protocol):
    """What messages come from: see `broker.puller.Puller`."""

    async def take(self, limit: int, wait: float, max_bytes: int) -> list[Delivered]:
        """The next messages."""

    @property
    def passed(self) -> int:
        """The message up to which all messages were taken; 0 where that is unknown."""


class Checkpoints(Protocol):
    """The partitions that are projected: see `store.leases`."""

    @property
    def held(self) -> Sequence[Held]:
        """Their fences and checkpoints."""

    @property
    def whole(self) -> Sequence[Held]:
        """The same of all partitions that the process holds."""

    def moved(self, stream_seq: int, probe_seq: int | None, probe_digest: bytes | None) -> None:
        """Every checkpoint was moved."""


class Stop(Protocol):
    """Whether a pipeline is to end."""

    def is_set(self) -> bool:
        """Whether it is."""


class Pace(Protocol):
    """What a lane of intake does about the load: see `projector.lanes`."""

    def taken(self, delivered: Sequence[Delivered]) -> None:
        """Messages are about to be projected. Raises Overload where they are not to be."""

    def idle(self) -> None:
        """There was nothing to project."""


@dataclass(frozen=True, slots=True)
class BatchSize:
    """The most that is taken at once."""

    messages: int = BATCH
    bytes: int = BATCH_BYTES


class Marking(Protocol):
    """Marks messages that may end the process: see `store.attempts.Attempts`."""

    async def begin(self, stream_seq: int) -> int:
        """Mark a message; how many attempts at it did not come to an end."""

    async def give_up(self, stream_seq: int) -> None:
        """The attempt ended for a reason that is none of the message's."""

    async def finish(self, stream_seq: int) -> None:
        """The message was taken."""


class Feed(Protocol):
    """Who tells those who watch what was committed: see `projector.feeding.Feeding`."""

    async def committed(
        self,
        delivered: Sequence[Delivered],
        batch: Batch,
        types: Mapping[int, str],
        before: Sequence[Held],
        through: int,
    ) -> bool:
        """Tell of a batch; whether it was told."""


@dataclass(frozen=True, slots=True)
class Folded:
    """A batch as it was gathered, and what it became."""

    gathered: Gathered
    batch: Batch


# A batch, how far that gets, of what, and whether those who watch were told.
Told = Callable[[Batch | None, Progress, Sequence[Held], bool], Awaitable[None]]


class Pipeline:
    """From one consumer to the projection, until it is stopped or something fails."""

    def __init__(
        self,
        source: Source,
        gathering: Gathering,
        writer: IntakeWriter,
        leases: Checkpoints,
        *,
        told: Told,
        metrics: Metrics,
        quarantine: Quarantine | None = None,
        feed: Feed | None = None,
        batches: Batches | None = None,
        attempts: Marking | None = None,
        size: BatchSize | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._source = source
        self._gathering = gathering
        self._writer = writer
        self._leases = leases
        self._told = told
        self._metrics = metrics
        self._quarantine = quarantine or Quarantine()
        self._feed = feed
        self._batches = batches or Batches(None)
        self._attempts = attempts
        self._size = size or BatchSize()
        self._pace = pace
        self._left: list[Delivered] = []
        self._taken = min(held.stream_seq for held in leases.held)
        self._moves_at = 0.0
        self._commit: asyncio.Task[None] | None = None

    async def run(self, stopping: Stop) -> None:
        """Project until `stopping` is set. What was begun is finished.

        Raises Overload where the lane's pace or a batch's work asks for it.
        """
        try:
            while not stopping.is_set():
                await self._turn()
            await self._settle()
        except Overload:
            await self._settle()
            raise
        finally:
            if self._commit is not None:
                # Waited for: the session must not be closed under it.
                await end_tasks([self._commit])

    async def _turn(self) -> None:
        # With a commit on its way there is something to wait for besides new messages.
        wait = _IDLE if self._commit is None else 0.0
        limit = self._quarantine.batch(self._taken, self._size.messages)
        delivered = self._left or await self._take_over(limit, wait)
        if delivered:
            delivered, self._left = _apart(delivered, limit, self._size.bytes)
            if delivered[0].size >= MARKED_BYTES and self._attempts is not None:
                await self._take_marked(delivered, self._attempts)
            else:
                await self._take(delivered)
        elif self._commit is not None:
            await self._settle()
        else:
            await self._move_idle()
            if self._pace is not None:
                self._pace.idle()

    async def _take_over(self, limit: int, wait: float) -> list[Delivered]:
        delivered = await self._source.take(limit, wait, self._size.bytes)
        if delivered and self._pace is not None:
            self._pace.taken(delivered)
        return delivered

    async def _take(self, delivered: list[Delivered]) -> None:
        traced = self._batches.begin(delivered)
        few = len(delivered) < _FEW
        folded = await self._fold(delivered, traced, trusting=few and self._commit is None)
        if (behind := folded.gathered.left_from) is not None:
            # More work than a batch may be: the rest is the next one.
            kept = [one for one in delivered if one.stream_seq < behind]
            self._left = delivered[len(kept) :] + self._left
            delivered = kept
        self._taken = delivered[-1].stream_seq
        self._metrics.taken(delivered)
        await self._settle()
        if few:
            # What comes meanwhile is taken together: gathered beside the commit it would only
            # wait for that, and be a batch more.
            await self._write(delivered, folded, traced)
        else:
            self._commit = asyncio.create_task(self._write(delivered, folded, traced))

    async def _take_marked(self, delivered: list[Delivered], attempts: Marking) -> None:
        """Take one message that may end the process, and leave a mark where it does."""
        seq, begun = delivered[0].stream_seq, self._quarantine.begun
        await self._settle()
        self._gathering.release()
        if seq not in begun and await attempts.begin(seq) > DEATHS:
            # The mark stays: it keeps a rebuild from reading the message.
            self._quarantine.killers.add(seq)
            await self._take(delivered)
            return
        begun.add(seq)
        try:
            await self._take(delivered)
        except _PASSING:
            with suppress(*DATABASE_ERRORS):
                await attempts.give_up(seq)
                begun.discard(seq)
            raise
        await attempts.finish(seq)
        begun.discard(seq)

    async def _fold(
        self,
        delivered: Sequence[Delivered],
        traced: Traced,
        *,
        trusting: bool,
        whole: bool = False,
    ) -> Folded:
        with self._blaming(delivered):
            with self._metrics.stage("gather"), traced.stage("gather"):
                gathered = await self._gathering.gather(delivered, trusting=trusting, whole=whole)
            with self._metrics.stage("decide"), traced.stage("decide"):
                return Folded(gathered, await self._gathering.decide(gathered))

    @contextmanager
    def _blaming(self, delivered: Sequence[Delivered], *, writing: bool = False) -> Iterator[None]:
        """Put an error down to the messages of a batch, unless it says nothing of them."""
        try:
            yield
        except _NO_FAULT:
            raise
        except Exception as error:
            if isinstance(error, _PASSING) and not of_the_data(error):
                raise
            first, last = delivered[0].stream_seq, delivered[-1].stream_seq
            self._quarantine.blame(first, last, error, writing=writing)
            raise Unstorable(f"a batch failed: {type(error).__name__}") from error

    async def _settle(self) -> None:
        if self._commit is not None:
            commit, self._commit = self._commit, None
            await commit

    async def _write(self, delivered: Sequence[Delivered], folded: Folded, traced: Traced) -> None:
        last = delivered[-1]
        progress = Progress(
            folded.gathered.through, last.stream_seq, fingerprint(last.subject, last.data)
        )
        before = self._leases.held
        while (dead := await self._store(delivered, folded, progress, traced)) is None:
            # Somebody sends again what was sent long ago. Nothing was decided behind this batch.
            self._gathering.forget(folded.batch)
            folded = await self._fold(delivered, traced, trusting=False, whole=True)
        batch, through, fed = folded.batch, progress.stream_seq, False
        if self._feed is not None:
            types = self._gathering.type_names
            fed = await self._feed.committed(delivered, batch, types, before, through)
        await self._told(batch, progress, before, fed)
        # Somebody waits for that: it is on the wire before the books are kept.
        await asyncio.sleep(0)
        self._moved(progress)
        if self._feed is not None:
            # A rebuild, which feeds nobody, finds what was told long ago.
            told_of(dead)
        traced.end(batch)
        self._metrics.committed(delivered, batch)

    async def _store(
        self, delivered: Sequence[Delivered], folded: Folded, progress: Progress, traced: Traced
    ) -> Sequence[DeadLetter] | None:
        """Commit a batch; the dead letters in it, or None where an id was taken to be new."""
        new = folded.gathered.unasked
        with (
            self._metrics.stage("commit"),
            traced.stage("commit"),
            self._blaming(delivered, writing=True),
        ):
            dead = buried(delivered, folded.batch.rejections)
            try:
                await self._writer.commit(folded.batch, dead, self._leases.held, progress, new)
            except AlreadyTaken:
                return None
            return dead

    async def _move_idle(self) -> None:
        """Move the watermark past messages of other partitions, so that no reader waits for ever.

        How far is known from the source alone. No other answer will do: in a cluster the stream's
        leader may know messages that the consumer's server does not have yet.
        """
        through, now = self._source.passed, monotonic()
        before = self._leases.held
        if now < self._moves_at or all(held.stream_seq >= through for held in before):
            return
        self._moves_at = now + _MOVE_EVERY
        progress = Progress(through)
        await self._writer.commit(Batch(), (), before, progress)
        self._moved(progress)
        if self._feed is not None:
            await self._feed.committed((), Batch(), {}, before, through)
        await self._told(None, progress, before, False)

    def _moved(self, progress: Progress) -> None:
        self._leases.moved(progress.stream_seq, progress.probe_seq, progress.probe_digest)
        self._metrics.checkpoint(self._leases.whole)


def _apart(
    delivered: list[Delivered], limit: int, most: int
) -> tuple[list[Delivered], list[Delivered]]:
    """The messages of the next batch, and the rest: a marked one is a batch of its own."""
    size = 1
    if delivered[0].size < MARKED_BYTES:
        marked = (at for at, one in enumerate(delivered) if one.size >= MARKED_BYTES)
        size = min(next(marked, len(delivered)), limit)
        weights = accumulate(weigh(one) for one in islice(delivered, size))
        size = max(1, sum(1 for _ in takewhile(most.__ge__, weights)))
    return delivered[:size], delivered[size:]
