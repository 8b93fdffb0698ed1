"""One stream of work: batches in, hits and progress out.

All of it goes one after the other, so that a partition's records are judged in their order and what
is kept is always a whole prefix of the log. `seen` has the partitions in which something is armed,
and how far each was watched; the others have no progress to make.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from stratoscope.broker.feed import Committed, Watched
from stratoscope.navigator.live.arming import Arming, is_in
from stratoscope.navigator.live.deciding import Match
from stratoscope.navigator.live.filling import filled
from stratoscope.navigator.live.hitting import Counting, Found, hits_of
from stratoscope.navigator.live.judging import Judge, Stopped
from stratoscope.navigator.live.metrics import LiveMetrics
from stratoscope.navigator.live.outbox import Outbox
from stratoscope.navigator.live.positions import Positions
from stratoscope.navigator.live.reading import read_all
from stratoscope.navigator.live.states import States
from stratoscope.navigator.tracing import tell_hits
from stratoscope.store.breakpoints import BreakpointRow, Breakpoints
from stratoscope.store.filling import Filling
from stratoscope.store.hits import HitRow, Hits, Reached
from stratoscope.store.holds import Holds
from stratoscope.store.watches import Changed, Watch, Watches, strike
from stratoscope.telemetry.traces import Traces
from stratoscope_contracts.subjects import partition_of

# Taking so many changes over takes some milliseconds; between them others have a turn.
_AT_A_STRETCH: Final = 200
_TOO_LONG: Final = "it takes too long, or a macro runs over more than 1,000 elements"
_TOO_OFTEN: Final = (
    "breakpoints were hit more than 50,000 times by one message, this one among them"
)
log = structlog.get_logger(__name__)


class NotWatchedHere(Exception):
    """Another replica watches this partition, or nobody does yet."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a lane works with; the session carries the leases, and is used by the lane alone.

    It sees the projection `schema`.
    """

    schema: str
    session: asyncpg.Connection
    watches: Watches
    judge: Judge
    states: States
    outbox: Outbox
    metrics: LiveMetrics
    traces: Traces | None = None


class Lane:
    """Watches the partitions that it is given, for what is armed."""

    def __init__(self, parts: Parts, revision: int, arming: Arming) -> None:
        self._parts = parts
        self.arming = arming
        self.revision = revision
        self.held: set[int] = set()
        self.seen: dict[int, int] = {}
        # By partition: all breakpoints up to this revision have watched it as far as it was seen.
        self._complete: dict[int, int] = {}
        self._kept: dict[int, tuple[int, int]] = {}
        self._counting = Counting()
        self._positions = Positions()
        self._projected: dict[int, int] = {}
        self._waiters: dict[asyncio.Future[None], int] = {}
        self._wanted = Watched(parts.watches.owner)

    async def hold(self, watch: Watch) -> None:
        """Take a partition over from where it was watched last."""
        number = watch.partition
        self.held.add(number)
        self._complete[number] = watch.revision
        self._kept[number] = (watch.stream_seq, watch.revision)
        # Somebody else may have counted and gone on in between.
        self._counting, self._positions = Counting(), Positions()
        rows = [row for row in self.arming.rows.values() if is_in(row, number)]
        new = [row for row in rows if row.revision > watch.revision]
        if rows and len(new) < len(rows):
            self.seen[number] = watch.stream_seq
        elif rows:
            self.seen[number] = max(watch.stream_seq, min(row.armed_seq for row in rows))
        await self._catch_up(number, new)

    def release(self, partition: int) -> None:
        """Watch a partition no more."""
        self.held.discard(partition)
        self.seen.pop(partition, None)
        self._wake(partition)

    async def rearm(self, revision: int, changes: Sequence[Changed]) -> None:
        """Take over what was changed; what was armed behind what is seen by now is caught up."""
        there = [one.row for one in changes if one.row.is_enabled and not one.is_gone]
        read = {one.row.id: one for one in await read_all(there)}
        armed: list[BreakpointRow] = []
        for number, change in enumerate(changes, 1):
            row = change.row
            self._counting.forget(row.id)
            self.arming.remove(row.id)
            if row.id in read:
                self.arming.add(read[row.id])
                armed.append(row)
            if not number % _AT_A_STRETCH:
                await asyncio.sleep(0)
            revision = max(revision, row.revision)
        self.revision = revision
        for number in sorted(self.held):
            new = [row for row in armed if is_in(row, number)]
            if not self.arming.watches(number):
                self.seen.pop(number, None)
            elif number not in self.seen and new:
                self.seen[number] = min(row.armed_seq for row in new)
            await self._catch_up(number, new)
            self._wake(number)

    async def take(self, told: Sequence[Committed]) -> None:
        """Judge batches that were told, and before each what was not.

        What they lead to is kept together: under load that is what takes the time.
        """
        found = Found()
        for committed in told:
            if committed.schema != self._parts.schema:
                continue
            is_whole = committed.whole and self._is_heard(committed)
            for number, after in committed.after.items():
                upto = after if is_whole else committed.through
                if found.passed.get(number, self.seen.get(number, upto)) < upto:
                    await self._settle(found)
                    await self._fill(number, upto)
                    found = Found()
            passed = {
                number: found.passed.get(number, self.seen[number])
                for number in committed.after
                if number in self.seen
            }
            passed = {one: at for one, at in passed.items() if at < committed.through}
            if passed:
                self._parts.states.told(committed)
                await self._judge(found, committed, passed)
            if found.stopped or found.flooded:
                # Whoever is to be disabled for it is so before he is asked again.
                await self._settle(found)
                found = Found()
        await self._settle(found)

    def wanted(self) -> Watched:
        """Whose records are to be told, to be said whenever that may have changed."""
        now = self.arming.watched(self._wanted.owner, self.held)
        before = self._wanted
        is_more = not (
            set(now.spaces) <= set(before.spaces) and set(now.agents) <= set(before.agents)
        )
        self._wanted = replace(now, number=before.number + is_more)
        return self._wanted

    async def look(self, *, at_once: bool = False) -> None:
        """See whether anything was projected that was not told, and judge that.

        Unless it is to be at once, what was projected since the last look may still be told.
        """
        if not self.seen:
            return
        reached = await Filling(self._parts.session).checkpoints(self.seen.keys())
        due, self._projected = reached if at_once else self._projected, reached
        for number, stream_seq in due.items():
            if self.seen.get(number, stream_seq) < stream_seq:
                await self._fill(number, stream_seq)

    async def keep_progress(self) -> None:
        """Remember how far partitions were watched, where that is not known yet."""
        moved = [
            number
            for number in self.seen
            if self._kept[number] != (self.seen[number], self._complete[number])
        ]
        if moved:
            reached = [self._reached(number, self.seen[number]) for number in moved]
            await Hits(self._parts.session).advance(reached)
            self._remember(reached)

    async def reached(self, space: str, agent: str, stream_seq: int) -> None:
        """Return once every breakpoint has seen an agent's records up to a message.

        Raises NotWatchedHere.
        """
        number = partition_of(space, agent)
        while number in self.held:
            if not self.arming.concerns(space, agent) or self.seen.get(number, 0) >= stream_seq:
                return
            await self._news(number)
        raise NotWatchedHere

    async def knows(self, partition: int, revision: int) -> None:
        """Return once a partition is watched by all that there was at a revision.

        Raises NotWatchedHere.
        """
        while partition in self.held:
            if self._complete[partition] >= revision:
                return
            await self._news(partition)
        raise NotWatchedHere

    async def _news(self, partition: int) -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[waiting] = partition
        try:
            await waiting
        finally:
            self._waiters.pop(waiting, None)

    async def _fill(self, partition: int, through: int) -> None:
        """Judge what the database has of a partition up to a message."""
        after, wanted = self.seen[partition], self.arming.wanted(partition)
        parts = self._parts
        told = filled(parts.session, parts.schema, partition, wanted, after, through)
        async for committed in told:
            if committed.agents:
                self._parts.metrics.gap()
            found = Found()
            await self._judge(found, committed, {partition: self.seen[partition]})
            await self._settle(found)

    async def _judge(self, found: Found, committed: Committed, passed: Mapping[int, int]) -> None:
        """Judge a batch behind what was passed in each partition; `found` grows by the outcome."""
        async for judged in self._parts.judge.matches(self.arming, committed, passed):
            if judged.matches:
                await self._count(self.arming, judged.matches, found)
            found.passed.update(dict.fromkeys(passed, judged.through))
            found.stopped += judged.stopped.values()
            found.flooded |= judged.flooded
            if judged.through < committed.through:
                await self._settle(found)
                found.clear()
        self._positions.passed(committed)

    async def _settle(self, found: Found) -> None:
        """Keep what some batches have led to, and let everybody know that they are seen."""
        if found.met:
            # How far the others were watched may be kept later: nothing was met there.
            reached = [self._reached(number, found.passed[number]) for number in sorted(found.met)]
            await self._keep(found, reached)
        self.seen.update(found.passed)
        self._wake(*found.passed)
        await self._strike(found.stopped)
        await self._disable(found.flooded)
        self._parts.metrics.evaluated(self._parts.judge)
        self._parts.states.shrink()

    async def _catch_up(self, partition: int, rows: Sequence[BreakpointRow]) -> None:
        """Judge by breakpoints that are new what was seen without them.

        It is kept at once, however much there is: else it would be counted again after a crash.
        """
        seen = self.seen.get(partition)
        only = Arming()
        for number, row in enumerate(rows, 1):
            # One that was struck out meanwhile is not there any more.
            read = self.arming.read.get(row.id)
            if read is not None and seen is not None and row.armed_seq < seen:
                only.add(read)
            if not number % _AT_A_STRETCH:
                await asyncio.sleep(0)
        matches: list[Match] = []
        if only and seen is not None:
            after = min(row.armed_seq for row in only.rows.values())
            wanted = only.wanted(partition)
            parts = self._parts
            told = filled(parts.session, parts.schema, partition, wanted, after, seen)
            async for committed in told:
                async for judged in parts.judge.matches(only, committed, {partition: after}):
                    # Of one that was struck out a page before nothing counts any more.
                    there = self.arming.rows
                    matches += [one for one in judged.matches if one.armed.id in there]
                    await self._strike(judged.stopped.values())
                    await self._disable(judged.flooded)
        self._complete[partition] = self.revision
        if matches and seen is not None:
            caught_up = Found()
            await self._count(only, matches, caught_up)
            await self._keep(caught_up, [self._reached(partition, seen)])

    async def _count(self, arming: Arming, matches: list[Match], found: Found) -> None:
        """Find out which matches of a batch are hits, and spell those."""
        parts = self._parts
        matches.sort(key=lambda one: (one.line.record.place, arming.rows[one.armed.id].number))
        await self._counting.load(Hits(parts.session), matches)
        hits = self._counting.counted(matches, found.counts)
        lines = [one.line for one in hits]
        standings = await self._positions.standings(parts.session, lines)
        found.hits += await hits_of(arming, hits, standings)
        found.lines += lines
        found.met |= {partition_of(one.line.told.space, one.line.told.agent) for one in matches}

    async def _keep(self, found: Found, reached: Sequence[Reached]) -> None:
        parts = self._parts
        now = datetime.now(UTC)
        new = await self._commit(found, reached, now)
        self._remember(reached)
        self._counting.kept(found.counts)
        await parts.outbox.send([hit for hit in found.hits if hit.hit_id in new], now)
        # On the wire before anything else is judged.
        await asyncio.sleep(0)
        for hit, line in zip(found.hits, found.lines, strict=True):
            parts.metrics.hit(hit.action, now - line.record.recorded_at)
        if parts.traces is not None:
            told = zip(found.hits, found.lines, strict=True)
            kept = [(hit, line) for hit, line in told if hit.hit_id in new]
            await tell_hits(parts.traces, parts.session, kept, now)

    async def _commit(self, found: Found, reached: Sequence[Reached], now: datetime) -> set[UUID]:
        session = self._parts.session
        pausing = [hit for hit in found.hits if hit.action == "pause"]
        if not pausing:
            return await Hits(session).keep(reached, found.hits, found.counts, now)
        async with session.transaction():
            # Who is held stays held, whatever crashes; a hit alone would be found again.
            new = await Hits(session).keep(
                reached, found.hits, found.counts, now, waits_for_disk=True
            )
            for hit in pausing:
                if hit.hit_id in new:
                    await Holds(session).place(*hold_of(hit), now)
        return new

    async def _strike(self, stopped: Collection[Stopped]) -> None:
        """Count against breakpoints that an expression of theirs had to be stopped."""
        for one in stopped:
            self._parts.metrics.stopped()
            record = one.line.record
            said = f"stopped at event {record.event_index} of {one.line.told.agent}: {_TOO_LONG}"
            if await strike(self._parts.session, one.breakpoint_id, said):
                self.arming.remove(one.breakpoint_id)
                log.warning("a breakpoint is disabled", id=str(one.breakpoint_id), why=said)

    async def _disable(self, flooded: Collection[UUID]) -> None:
        """Watch no more by breakpoints that one message meets without end."""
        for one in flooded:
            row = self.arming.rows.get(one)
            if row is not None:
                await Breakpoints(self._parts.session).disable(row.space, one, _TOO_OFTEN)
                self.arming.remove(one)
        if flooded:
            log.warning("breakpoints are disabled", count=len(flooded), why=_TOO_OFTEN)

    def _is_heard(self, committed: Committed) -> bool:
        """Whether who told a batch knew all that is wanted by now."""
        return committed.heard.get(self._wanted.owner, -1) >= self._wanted.number

    def _reached(self, partition: int, stream_seq: int) -> Reached:
        epoch = self._parts.watches.epoch(partition)
        return Reached(partition, epoch, stream_seq, self._complete[partition])

    def _remember(self, reached: Sequence[Reached]) -> None:
        self._kept |= {one.partition: (one.stream_seq, one.revision) for one in reached}

    def _wake(self, *partitions: int) -> None:
        """Let those look again who wait for one of these partitions."""
        for waiting, number in self._waiters.items():
            if number in partitions and not waiting.done():
                waiting.set_result(None)


def hold_of(hit: HitRow) -> tuple[str, str, str, UUID | None]:
    """Whom a hit holds, and by what."""
    return hit.space, hit.agent, str(hit.breakpoint_id), hit.session_id
