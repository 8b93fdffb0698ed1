"""A stretch of the log as it would have been told, read from the database."""

from collections.abc import AsyncIterator, Sequence
from itertools import chain
from typing import Final

import asyncpg

from stratoscope.broker.feed import Committed, Recorded
from stratoscope.store.filling import Filling, Part, Rows, Wanted

# Messages of the log at a time, and rows: a message may have been a batch of ten thousand.
_MESSAGES: Final = 4_000
_ROWS: Final = 5_000


async def filled(
    session: asyncpg.Connection,
    schema: str,
    partition: int,
    wanted: Wanted,
    after: int,
    through: int,
) -> AsyncIterator[Committed]:
    """What agents of a partition recorded behind one message, up to and with another."""
    filling, step = Filling(session), _MESSAGES
    while after < through:
        upto = min(after + step, through)
        parts = await filling.parts(partition, wanted, after, upto)
        if sum(part.count for part in parts) > _ROWS and upto > after + 1:
            step = max(1, step // 8)
            continue
        yield await _read(filling, schema, partition, parts, after, upto)
        after, step = upto, min(_MESSAGES, step * 2)


async def _read(
    filling: Filling, schema: str, partition: int, parts: Sequence[Part], after: int, upto: int
) -> Committed:
    rows = await filling.rows(parts) if parts else []
    numbers = {event["type_id"] for one in rows for event in one.events}
    return Committed(
        schema,
        upto,
        {partition: after},
        [_recorded(one) for one in rows],
        await filling.types(numbers) if numbers else {},
        [*chain.from_iterable(map(_imported, rows))],
    )


def _recorded(rows: Rows) -> Recorded:
    part = rows.part
    return Recorded(
        part.agent_id,
        part.space,
        part.agent,
        rows.clock,
        part.version,
        [_event(one) for one in rows.events],
        [_version(one) for one in rows.versions],
    )


def _event(row: Sequence[object]) -> Sequence[object]:
    agent_id, *columns = tuple(row)
    return (*columns[:5], agent_id, *columns[5:])


def _version(row: Sequence[object]) -> Sequence[object]:
    """As it is told, with neither hash, blob nor paths: they are looked up, or not known."""
    _, *columns = tuple(row)
    return (*columns, None, None, None)


def _imported(rows: Rows) -> list[int]:
    last = rows.part.import_seq
    if last is None:
        return []
    every = chain(rows.events, rows.versions)
    return [row["stream_seq"] for row in every if row["stream_seq"] <= last]
