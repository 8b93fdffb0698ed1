"""Which projection is projected: the one that serves, or one that is being filled."""

import asyncio
from typing import Protocol

import asyncpg

from stratoscope.store.projections import serving_schema

_LOOK_EVERY = 0.5


class Following(Protocol):
    """Says which projection to project."""

    async def schema(self) -> str:
        """The one for the next term."""

    async def moved(self, schema: str) -> None:
        """Return once another one than this is to be projected."""


class Serving:
    """Whatever serves. A swap is noticed by looking, or sooner: it takes the leases away."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def schema(self) -> str:
        """The one that answers now."""
        return await serving_schema(self._pool)

    async def moved(self, schema: str) -> None:
        """Return once another one answers."""
        while await self.schema() == schema:  # noqa: ASYNC110 - the pointer is in the database
            await asyncio.sleep(_LOOK_EVERY)


class Only:
    """One projection, whether it serves or not."""

    def __init__(self, schema: str) -> None:
        self._schema = schema

    async def schema(self) -> str:
        """That one."""
        return self._schema

    async def moved(self, schema: str) -> None:
        """Never."""
        await asyncio.Event().wait()
