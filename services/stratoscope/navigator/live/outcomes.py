"""What judging leads to in the database: hits and counts, strikes, disabled breakpoints."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from stratoscope.navigator.live.arming import Arming
from stratoscope.navigator.live.judging import Stopped
from stratoscope.navigator.live.metrics import LiveMetrics
from stratoscope.store.breakpoints import Breakpoints
from stratoscope.store.hits import Counted, HitRow, Hits, Reached, Tally
from stratoscope.store.holds import Holds
from stratoscope.store.watches import strike

_TOO_LONG: Final = "it takes too long, or a macro runs over more than 1,000 elements"
_TOO_OFTEN: Final = (
    "breakpoints were hit more than 50,000 times by one message, this one among them"
)
log = structlog.get_logger(__name__)


async def commit(
    session: asyncpg.Connection,
    reached: Sequence[Reached],
    hits: Sequence[HitRow],
    counts: Mapping[Counted, Tally],
    now: datetime,
) -> set[UUID]:
    """Keep hits, counts and how far partitions were watched, all or nothing; which hits are new.

    Raises WatchLost.
    """
    pausing = [hit for hit in hits if hit.action == "pause"]
    if not pausing:
        return await Hits(session).keep(reached, hits, counts, now)
    async with session.transaction():
        # Who is held stays held, whatever crashes; a hit alone would be found again.
        new = await Hits(session).keep(reached, hits, counts, now, waits_for_disk=True)
        for hit in pausing:
            if hit.hit_id in new:
                await Holds(session).place(*hold_of(hit), now)
    return new


async def strike_out(
    session: asyncpg.Connection,
    arming: Arming,
    metrics: LiveMetrics,
    stopped: Collection[Stopped],
) -> None:
    """Count against breakpoints that an expression of theirs had to be stopped."""
    for one in stopped:
        metrics.stopped()
        record = one.line.record
        said = f"stopped at event {record.event_index} of {one.line.told.agent}: {_TOO_LONG}"
        if await strike(session, one.breakpoint_id, said):
            arming.remove(one.breakpoint_id)
            log.warning("a breakpoint is disabled", id=str(one.breakpoint_id), why=said)


async def disable(session: asyncpg.Connection, arming: Arming, flooded: Collection[UUID]) -> None:
    """Watch no more by breakpoints that one message meets without end."""
    for one in flooded:
        row = arming.rows.get(one)
        if row is not None:
            await Breakpoints(session).disable(row.space, one, _TOO_OFTEN)
            arming.remove(one)
    if flooded:
        log.warning("breakpoints are disabled", count=len(flooded), why=_TOO_OFTEN)


def hold_of(hit: HitRow) -> tuple[str, str, str, UUID | None]:
    """Whom a hit holds, and by what."""
    return hit.space, hit.agent, str(hit.breakpoint_id), hit.session_id
