"""One term of watching: from a new database session to its end.

The session carries the leases and keeps the hits, so that losing it is losing both. What goes wrong
ends the term, and the next one starts from what was kept.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Final

import asyncpg
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from stratoscope.broker import feed
from stratoscope.broker.ending import accompanied
from stratoscope.navigator.expressions.evaluating import Expressions
from stratoscope.navigator.live.arming import arming_of
from stratoscope.navigator.live.judging import Judge
from stratoscope.navigator.live.keeper import Parts
from stratoscope.navigator.live.lane import Lane
from stratoscope.navigator.live.metrics import LiveMetrics
from stratoscope.navigator.live.outbox import Outbox
from stratoscope.navigator.live.states import States
from stratoscope.navigator.serving import Serving
from stratoscope.store.breakpoints import CHANNEL, Breakpoints
from stratoscope.store.hits import Hits, WatchLost
from stratoscope.store.watches import Watches, changed, enabled, sweep
from stratoscope.telemetry.traces import Traces
from stratoscope_contracts.words import PARTITIONS

# Batches that wait to be judged; more than these are read from the database instead.
_MAX_WAITING: Final = 2_000
# A few tens of records: whoever waits for a hit at the first of them waits for all.
_TOGETHER_BYTES: Final = 32 << 10
_FEW: Final = 4
_TICK: Final = 0.1
_LOOK_EVERY: Final = 0.5
_TELL_EVERY: Final = 1.0
_SWEEP_EVERY: Final = 600.0
_BATCHES_SECONDS: Final = 0.1
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Wiring:
    """What watching works with, put together by `app`."""

    client: Client
    pool: Serving
    expressions: Expressions
    outbox: Outbox
    metrics: LiveMetrics
    lasting: timedelta = timedelta(seconds=10)
    traces: Traces | None = None
    # Who wants to know, too, up to where partitions are projected.
    projected: Callable[[Collection[int], int], None] = lambda *_: None


class Inbox:
    """What was heard and is to be done."""

    def __init__(self) -> None:
        self._batches: deque[bytes] = deque()
        self._news = asyncio.Event()
        self.is_changed = True

    async def hear(self, message: Msg) -> None:
        """A batch was committed."""
        if len(self._batches) >= _MAX_WAITING:
            self._batches.clear()
        self._batches.append(message.data)
        self._news.set()

    def change(self, *_: object) -> None:
        """Breakpoints were changed."""
        self.is_changed = True
        self._news.set()

    def nudge(self) -> None:
        """Somebody waits."""
        self._news.set()

    def next_batches(self) -> list[feed.Committed]:
        """The batches that were heard first and can be read, as many as are judged together.

        That is one, as long as few wait.
        """
        found: list[feed.Committed] = []
        size, limit = 0, _TOGETHER_BYTES if len(self._batches) > _FEW else 1
        while self._batches and size < limit:
            body = self._batches.popleft()
            size += len(body)
            if (committed := feed.decode_committed(body)) is not None:
                found.append(committed)
        return found

    async def wait(self, seconds: float) -> None:
        """Return once there is something to do, or after a while."""
        if self._batches:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()


@dataclass(slots=True)
class Term:
    """Watching one projection over one session."""

    wiring: Wiring
    owner: str
    session: asyncpg.Connection
    inbox: Inbox
    lane: Lane
    watches: Watches
    schema: str
    _due: dict[str, float] = field(default_factory=dict)
    _nudged: bool = False
    # How many partitions are this one's; nobody has counted yet who watches.
    _part: int = 0

    async def run(self) -> None:
        """Hold partitions and watch them, until cancelled or until something goes wrong."""
        await self._prepare()
        self._part = await self.watches.share()
        # These wait for the disk, and no hit has to wait for them; nor do they for what is judged.
        await accompanied(self._watch(), self._renew(), self._stand())

    async def _watch(self) -> None:
        inbox = self.inbox
        while True:
            await self._share()
            if inbox.is_changed or self._is_due("poll", _LOOK_EVERY):
                await self._rearm()
            await self._take_batches()
            await self._look()
            await self.lane.take_turn()
            await inbox.wait(0 if self.lane.busy else _TICK)

    async def _take_batches(self) -> None:
        """Judge what was told, for a while: there is more to do than that."""
        until = monotonic() + _BATCHES_SECONDS
        inbox = self.inbox
        while not inbox.is_changed and monotonic() < until and (told := inbox.next_batches()):
            for committed in told:
                if committed.schema == self.schema:
                    self.wiring.projected(committed.after, committed.through)
            await self.lane.take(told)

    async def _look(self) -> None:
        """What has to be done now and then, whatever is told."""
        lane = self.lane
        if self._nudged:
            self._nudged = False
            await lane.look(at_once=True)
        if self._is_due("look", _LOOK_EVERY):
            await lane.look()
            await lane.keep_progress()
        if self._is_due("tell", _TELL_EVERY):
            await self._tell()
        if self._is_due("sweep", _SWEEP_EVERY):
            await sweep(self.session)

    async def leave(self) -> None:
        """Give everything back, with what was seen kept."""
        await self.lane.keep_progress()
        await self.watches.leave()

    def look_at_once(self) -> None:
        """Somebody waits for a record that was projected and not seen yet."""
        self._nudged = True
        self.inbox.nudge()

    def _is_due(self, what: str, every: float) -> bool:
        now = monotonic()
        if now < self._due.get(what, 0.0):
            return False
        self._due[what] = now + every
        return True

    async def _share(self) -> None:
        """Hold as many partitions as are this one's, of all who watch."""
        every = _LOOK_EVERY if self.lane.held else _TICK
        if not self._is_due("share", every):
            return
        surplus = self.watches.held[self._part :]
        if surplus:
            await self.lane.keep_progress()
            for watch in surplus:
                self.lane.release(watch.partition)
            await self.watches.release(surplus)
        taken = await self.watches.claim(self._part)
        if any(watch.revision > self.lane.revision for watch in taken):
            # Who watched before knew more. Taken over first, that has seen what they saw; taken
            # over later, it would be new, and all of that found and counted again.
            await self._rearm()
        # Before anything is found there: what was left goes out first.
        self.wiring.outbox.page([watch.partition for watch in taken])
        for watch in taken:
            await self.lane.hold(watch)
        if taken or surplus:
            log.info("watching partitions", partitions=sorted(self.lane.held))
            await self._tell()

    async def _rearm(self) -> None:
        """Take over what was changed."""
        inbox, lane = self.inbox, self.lane
        inbox.is_changed = False
        revision = await Breakpoints(self.session).revision()
        if revision == lane.revision:
            return
        await lane.rearm(revision, await changed(self.session, lane.revision))
        await self._prepare()
        await self._tell()

    async def _prepare(self) -> None:
        """Have the processes up that evaluate, before a record has to wait for one to start."""
        expression = self.lane.arming.expression
        if expression is not None:
            await self.wiring.expressions.prepare(expression)

    async def _tell(self) -> None:
        """Say whose records are wanted."""
        lane = self.lane
        self.wiring.metrics.stand(len(lane.arming.rows), len(lane.held), lane.busy)
        await self.wiring.client.publish(feed.WATCHED, feed.encode(lane.wanted()))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self.wiring.lasting.total_seconds() / 4)
            if not await self.watches.renew():
                raise WatchLost("a lease was taken over by somebody else")

    async def _stand(self) -> None:
        """Say that this one lives, see who else does, and which projection serves."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            if self.wiring.pool.schema != self.schema:
                raise WatchLost("another projection serves")
            self._part = await self.watches.share()


async def begin(
    wiring: Wiring, owner: str, session: asyncpg.Connection, schema: str, inbox: Inbox
) -> Term:
    """A term with all breakpoints read, and no partition yet."""
    await session.add_listener(CHANNEL, inbox.change)
    revision, rows = await enabled(session)
    await Hits(session).prepare()
    watches = Watches(
        session, wiring.pool, owner=owner, lasting=wiring.lasting, partitions=PARTITIONS
    )
    states = States(session)
    judge = Judge(session, states, wiring.expressions)
    parts = Parts(
        *(schema, session, watches, judge, states, wiring.outbox, wiring.metrics),
        traces=wiring.traces,
    )
    lane = Lane(parts, revision, await arming_of(rows))
    return Term(wiring, owner, session, inbox, lane, watches, schema)
