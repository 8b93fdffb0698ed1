"""Taking an agent out of the database: out of sight at once, then its rows, a few at a time.

Whoever has the agent in memory is fenced in the transaction that takes it out of sight, so nothing
is written on from there: a projector begins again at its checkpoint, where the log no longer has
what was erased, and a later record of the same name begins a timeline of its own.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from stratoscope.store.audit import Audit, Entry
from stratoscope.store.breakpoints import Breakpoints
from stratoscope.store.database import OPERATIONS
from stratoscope.store.retention import Retention, Unswept
from stratoscope.store.sql import queries
from stratoscope_contracts.subjects import partition_of

_SQL = queries("erasing")


@dataclass(frozen=True, slots=True)
class Erasure:
    """Which agent is erased, and up to which message of which stream."""

    space: str
    agent: str
    through_seq: int
    log_created_at: datetime

    @property
    def key(self) -> tuple[str, str]:
        """Space and name."""
        return self.space, self.agent


@dataclass(frozen=True, slots=True)
class Held:
    """What a database has of an agent: rows in the serving projection, and what operators made."""

    events: int = 0
    states: int = 0
    sessions: int = 0
    breakpoints: int = 0
    hits: int = 0
    holds: int = 0
    dead_letters: int = 0
    bases: int = 0


class Erasing:
    """Erasing, by way of one session that sees the operations schema."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def held(self, schemas: Sequence[str], space: str, agent: str) -> Held:
        """What there is of an agent; records are counted in the projection that has most."""
        events = states = 0
        for schema in schemas:
            async with self._looking_at(schema):
                row = await self._session.fetchrow(_SQL["recorded"], space, agent)
            events, states = max(events, row["events"]), max(states, row["states"])
        operated = await self._session.fetchrow(_SQL["operated"], space, agent)
        return Held(events, states, **operated)

    async def objects(self, space: str, agent: str) -> list[str]:
        """Objects that imports of or from an agent were read from."""
        return [row["object"] for row in await self._session.fetch(_SQL["objects"], space, agent)]

    async def imports(self, space: str, agent: str) -> list[str]:
        """Agents that were imported from this one."""
        return [row["agent"] for row in await self._session.fetch(_SQL["imports"], space, agent)]

    async def named_by_others(self, schema: str, space: str, agent: str) -> int:
        """How many events of other agents name one of its events as a cause."""
        async with self._looking_at(schema):
            count: int = await self._session.fetchval(_SQL["naming"], space, agent)
        return count

    async def put_out_of_sight(
        self, erasure: Erasure, schemas: Sequence[str], entry: Entry
    ) -> None:
        """Take an agent out of every projection and of what operators made, all or nothing."""
        async with self._session.transaction():
            await self._forget_operated(erasure)
            for schema in schemas:
                await self._look_at(schema)
                partition = partition_of(*erasure.key)
                await self._session.execute(_SQL["fence_projector"], partition)
                await self._session.execute(_SQL["put_out_of_sight"], *erasure.key)
                await self._session.execute(
                    _SQL["remove_dead_letters"], *erasure.key, erasure.through_seq
                )
            await self._look_at(OPERATIONS)
            await self._session.execute(
                _SQL["remove_dead_letters"], *erasure.key, erasure.through_seq
            )
            await Audit(self._session).add(entry)

    async def forget_stragglers(self, erasure: Erasure) -> None:
        """Delete what was on its way while the agent was taken out of sight, and its hits."""
        for query in ("remove_base", "remove_dead_letters", "remove_hits"):
            await self._session.execute(_SQL[query], *erasure.key, erasure.through_seq)

    async def sweep(self, schema: str) -> None:
        """Delete the rows of all agents that are out of sight in a projection."""
        # Not in a transaction: each step is one of its own.
        await self._session.execute(f"set search_path to {schema}, {OPERATIONS}")
        try:
            for row in await self._session.fetch(_SQL["out_of_sight"]):
                await self._sweep(Unswept(*row))
        finally:
            await self._session.execute(f"set search_path to {OPERATIONS}")

    async def _sweep(self, left: Unswept) -> None:
        retention = Retention(self._session)
        while (left.swept_event, left.swept_version) != (left.first_event, left.first_version):
            left, _ = await retention.sweep(left)
        await self._session.execute(_SQL["remove_rest"], left.agent_id)

    async def _forget_operated(self, erasure: Erasure) -> None:
        key = erasure.key
        await self._session.execute(
            _SQL["refuse_from_now_on"], *key, erasure.through_seq, erasure.log_created_at
        )
        # Sessions first and breakpoints next, as whoever ends a session does.
        await self._session.execute(_SQL["lock_sessions"], *key)
        async with Breakpoints(self._session).changing() as revision:
            await self._session.execute(_SQL["remove_breakpoints"], *key, revision)
        await self._session.execute(_SQL["fence_watcher"], partition_of(*key))
        for query in ("forget_counts", "remove_sessions", "remove_holds", "remove_gate"):
            await self._session.execute(_SQL[query], *key)
        await self._session.execute(_SQL["remove_import"], *key)
        await self._session.execute(_SQL["remove_base"], *key, erasure.through_seq)

    @asynccontextmanager
    async def _looking_at(self, schema: str) -> AsyncIterator[None]:
        async with self._session.transaction(readonly=True):
            await self._look_at(schema)
            yield

    async def _look_at(self, schema: str) -> None:
        await self._session.execute(f"set local search_path to {schema}, {OPERATIONS}")


async def is_any_erased(session: asyncpg.Connection) -> bool:
    """Whether an agent was ever erased: then depths of others' events may count its events."""
    found: bool = await session.fetchval(_SQL["is_any"])
    return found
