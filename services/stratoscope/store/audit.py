"""Who did what, and when: a table that is only added to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import asyncpg
import orjson

from stratoscope.store.sql import queries

_SQL = queries("audit")
_NEWEST = 2**63 - 1

Action = Literal["pause", "resume", "import", "rebuild", "retention", "erase"]


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was done; `space` and `agent` are None where it was to all."""

    who: str
    action: Action
    space: str | None = None
    agent: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry as it stands in the table."""

    audit_id: int
    done_at: datetime
    who: str
    action: str
    space: str | None
    agent: str | None
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries are listed; None is any."""

    space: str | None = None
    agent: str | None = None
    action: str | None = None
    before: int | None = None


class Audit:
    """The audit table, by way of one database session."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def add(self, entry: Entry) -> None:
        """Keep an entry, in the caller's transaction if there is one."""
        details = orjson.dumps(dict(entry.details), default=str).decode()
        await self._session.execute(
            _SQL["add"], entry.who, entry.action, entry.space, entry.agent, details
        )

    async def page(self, wanted: Filter, limit: int) -> list[Kept]:
        """At most `limit` entries, newest first."""
        before = _NEWEST if wanted.before is None else wanted.before
        rows = await self._session.fetch(
            _SQL["page"], before, wanted.space, wanted.agent, wanted.action, limit
        )
        return [Kept(**dict(row) | {"details": orjson.loads(row["details"])}) for row in rows]
