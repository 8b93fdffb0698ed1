"""One stream of work: batches in, hits and progress out.

All of it goes one after the other, so that a partition's records are judged in their order. `seen`
has the partitions in which something is armed, and how far each was watched; the others have no
progress to make.

What is kept is a whole prefix of the log, with one exception: of a message that met much the hits
are kept in parts, its counts and the progress past it with the last part. After a crash in between
the message is judged again from its beginning, to hits of the same ids. Work that takes longer than
a moment goes on in turns of its partition (`turns`): meanwhile what is told of that partition is
left to be read from the database, and other partitions are judged as ever.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from stratoscope.broker.feed import Committed, Watched
from stratoscope.navigator.live.arming import Arming, arming_behind, is_in
from stratoscope.navigator.live.filling import filled
from stratoscope.navigator.live.hitting import Found
from stratoscope.navigator.live.judging import Judged
from stratoscope.navigator.live.keeper import HitKeeper, Parts
from stratoscope.navigator.live.outcomes import disable, strike_out
from stratoscope.navigator.live.reading import read_all
from stratoscope.navigator.live.turns import Turns
from stratoscope.store.breakpoints import BreakpointRow
from stratoscope.store.filling import Filling
from stratoscope.store.hits import Hits, Reached
from stratoscope.store.watches import Changed, Watch
from stratoscope_contracts.subjects import partition_of

# Taking so many changes over takes some milliseconds; between them others have a turn.
_AT_A_STRETCH: Final = 200
# Longer work on a partition goes on in turns.
_AT_ONCE_SECONDS: Final = 0.1


class NotWatchedHere(Exception):
    """Another replica watches this partition, or nobody does yet."""


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
        self._keeper = HitKeeper(parts)
        self._projected: dict[int, int] = {}
        self._waiters: dict[asyncio.Future[None], int] = {}
        self._wanted = Watched(parts.watches.owner)
        self._turns = Turns()
        # Of each partition that has turns what is being judged, if anything is.
        self._open: dict[int, Found] = {}

    @property
    def busy(self) -> int:
        """How many partitions have work that waits for its turn."""
        return len(self._turns)

    async def hold(self, watch: Watch) -> None:
        """Take a partition over from where it was watched last."""
        number = watch.partition
        self.held.add(number)
        self._complete[number] = watch.revision
        self._kept[number] = (watch.stream_seq, watch.revision)
        # Somebody else may have counted and gone on in between.
        self._keeper = HitKeeper(self._parts)
        rows = [row for row in self.arming.rows.values() if is_in(row, number)]
        new = [row for row in rows if row.revision > watch.revision]
        if rows and len(new) < len(rows):
            self.seen[number] = watch.stream_seq
        elif rows:
            self.seen[number] = max(watch.stream_seq, min(row.armed_seq for row in rows))
        await self._catch_up(number, new, self.revision)

    def release(self, partition: int) -> None:
        """Watch a partition no more."""
        self.held.discard(partition)
        self.seen.pop(partition, None)
        self._turns.drop(partition)
        self._open.pop(partition, None)
        self._wake(partition)

    async def rearm(self, revision: int, changes: Sequence[Changed]) -> None:
        """Take over what was changed; what was armed behind what is seen by now is caught up."""
        there = [one.row for one in changes if one.row.is_enabled and not one.is_gone]
        read = {one.row.id: one for one in await read_all(there)}
        armed: list[BreakpointRow] = []
        for number, change in enumerate(changes, 1):
            row = change.row
            self._keeper.counting.forget(row.id)
            for found in self._open.values():
                found.forget(row.id)
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
            await self._catch_up(number, new, revision)

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
                if number in self._turns:
                    continue
                if found.passed.get(number, self.seen.get(number, upto)) < upto:
                    await self._settle(found)
                    await self._begin(number, self._filled(number, upto))
                    found = Found()
            passed = {
                number: found.passed.get(number, self.seen[number])
                for number in committed.after
                if number in self.seen and number not in self._turns
            }
            passed = {one: at for one, at in passed.items() if at < committed.through}
            if passed:
                self._parts.states.told(committed)
                if not await self._judge(found, committed, passed):
                    await self._settle(found)
                    await self._part(committed, passed)
                    found = Found()
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
            if self.seen.get(number, stream_seq) < stream_seq and number not in self._turns:
                await self._begin(number, self._filled(number, stream_seq))

    async def take_turn(self) -> None:
        """Do some of the work of the partition that is next, if any has work left."""
        done = await self._turns.take()
        if done in self.seen:
            # What it was told meanwhile.
            reached = await Filling(self._parts.session).checkpoints([done])
            if self.seen[done] < reached.get(done, 0):
                await self._begin(done, self._filled(done, reached[done]))

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

    async def _begin(self, partition: int, steps: AsyncIterator[None]) -> None:
        await self._turns.begin(partition, steps, _AT_ONCE_SECONDS)

    async def _catch_up(self, partition: int, new: Sequence[BreakpointRow], revision: int) -> None:
        """See that all breakpoints up to a revision have watched a partition as far as it is."""
        self._make_way(partition, new)
        seen = self.seen.get(partition)
        is_behind = seen is not None and any(row.armed_seq < seen for row in new)
        if is_behind or partition in self._turns:
            await self._begin(partition, self._caught_up(partition, new, revision))
        else:
            self._complete[partition] = revision
            self._wake(partition)

    def _make_way(self, partition: int, new: Sequence[BreakpointRow]) -> None:
        """End the work of a partition in time for breakpoints that it does not know."""
        found = self._open.get(partition)
        if found is None or not new:
            return
        if min(row.armed_seq for row in new) < found.inside:
            # They have to see what was judged of a message: that begins anew.
            self._turns.skip(partition)
            del self._open[partition]
        else:
            found.ends_soon = True

    async def _filled(self, partition: int, through: int) -> AsyncIterator[None]:
        """Judge what the database has of a partition up to a message, step by step."""
        after, wanted = self.seen[partition], self.arming.wanted(partition)
        parts = self._parts
        told = filled(parts.session, parts.schema, partition, wanted, after, through)
        async for committed in told:
            if committed.agents:
                parts.metrics.gap()
            found = self._open[partition] = Found()
            async for _ in self._judged(found, committed, partition):
                yield
            if found.ends_soon:
                break
            yield
        self._open.pop(partition, None)

    async def _part(self, committed: Committed, partitions: Collection[int]) -> None:
        """Judge a batch that has too much for one step, each partition for itself."""
        for number in partitions:
            agents = [
                one for one in committed.agents if partition_of(one.space, one.agent) == number
            ]
            mine = replace(committed, after={number: committed.after[number]}, agents=agents)
            await self._begin(number, self._parted(mine, number))

    async def _parted(self, committed: Committed, partition: int) -> AsyncIterator[None]:
        found = self._open[partition] = Found()
        async for _ in self._judged(found, committed, partition):
            yield
        self._open.pop(partition, None)

    async def _judged(
        self, found: Found, committed: Committed, partition: int
    ) -> AsyncIterator[None]:
        """Judge a batch of one partition; each part is kept before the next one is judged."""
        passed = {partition: self.seen[partition]}
        judging = self._parts.judge.matches(self.arming, committed, passed)
        async for judged in judging:
            # Meanwhile some may have been changed.
            judged.matches = [one for one in judged.matches if self.arming.has(one.armed)]
            await self._keeper.gather(self.arming, judged, found, passed)
            await self._settle(found)
            if judged.through < committed.through:
                if found.ends_soon and not found.inside:
                    return
                found.clear()
                yield
        self._keeper.positions.passed(committed)

    async def _judge(self, found: Found, committed: Committed, passed: Mapping[int, int]) -> bool:
        """Judge a batch behind what was passed in each partition; `found` grows by the outcome.

        False where it is too much for one step; then nothing has come of it yet.
        """
        judging = self._parts.judge.matches(self.arming, committed, passed)
        async with aclosing(judging):
            judged = await anext(judging)
            if judged.through < committed.through:
                return False
        await self._keeper.gather(self.arming, judged, found, passed)
        self._keeper.positions.passed(committed)
        return True

    async def _settle(self, found: Found) -> None:
        """Keep what some batches have led to, and let everybody know that they are seen."""
        if found.met:
            # How far the others were watched may be kept later: nothing was met there.
            reached = [self._reached(number, found.passed[number]) for number in sorted(found.met)]
            await self._keeper.keep(found, reached)
            self._remember(reached)
        self.seen.update(found.passed)
        self._wake(*found.passed)
        await self._punish(found)

    async def _punish(self, found: Found) -> None:
        parts = self._parts
        if found.stopped:
            await strike_out(parts.session, self.arming, parts.metrics, found.stopped)
        if found.flooded:
            await disable(parts.session, self.arming, found.flooded)
        parts.metrics.evaluated(parts.judge)
        parts.states.shrink()

    async def _caught_up(
        self, partition: int, rows: Sequence[BreakpointRow], revision: int
    ) -> AsyncIterator[None]:
        """Judge by breakpoints that are new what was seen without them, step by step.

        The counts are kept at the end, with the revision: else they would be counted again after a
        crash.
        """
        seen = self.seen.get(partition)
        only = Arming() if seen is None else await arming_behind(self.arming, rows, seen)
        found = Found()
        if only and seen is not None:
            self._open[partition] = found
            async for judged in self._past(only, partition, seen):
                judged.matches = [one for one in judged.matches if self.arming.has(one.armed)]
                judged.is_part, judged.through = True, seen
                await self._keeper.gather(only, judged, found, (partition,))
                # It goes on whatever is armed meanwhile.
                found.inside = 0
                await self._settle(found)
                found.clear()
                yield
            self._open.pop(partition, None)
        self._complete[partition] = revision
        found.is_part = False
        await self._settle(found)
        self._wake(partition)

    async def _past(self, only: Arming, partition: int, seen: int) -> AsyncIterator[Judged]:
        """What some breakpoints meet of what was seen, page by page."""
        after = min(row.armed_seq for row in only.rows.values())
        wanted = only.wanted(partition)
        parts = self._parts
        told = filled(parts.session, parts.schema, partition, wanted, after, seen)
        async for committed in told:
            async for judged in parts.judge.matches(only, committed, {partition: after}):
                yield judged

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
