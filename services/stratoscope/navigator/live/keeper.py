"""From what was judged to hits that are kept and on their way."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from stratoscope.navigator.live.arming import Arming
from stratoscope.navigator.live.hitting import Counting, Found, hits_of
from stratoscope.navigator.live.judging import Judge, Judged
from stratoscope.navigator.live.metrics import LiveMetrics
from stratoscope.navigator.live.outbox import Outbox
from stratoscope.navigator.live.outcomes import commit
from stratoscope.navigator.live.positions import Positions
from stratoscope.navigator.live.states import States
from stratoscope.navigator.tracing import tell_hits
from stratoscope.store.hits import Hits, Reached
from stratoscope.store.watches import Watches
from stratoscope.telemetry.traces import Traces
from stratoscope_contracts.subjects import partition_of


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


class HitKeeper:
    """Counts what breakpoints meet, and keeps the hits, as long as nobody else counts."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.counting = Counting()
        self.positions = Positions()

    async def gather(
        self, arming: Arming, judged: Judged, found: Found, passed: Collection[int]
    ) -> None:
        """Let `found` grow by what was judged in some partitions."""
        found.is_part = judged.is_part
        found.inside = 0
        if judged.matches:
            await self._count(arming, judged, found)
        found.passed.update(dict.fromkeys(passed, judged.through))
        found.stopped += judged.stopped.values()
        found.flooded |= judged.flooded

    async def keep(self, found: Found, reached: Sequence[Reached]) -> None:
        """Keep what was found with how far partitions were watched. Raises WatchLost."""
        parts = self._parts
        now = datetime.now(UTC)
        # The counts of a message are kept with its end.
        counts = {} if found.is_part else found.counts
        new = await commit(parts.session, reached, found.hits, counts, now)
        self.counting.kept(counts)
        await parts.outbox.send([hit for hit in found.hits if hit.hit_id in new], now)
        # On the wire before anything else is judged.
        await asyncio.sleep(0)
        for hit, line in zip(found.hits, found.lines, strict=True):
            parts.metrics.hit(hit.action, now - line.record.recorded_at)
        if parts.traces is not None:
            told = zip(found.hits, found.lines, strict=True)
            kept = [(hit, line) for hit, line in told if hit.hit_id in new]
            await tell_hits(parts.traces, parts.session, kept, now)

    async def _count(self, arming: Arming, judged: Judged, found: Found) -> None:
        """Find out which matches of a batch are hits, and spell those."""
        parts, matches = self._parts, judged.matches
        matches.sort(key=lambda one: (one.line.record.place, arming.rows[one.armed.id].number))
        if judged.is_part:
            found.inside = matches[-1].line.record.place.stream_seq
        await self.counting.load(Hits(parts.session), matches)
        hits = self.counting.counted(matches, found.counts)
        lines = [one.line for one in hits]
        standings = await self.positions.standings(parts.session, lines)
        found.hits += await hits_of(arming, hits, standings)
        found.lines += lines
        found.met |= {partition_of(one.line.told.space, one.line.told.agent) for one in matches}
