"""Pages of a list, bounded by bytes as well as rows: a page ends before all of it is in memory."""

from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import asyncpg

PAGE_BYTES: Final = 6 << 20
# At most a few megabytes of rows whose texts are all at their limits.
_PREFETCH: Final = 50
_ROW_BYTES: Final = 256

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Rows, and whether there are more behind them."""

    rows: list[T]
    has_more: bool


async def fetch_page(
    session: asyncpg.Connection, query: str, *arguments: Any, limit: int
) -> Page[asyncpg.Record]:
    """At most `limit` rows of a query, fewer where they are large, but one at least."""
    rows: list[asyncpg.Record] = []
    size = 0
    async with session.transaction():
        async for row in session.cursor(query, *arguments, prefetch=_PREFETCH):
            size += _size(row)
            if len(rows) == limit or (rows and size > PAGE_BYTES):
                return Page(rows, has_more=True)
            rows.append(row)
    return Page(rows, has_more=False)


def _size(row: asyncpg.Record) -> int:
    return _ROW_BYTES + sum(map(_size_of, row.values()))


def _size_of(value: Any) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    return sum(map(_size_of, value)) if isinstance(value, list) else 0
