"""What intake must know of the past: names, heads, the newest states, and which ids are taken."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from stratoscope.domain import delta
from stratoscope.domain.records import Cause, Head, Known, Rejection, Timeline
from stratoscope.domain.rules import RULE_VERSION
from stratoscope.domain.timeline import Place
from stratoscope.store.sql import queries

_SQL = queries("intake")
# States of so many bytes are unpacked beside the event loop.
_LARGE_BYTES = 1 << 20


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


NO_IDS = Ids()
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
    "known": NO_IDS.columns,
}


class IntakeReader:
    """What the fold must know of the past."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def prepare(self) -> None:
        """Ask every question once, so that no record is what it is prepared for."""
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
        blobs, sizes = [row["blob"] for row in rows], [row["size"] for row in rows]
        if sum(sizes) < _LARGE_BYTES:
            raws = delta.unfold(blobs, sizes)
        else:
            raws = await asyncio.to_thread(delta.unfold, blobs, sizes)
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
