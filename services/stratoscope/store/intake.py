"""What intake reads and writes: names, heads, known ids, and the transaction of a batch."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from stratoscope.domain import delta
from stratoscope.domain.records import (
    CHANGE_COLUMNS,
    EDGE_COLUMNS,
    EVENT_COLUMNS,
    OPEN_CAUSE_COLUMNS,
    PATH_COLUMNS,
    TAINT_COLUMNS,
    VERSION_COLUMNS,
    Batch,
    Cause,
    Head,
    Known,
    Rejection,
    Timeline,
)
from stratoscope.domain.rules import RULE_VERSION
from stratoscope.domain.timeline import Place
from stratoscope.store.blocks import Blocks, closed_by
from stratoscope.store.leases import Held
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
# Rows from which on a COPY for each table is faster.
_SMALL = 256


class FenceLost(Exception):
    """The checkpoint is not where it was left: somebody else holds the lease now."""


class AlreadyTaken(Exception):
    """An id that nobody had looked for is taken: nothing was written."""


@dataclass(frozen=True, slots=True)
class Ids:
    """Ids of records: any of them may be an event's, those beside an agent a snapshot's too."""

    events: Collection[UUID] = ()
    snapshots: Sequence[tuple[int, UUID]] = ()

    def __bool__(self) -> bool:
        return bool(self.events or self.snapshots)

    @property
    def columns(self) -> tuple[Collection[UUID], Sequence[int], Sequence[UUID]]:
        """As queries take them."""
        agents, ids = zip(*self.snapshots, strict=True) if self.snapshots else ((), ())
        return self.events, agents, ids


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


_NONE = Ids()


# Of each question of intake's, one that finds nothing.
_NOTHING: dict[str, tuple[object, ...]] = {
    "last_verdict": (),
    "intern_agents": ((), (), ()),
    "heads": ((), ()),
    "intern_types": ((),),
    "types": ((),),
    "chain": (0, ()),
    "span": (0, 0, 0),
    "paths": (0,),
    "known": _NONE.columns,
}


class IntakeReader:
    """What the fold must know of the past."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def prepare(self) -> None:
        """Have every question asked once, so that the first record is not what it is planned for."""
        async with self._pool.acquire() as session:
            for name, nothing in _NOTHING.items():
                await session.fetch(_SQL[name], *nothing)

    async def intern_agents(self, agents: Iterable[tuple[int, str, str]]) -> None:
        """Give numbers to agents: partition, space and name of each."""
        partitions, spaces, names = zip(*sorted(set(agents)), strict=True)
        await self._pool.execute(_SQL["intern_agents"], partitions, spaces, names)

    async def intern_types(self, names: Iterable[str]) -> dict[str, int]:
        """The numbers of event types, made where there are none."""
        wanted = sorted(set(names))
        await self._pool.execute(_SQL["intern_types"], wanted)
        rows = await self._pool.fetch(_SQL["types"], wanted)
        return {row["name"]: row["type_id"] for row in rows}

    async def heads(self, agents: Sequence[Timeline]) -> dict[Timeline, Head]:
        """The ends of timelines, without their states."""
        spaces, names = [key[0] for key in agents], [key[1] for key in agents]
        rows = await self._pool.fetch(_SQL["heads"], spaces, names)
        return {(row["space"], row["name"]): _head(row) for row in rows}

    async def open_group(self, head: Head) -> delta.Group:
        """The chain of a timeline's newest state, ready to be appended to."""
        if not head.next_version:
            return delta.Group()
        slots = delta.chain(head.next_slot - 1)
        start = head.next_version - head.next_slot
        rows = await self._pool.fetch(
            _SQL["chain"], head.agent_id, [start + slot for slot in slots]
        )
        if len(rows) != len(slots):
            raise delta.DamagedChain(f"agent {head.agent_id} lacks states that its newest needs")
        raws = delta.unfold([row["blob"] for row in rows], [row["size"] for row in rows])
        delta.verified(raws[-1], rows[-1]["digest"])
        held = await self._pool.fetchrow(_SQL["span"], head.agent_id, start, head.next_version)
        start_mark = delta.Mark(held["event_index"], held["recorded_at"], held["is_snapshot"])
        span = delta.Span(start_mark, held["snapshots"], held["blob_bytes"], len(rows[0]["blob"]))
        return delta.Group(slots, raws, span)

    async def paths(self, head: Head) -> dict[str, int]:
        """The numbers of the paths in an agent's field index."""
        rows = await self._pool.fetch(_SQL["paths"], head.agent_id)
        return {row["path"]: row["path_no"] for row in rows}

    async def verdicts(self, first: int, last: int) -> dict[int, Rejection]:
        """What was refused among these messages by rules that are not newer, by stream_seq."""
        rows = await self._pool.fetch(_SQL["verdicts"], first, last, RULE_VERSION)
        return {row["stream_seq"]: Rejection(*row) for row in rows}

    async def last_verdict(self) -> int:
        """The last message that was ever refused, 0 where none was."""
        last: int = await self._pool.fetchval(_SQL["last_verdict"])
        return last

    async def is_empty(self) -> bool:
        """Whether there is no record yet."""
        empty: bool = await self._pool.fetchval(_SQL["is_empty"])
        return empty

    async def look_up(self, ids: Ids, known: Known) -> None:
        """Tell `known` which of these are taken: by events of any agent, and where they stand."""
        if not ids:
            return
        for row in await self._pool.fetch(_SQL["known"], *ids.columns):
            known.ids.add((row["agent_id"], row["id"]))
            if row["space"] is not None:
                place = Place(row["stream_seq"], row["ordinal"])
                known.place((row["space"], row["id"]), Cause(place, row["depth"]))


class IntakeWriter:
    """The transaction of a batch: both the rows and the checkpoint, or neither."""

    def __init__(self, session: asyncpg.Connection, reached: Checkpoints | None = None) -> None:
        self._session = session
        self._reached = reached or _nowhere

    async def prepare(self) -> None:
        """Write nothing, so that the first batch does not wait for what Postgres says of types."""
        await self._take_in(Batch(), (), Progress(0), _NONE, _NO_ROWS)

    async def commit(
        self,
        batch: Batch,
        dead: Sequence[DeadLetter],
        held: Sequence[Held],
        progress: Progress,
        new: Ids = _NONE,
    ) -> None:
        """Write a batch and move the checkpoints; `new` are ids that must not be taken yet.

        Raises FenceLost and AlreadyTaken, and then nothing is written.
        """
        closed = closed_by(batch.events)
        if _is_small(batch) and not (dead or closed):
            # A record is to be seen, and breakpoints to be hit, in the moment that it is recorded:
            # one statement takes a third of the time of a transaction with a COPY for each table.
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


def _head(row: asyncpg.Record) -> Head:
    return Head(
        agent_id=row["agent_id"],
        next_event=row["next_event"],
        next_version=row["next_version"],
        next_slot=row["next_slot"],
        clock=row["clock"],
        recorded_at=row["recorded_at"],
        first_at=row["first_at"],
        snapshots=row["snapshots"],
        patches=row["patches"],
        keyframes=row["keyframes"],
        duplicates=row["duplicates"],
        memory_usage=row["memory_usage"],
        raw_bytes=row["raw_bytes"],
        stored_bytes=row["stored_bytes"],
        last_snapshot=row["last_snapshot"],
        indexed_from=row["indexed_from"],
        base_seq=row["base_seq"],
    )


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
