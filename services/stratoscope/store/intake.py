"""What intake writes: a batch with its checkpoints, in one statement or in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from stratoscope.domain.records import (
    CHANGE_COLUMNS,
    EDGE_COLUMNS,
    EVENT_COLUMNS,
    OPEN_CAUSE_COLUMNS,
    PATH_COLUMNS,
    TAINT_COLUMNS,
    VERSION_COLUMNS,
    Batch,
    Head,
)
from stratoscope.store.blocks import Blocks, closed_by
from stratoscope.store.leases import Held
from stratoscope.store.past import NO_IDS, Ids
from stratoscope.store.sql import queries

_SQL = queries("intake")
# Where a test may end the process; the service passes nothing.
Checkpoints = Callable[[str], None]
Rows = Sequence[tuple[Any, ...]]
# The tables that a statement can write with the checkpoints, in the order of `_rows`.
_TABLES = (
    ("event", EVENT_COLUMNS),
    ("state_version", VERSION_COLUMNS),
    ("edge", EDGE_COLUMNS),
    ("open_cause", OPEN_CAUSE_COLUMNS),
    ("path", PATH_COLUMNS),
    ("field_change", CHANGE_COLUMNS),
)
_NO_ROWS: tuple[Rows, ...] = ((),) * len(_TABLES)
# Of twice as many rows a COPY for each table is as fast, and it needs no arrays of them.
_SMALL = 256


class FenceLost(Exception):
    """The checkpoint is not where it was left: somebody else holds the lease now."""


class AlreadyTaken(Exception):
    """An id that nobody had looked for is taken: nothing was written."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was not taken, as it came, with the reason."""

    stream_seq: int
    ordinal: int | None
    rule_version: int
    space: str
    agent: str
    subject: str
    reason: str
    detail: str
    headers: str
    body: bytes
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch gets: the checkpoint after it, and the last message with its digest."""

    stream_seq: int
    probe_seq: int | None = None
    probe_digest: bytes | None = None


class IntakeWriter:
    """The transaction of a batch: both the rows and the checkpoint, or neither."""

    def __init__(self, session: asyncpg.Connection, reached: Checkpoints | None = None) -> None:
        self._session = session
        self._reached = reached or _nowhere

    async def prepare(self) -> None:
        """Write nothing, so that the first batch does not wait for what Postgres says of types."""
        await self._take_in(Batch(), (), Progress(0), NO_IDS, _NO_ROWS)

    async def commit(
        self,
        batch: Batch,
        dead: Sequence[DeadLetter],
        held: Sequence[Held],
        progress: Progress,
        new: Ids = NO_IDS,
    ) -> None:
        """Write a batch and move the checkpoints; `new` are ids that must not be taken yet.

        Raises FenceLost and AlreadyTaken, and then nothing is written.
        """
        closed = closed_by(batch.events)
        if _is_small(batch) and not (dead or closed):
            # A record is to be seen, and breakpoints to be hit, in the moment that it is recorded:
            # one statement takes about half the time of a transaction with a COPY for each table.
            self._reached("before_copy")
            await self._take_in(batch, held, progress, new, _rows(batch))
        else:
            async with self._session.transaction():
                await self._take_in(batch, held, progress, new, _NO_ROWS)
                self._reached("before_copy")
                await self._copy(batch)
                await Blocks(self._session).close(closed)
                self._reached("after_copy")
                if dead:
                    await self._session.execute(_SQL["bury"], *_columns(dead))
                self._reached("before_commit")
        self._reached("after_commit")

    async def _take_in(
        self,
        batch: Batch,
        held: Sequence[Held],
        progress: Progress,
        new: Ids,
        rows: Sequence[Rows],
    ) -> None:
        try:
            await self._session.execute(
                _SQL["take_in"],
                [one.partition for one in held],
                [one.epoch for one in held],
                [one.stream_seq for one in held],
                progress.stream_seq,
                progress.probe_seq,
                progress.probe_digest,
                *new.columns,
                [_head_row(head) for head in batch.heads.values()],
                *rows,
            )
        except asyncpg.ObjectNotInPrerequisiteStateError as error:
            raise FenceLost(str(error)) from error
        except asyncpg.DuplicateObjectError as error:
            raise AlreadyTaken(str(error)) from error

    async def _copy(self, batch: Batch) -> None:
        for (table, columns), rows in zip(_TABLES, _rows(batch), strict=True):
            if rows:
                await self._session.copy_records_to_table(table, records=rows, columns=columns)
        if batch.taints:
            await self._session.copy_records_to_table(
                "taint", records=batch.taints, columns=TAINT_COLUMNS
            )
        if batch.twins:
            await self._session.execute(_SQL["twins"], batch.twins)


def _rows(batch: Batch) -> tuple[Rows, ...]:
    """The rows of `_TABLES`."""
    return (
        *(batch.events, batch.versions, batch.edges),
        *(batch.open_causes, batch.paths, batch.changes),
    )


def _is_small(batch: Batch) -> bool:
    """Whether a batch has few rows, and all of them are of tables that most batches have."""
    return not (batch.taints or batch.twins) and sum(map(len, _rows(batch))) <= _SMALL


def _nowhere(_: str) -> None:
    """No test watches."""


def _head_row(head: Head) -> tuple[object, ...]:
    """As the database's type `head` has it."""
    return (
        head.agent_id,
        head.next_event,
        head.next_version,
        head.next_slot,
        head.snapshots,
        head.patches,
        head.keyframes,
        head.duplicates,
        head.memory_usage,
        head.raw_bytes,
        head.stored_bytes,
        head.last_snapshot,
        head.indexed_from,
        head.first_at,
        head.clock,
        head.recorded_at,
    )


def _columns(dead: Sequence[DeadLetter]) -> list[list[object]]:
    rows = [
        (
            one.stream_seq,
            one.ordinal,
            one.rule_version,
            one.space,
            one.agent,
            one.subject,
            one.reason,
            one.detail,
            one.headers,
            one.body,
            one.recorded_at,
        )
        for one in dead
    ]
    return [list(column) for column in zip(*rows, strict=True)]
