"""Leases on partitions: who may move a checkpoint, and until when."""

from datetime import timedelta
from typing import NamedTuple

import asyncpg

from stratoscope.store.sql import queries

_SQL = queries("leases")


class Held(NamedTuple):
    """A partition that this projector holds: its fence and its checkpoint."""

    # A tuple, since each commit makes one for every partition.

    partition: int
    epoch: int
    stream_seq: int
    probe_seq: int
    probe_digest: bytes | None


class Leases:
    """The leases of one projector. `session` is the writer's: a lease dies with it."""

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
        # In the order of the partitions.
        self.held: tuple[Held, ...] = ()

    @property
    def whole(self) -> tuple[Held, ...]:
        """All partitions that are held."""
        return self.held

    async def share(self) -> int:
        """How many partitions are this projector's, of those alive now."""
        pid = self._session.get_server_pid()
        others: int = await self._pool.fetchval(_SQL["alive"], self._owner, self._lasting, pid)
        return -(-self._partitions // (others + 1))

    async def claim(self, share: int) -> bool:
        """Take what is free, up to `share`; True where that changed what is held."""
        wanted = share - len(self.held)
        if wanted <= 0:
            return False
        rows = await self._session.fetch(_SQL["claim"], self._owner, self._lasting, wanted)
        self.held = tuple(sorted([*self.held, *(Held(*row) for row in rows)]))
        return bool(rows)

    async def free(self) -> int:
        """How many partitions nobody holds."""
        count: int = await self._pool.fetchval(_SQL["free"])
        return count

    async def renew(self) -> bool:
        """Hold on; False where a lease was lost to somebody else."""
        numbers, epochs = self._fences(self.held)
        rows = await self._pool.fetch(_SQL["renew"], numbers, epochs, self._lasting)
        return len(rows) == len(self.held)

    async def release(self, count: int) -> None:
        """Give the last `count` partitions back."""
        left = len(self.held) - count
        await self._pool.execute(_SQL["release"], *self._fences(self.held[left:]))
        self.held = self.held[:left]

    async def leave(self) -> None:
        """Say goodbye and give everything back, so that who takes it does not share with us."""
        await self._pool.execute(_SQL["leave"], self._owner)
        await self.release(len(self.held))

    def moved(self, stream_seq: int, probe_seq: int | None, probe_digest: bytes | None) -> None:
        """Every checkpoint was moved."""
        self.held = _moved(self.held, stream_seq, probe_seq, probe_digest)

    def replace(self, some: tuple[Held, ...]) -> None:
        """The checkpoints of some partitions were moved."""
        if len(some) == len(self.held):
            self.held = some
            return
        new = {one.partition: one for one in some}
        self.held = tuple(new.get(one.partition, one) for one in self.held)

    @staticmethod
    def _fences(held: tuple[Held, ...]) -> tuple[list[int], list[int]]:
        return [one.partition for one in held], [one.epoch for one in held]


class LeasedPart:
    """Some of the partitions of a projector's leases, whose checkpoints move together."""

    def __init__(self, leases: Leases, held: tuple[Held, ...]) -> None:
        self._leases = leases
        self.held = held

    @property
    def whole(self) -> tuple[Held, ...]:
        """All partitions that the projector holds."""
        return self._leases.held

    def moved(self, stream_seq: int, probe_seq: int | None, probe_digest: bytes | None) -> None:
        """Every checkpoint of them was moved."""
        self.held = _moved(self.held, stream_seq, probe_seq, probe_digest)
        self._leases.replace(self.held)


def _moved(
    held: tuple[Held, ...], stream_seq: int, probe_seq: int | None, probe_digest: bytes | None
) -> tuple[Held, ...]:
    return tuple(
        Held(
            one.partition,
            one.epoch,
            max(one.stream_seq, stream_seq),
            one.probe_seq if probe_seq is None else probe_seq,
            one.probe_digest if probe_digest is None else probe_digest,
        )
        for one in held
    )
