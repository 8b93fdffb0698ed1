"""Leases on watching partitions for breakpoints, and what those who watch read and write."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from stratoscope.store.breakpoints import BreakpointRow, Breakpoints, breakpoint_in
from stratoscope.store.sql import queries

_SQL = queries("watches")
MAX_STRIKES = 3


@dataclass(frozen=True, slots=True)
class Watch:
    """A partition that is watched here: its fence, how far it was watched, and by what."""

    partition: int
    epoch: int
    stream_seq: int
    revision: int


@dataclass(frozen=True, slots=True)
class Changed:
    """A breakpoint that was changed; one that is gone is not enabled either."""

    row: BreakpointRow
    is_gone: bool


class Watches:
    """The leases of one who watches. `session` carries them: a lease dies with it."""

    def __init__(
        self,
        session: asyncpg.Connection,
        pool: asyncpg.Pool,
        *,
        owner: str,
        lasting: timedelta,
        partitions: int,
    ) -> None:
        self._session = session
        self._pool = pool
        self._owner = owner
        self._lasting = lasting
        self._partitions = partitions
        self._held: dict[int, Watch] = {}

    @property
    def owner(self) -> str:
        """Whose they are."""
        return self._owner

    @property
    def held(self) -> tuple[Watch, ...]:
        """What is held, as it was claimed."""
        return tuple(self._held[number] for number in sorted(self._held))

    def epoch(self, partition: int) -> int:
        """The fence of a partition that is held."""
        return self._held[partition].epoch

    async def share(self) -> int:
        """How many partitions are this one's, of those alive now."""
        pid = self._session.get_server_pid()
        others: int = await self._pool.fetchval(_SQL["alive"], self._owner, self._lasting, pid)
        return -(-self._partitions // (others + 1))

    async def claim(self, share: int) -> list[Watch]:
        """Take what is free, up to `share`; what was taken."""
        wanted = share - len(self._held)
        if wanted <= 0:
            return []
        rows = await self._session.fetch(_SQL["claim"], self._owner, self._lasting, wanted)
        taken = [Watch(*row) for row in rows]
        self._held |= {watch.partition: watch for watch in taken}
        return taken

    async def renew(self) -> bool:
        """Hold on; False where a lease was lost to somebody else."""
        numbers, epochs = self._fences(self.held)
        rows = await self._pool.fetch(_SQL["renew"], numbers, epochs, self._lasting)
        return len(rows) == len(numbers)

    async def release(self, given: Sequence[Watch]) -> None:
        """Give partitions back."""
        await self._pool.fetch(_SQL["release"], *self._fences(given))
        for watch in given:
            del self._held[watch.partition]

    async def leave(self) -> None:
        """Say goodbye and give everything back, so that who takes it does not share with us."""
        await self._pool.fetch(_SQL["leave"], self._owner)
        await self.release(self.held)

    @staticmethod
    def _fences(held: Sequence[Watch]) -> tuple[list[int], list[int]]:
        return [one.partition for one in held], [one.epoch for one in held]


async def is_watched(session: asyncpg.Connection, partition: int) -> bool:
    """Whether somebody watches a partition."""
    found: bool = await session.fetchval(_SQL["holder"], partition)
    return found


async def enabled(session: asyncpg.Connection) -> tuple[int, list[BreakpointRow]]:
    """All breakpoints that are enabled, and the revision up to which that is all."""
    async with session.transaction(isolation="repeatable_read", readonly=True):
        revision = await Breakpoints(session).revision()
        rows = await session.fetch(_SQL["enabled"])
    return revision, [_changed(row).row for row in rows]


async def changed(session: asyncpg.Connection, revision: int) -> list[Changed]:
    """The breakpoints that changed behind a revision, in order."""
    return [_changed(row) for row in await session.fetch(_SQL["changed"], revision)]


async def sweep(session: asyncpg.Connection) -> None:
    """Delete what was removed long ago."""
    await session.execute(_SQL["sweep"])


async def strike(session: asyncpg.Connection, breakpoint_id: UUID, error: str) -> bool:
    """Count that an expression had to be stopped; whether its breakpoint is disabled for that."""
    row = await session.fetchrow(_SQL["strike"], breakpoint_id, error)
    if row is None or row["strikes"] < MAX_STRIKES:
        return False
    await Breakpoints(session).disable(
        row["space"], breakpoint_id, f"stopped {MAX_STRIKES} times: {error}"
    )
    return True


def _changed(row: asyncpg.Record) -> Changed:
    fields = dict(row)
    removed_at: datetime | None = fields.pop("removed_at")
    return Changed(breakpoint_in(fields), removed_at is not None)
