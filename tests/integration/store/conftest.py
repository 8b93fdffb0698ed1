"""A migrated database."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from stratoscope.store.database import pool
from stratoscope.store.migration import migrate


@pytest.fixture
async def sessions(projection_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    """Sessions that see the serving projection."""
    serving = (await migrate(projection_dsn)).serving
    async with pool(projection_dsn, serving, "test", size=6) as opened:
        yield opened
