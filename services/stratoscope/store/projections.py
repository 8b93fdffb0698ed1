"""The projections there are: which one serves, one that is being filled, those that are over.

A projection serves, or was never served (a rebuild fills it, or was cut short), or is over. Its
schema is made, swapped in and dropped here, each in one transaction.

While a projection is filled it has a table `dead_letter` of its own, which its search path finds
before the operators' one: a rebuild's verdicts stay with it, unpublished, until the swap hands
them down, and are gone with it if there is none.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from stratoscope.domain.rules import RULE_VERSION
from stratoscope.store.database import OPERATIONS
from stratoscope.store.migration import apply_projection
from stratoscope.store.sql import migrations, queries

_SQL = queries("projections")
_LOCK = 0x57_52_41_55
_LOOK_AGAIN = 0.005


class NotCaughtUp(Exception):
    """What should serve did not reach what serves now while that one stood still."""


@dataclass(frozen=True, slots=True)
class Projection:
    """A projection's row."""

    schema: str
    serving: bool
    rule_version: int
    served_at: datetime | None
    kept: bool

    @property
    def is_filling(self) -> bool:
        """Whether it never answered."""
        return self.served_at is None


async def serving_schema(pool: asyncpg.Pool) -> str:
    """The schema of the projection that answers now."""
    schema: str = await pool.fetchval(_SQL["serving"])
    return schema


async def database_bytes(session: asyncpg.Connection) -> int:
    """What the whole database takes, every projection included."""
    size: int = await session.fetchval(_SQL["database_bytes"])
    return size


class Projections:
    """All projections of a database, by way of one session of its owner."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def lock(self) -> bool:
        """Keep every other rebuild away, as long as the session lasts; False where one is on."""
        taken: bool = await self._session.fetchval(_SQL["try_lock"], _LOCK)
        return taken

    async def all(self) -> list[Projection]:
        """Every projection, the oldest first."""
        return [Projection(*row) for row in await self._session.fetch(_SQL["all"])]

    async def begin(self) -> Projection:
        """Make an empty projection under the next free number."""
        async with self._session.transaction():
            taken = {row["nspname"] for row in await self._session.fetch(_SQL["taken"])}
            taken |= {one.schema for one in await self.all()}
            number = max(int(name.removeprefix("strato_p")) for name in taken) + 1
            schema = f"strato_p{number}"
            await apply_projection(self._session, schema)
            await self._session.execute(
                f"create table {schema}.dead_letter"
                f" (like {OPERATIONS}.dead_letter including defaults including indexes)"
            )
            await self._session.execute(_SQL["add"], schema, False, RULE_VERSION)
        return Projection(schema, False, RULE_VERSION, None, False)

    async def is_current(self, projection: Projection) -> bool:
        """Whether one that was begun earlier is what this version would begin."""
        wanted = {number for number, _, _ in migrations("projection")}
        rows = await self._session.fetch(f"select number from {projection.schema}.migration")
        return projection.rule_version == RULE_VERSION and wanted == {row[0] for row in rows}

    async def drop(self, projection: Projection, lock_seconds: float = 5.0) -> None:
        """Drop one that does not serve. Raises LockNotAvailableError where somebody still reads."""
        async with self._session.transaction():
            await self._lock_timeout(lock_seconds)
            await self._session.execute(_SQL["forget"], projection.schema)
            await self._session.execute(f"drop schema if exists {projection.schema} cascade")

    async def keep(self, projection: Projection) -> None:
        """Have one that is over not dropped by a later rebuild."""
        await self._session.execute(_SQL["keep"], projection.schema)

    async def checkpoints(self, schema: str) -> dict[int, int]:
        """How far a projection is, partition by partition."""
        async with self._session.transaction(readonly=True):
            await self._look_at(schema)
            return await self._checkpoints("checkpoints")

    async def records(self, schema: str) -> tuple[int, int]:
        """How many events and state versions a projection has."""
        async with self._session.transaction(readonly=True):
            await self._look_at(schema)
            row = await self._session.fetchrow(_SQL["records"])
        return row["events"], row["versions"]

    async def projectors(self, schema: str, besides: str) -> int:
        """How many projectors live on a projection, without those whose names begin so."""
        async with self._session.transaction():
            await self._look_at(schema)
            count: int = await self._session.fetchval(_SQL["alive"], besides)
        return count

    async def swap(
        self, old: Projection, new: Projection, *, seconds: float = 2.0, regardless: bool = False
    ) -> None:
        """Let the new one serve in place of the old one, which is fenced off and moves no more.

        The old one is held still until the new one has all that it has, so no reader is ever
        taken back (but `regardless`). Raises NotCaughtUp or LockNotAvailableError after
        `seconds`, and then nothing has changed.
        """
        async with self._session.transaction():
            await self._lock_timeout(seconds)
            await self._look_at(old.schema)
            reached = await self._checkpoints("hold_still")
            await self._look_at(new.schema)
            if not regardless:
                await self._reach(reached, seconds)
            else:
                await self._session.execute(_SQL["take_breakpoints_back"])
                await self._session.execute(_SQL["forget_hits_behind"])
            await self._hand_down(new.schema, min(reached.values()))
            await self._look_at(old.schema)
            await self._session.execute(_SQL["fence"])
            # One after the other: there is never more than one that serves.
            await self._session.execute(_SQL["retire"])
            await self._session.execute(_SQL["serve"], new.schema)

    async def _reach(self, reached: Mapping[int, int], seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                # Moved by another session: there is no event to await.
                while behind(await self._checkpoints("checkpoints"), reached):  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_AGAIN)
        except TimeoutError as error:
            raise NotCaughtUp from error

    async def _hand_down(self, schema: str, passed: int) -> None:
        # Whoever is about to bury a letter waits here, and then finds the operators' table.
        await self._session.execute(f"lock table {schema}.dead_letter in access exclusive mode")
        await self._session.execute(_SQL["hand_down"], passed)
        await self._session.execute(f"drop table {schema}.dead_letter")

    async def _look_at(self, schema: str) -> None:
        await self._session.execute(f"set local search_path to {schema}, {OPERATIONS}")

    async def _lock_timeout(self, seconds: float) -> None:
        await self._session.execute(f"set local lock_timeout to {int(seconds * 1000)}")

    async def _checkpoints(self, query: str) -> dict[int, int]:
        return {
            row["partition"]: row["stream_seq"] for row in await self._session.fetch(_SQL[query])
        }


def behind(reached: Mapping[int, int], wanted: Mapping[int, int]) -> bool:
    """Whether any partition is not there yet."""
    return any(reached[number] < seq for number, seq in wanted.items())
