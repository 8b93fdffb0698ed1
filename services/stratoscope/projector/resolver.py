"""Depths that wait for a cause in another partition, filled in behind the lowest watermark.

Whoever holds partition 0 does it. Should two do it at once, both write the same numbers.
"""

import asyncpg

from stratoscope.domain.depth import Unresolved, resolve
from stratoscope.domain.records import Known
from stratoscope.domain.timeline import Place
from stratoscope.store.past import Ids, IntakeReader
from stratoscope.store.sql import queries

_SQL = queries("intake")
_PAGE = 1000
RESOLVING_PARTITION = 0


async def resolve_page(pool: asyncpg.Pool, reader: IntakeReader) -> int:
    """Resolve the next open depths, in the log's order; how many."""
    rows = await pool.fetch(_SQL["unresolved"], _PAGE)
    if not rows:
        return 0
    events = [
        Unresolved(
            row["agent_id"],
            row["event_index"],
            Place(row["stream_seq"], row["ordinal"]),
            row["space"],
            row["id"],
            row["causes"],
        )
        for row in rows
    ]
    known = Known(complete=True)
    await reader.look_up(Ids({cause for event in events for cause in event.causes}), known)
    depths = resolve(events, known)
    if depths:
        columns = (list(column) for column in zip(*depths, strict=True))
        await pool.execute(_SQL["resolve"], *columns)
    return len(depths)
