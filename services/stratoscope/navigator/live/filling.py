"""A stretch of the log as it would have been told, read from the database."""

from collections.abc import AsyncIterator, Sequence
from itertools import chain
from typing import Final

import asyncpg

from stratoscope.broker.feed import Committed, Recorded
from stratoscope.store.filling import Filling, Part, Rows, Wanted

# Messages of the log at a time, and rows and bytes: a message may have been a batch of ten thousand
# or have megabytes, so few are asked for until those are seen to be small.
_FIRST_MESSAGES: Final = 64
_MESSAGES: Final = 4_000
_ROWS: Final = 5_000
_BYTES: Final = 16 << 20


async def filled(
    session: asyncpg.Connection,
    schema: str,
    partition: int,
    wanted: Wanted,
    after: int,
    through: int,
) -> AsyncIterator[Committed]:
    """What agents of a partition recorded behind one message, up to and with another."""
    filling, step = Filling(session), _FIRST_MESSAGES
    while after < through:
        upto = min(after + step, through)
        parts = await filling.parts(partition, wanted, after, upto)
        if upto > after + 1 and await _is_much(filling, parts):
            step = max(1, min(step, upto - after) // 8)
            continue
        yield await _read(filling, schema, partition, parts, after, upto)
        after, step = upto, min(_MESSAGES, step * 2)


async def _is_much(filling: Filling, parts: Sequence[Part]) -> bool:
    """Whether parts are more than is held at a time."""
    if sum(part.count for part in parts) > _ROWS:
        return True
    return bool(parts) and await filling.size(parts) > _BYTES


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
