"""Breakpoints, kept.

Each change counts one revision up, in order, and says so on the channel `strato_arming`: that is
how those who watch for breakpoints know that there is something new to read.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from stratoscope.store.pages import Page, fetch_page
from stratoscope.store.quotas import breakpoint_bytes_in, breakpoints_in, bytes_of_breakpoint
from stratoscope.store.sql import queries
from stratoscope_contracts.breakpoints import Action, Trigger
from stratoscope_contracts.words import MAX_BREAKPOINTS_AN_AGENT

_SQL = queries("breakpoints")
CHANNEL = "strato_arming"
_NEWEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class BreakpointRow:
    """A breakpoint as it is stored; `condition`, `hit` and `metadata` are JSON text.

    `number` is its place in the order of creation. What has an `armed_seq` sees the records behind
    that message; what has an `ends_at` none that were recorded from then on.
    """

    id: UUID
    space: str
    agent: str
    condition: str
    created_at: datetime
    armed_seq: int
    session_id: UUID | None = None
    trigger: Trigger = "edge"
    action: Action = "notify"
    hit: str | None = None
    message: str | None = None
    metadata: str = "{}"
    is_enabled: bool = True
    is_auto: bool = False
    ends_at: datetime | None = None
    number: int = 0
    revision: int = 0
    hit_count: int = 0
    strikes: int = 0
    last_error: str | None = None
    disabled_reason: str | None = None

    def is_over(self, moment: datetime) -> bool:
        """Whether the session that it belongs to has ended by itself."""
        return self.ends_at is not None and self.ends_at <= moment


class TooManyBreakpoints(Exception):
    """An agent or a space has as many as it may; the message says how many."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which breakpoints of a space are listed."""

    agent: str | None = None
    session_id: UUID | None = None
    before: int | None = field(default=None)


class Breakpoints:
    """The breakpoints, by way of one database session."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def create(
        self,
        rows: Sequence[BreakpointRow],
        quota: int | None = None,
        most_bytes: int | None = None,
    ) -> int:
        """Keep new breakpoints, all or none; the revision at which those who watch know them.

        A space has at most `quota`, with at most `most_bytes`. Raises TooManyBreakpoints.
        """
        if not rows:
            return await self.revision()
        # Before others have to wait for this change: what is created at once may go over.
        for space in {row.space for row in rows}:
            new = [row for row in rows if row.space == space]
            sizes = [bytes_of_breakpoint(one.condition, one.metadata, one.message) for one in new]
            await self.check_bytes(space, sum(sizes), rows[0].created_at, most_bytes)
        async with self.changing() as revision:
            await self._check_room(rows)
            await self._check_quota(rows, quota)
            columns = [list(column) for column in zip(*map(_columns, rows), strict=True)]
            await self._session.execute(_SQL["insert"], revision, *columns)
        return revision

    async def find(self, space: str, breakpoint_id: UUID) -> BreakpointRow | None:
        """A breakpoint of a space."""
        row = await self._session.fetchrow(_SQL["get"], space, breakpoint_id)
        return breakpoint_in(row) if row else None

    async def page(self, space: str, wanted: Filter, limit: int) -> Page[BreakpointRow]:
        """At most `limit` breakpoints of a space, newest first; fewer where they are large."""
        before = _NEWEST if wanted.before is None else wanted.before
        name, scope = "page", (space, before, limit + 1)
        more: tuple[object, ...] = ()
        if wanted.session_id is not None:
            name, more = "page_of_session", (wanted.session_id, wanted.agent)
        elif wanted.agent is not None:
            name, more = "page_of_agent", (wanted.agent,)
        page = await fetch_page(self._session, _SQL[name], *scope, *more, limit=limit)
        return Page([breakpoint_in(row) for row in page.rows], page.has_more)

    async def armed(
        self, space: str, agent: str, session_id: UUID | None, now: datetime
    ) -> list[BreakpointRow]:
        """What would stop a session at an agent: enabled, in order of creation.

        The agent's own and those of all agents; of no session or of this one.
        """
        rows = await self._session.fetch(_SQL["armed"], space, agent, session_id, now)
        return [breakpoint_in(row) for row in rows]

    async def watching(self, space: str, agent: str, now: datetime) -> list[BreakpointRow]:
        """What is watched for on an agent, of any session, in order of creation."""
        rows = await self._session.fetch(_SQL["watching"], space, agent, now)
        return [breakpoint_in(row) for row in rows]

    async def count(self, space: str, session_id: UUID) -> int:
        """How many belong to a session."""
        found: int = await self._session.fetchval(_SQL["of_session"], space, session_id)
        return found

    async def enable(self, space: str, breakpoint_id: UUID, armed_seq: int) -> int:
        """Arm one again from a message on, if it was not armed; the revision."""
        async with self.changing() as revision:
            await self._session.execute(_SQL["enable"], space, breakpoint_id, revision, armed_seq)
        return revision

    async def disable(self, space: str, breakpoint_id: UUID, reason: str | None = None) -> int:
        """Keep one without watching; the revision."""
        async with self.changing() as revision:
            await self._session.execute(_SQL["disable"], space, breakpoint_id, revision, reason)
        return revision

    async def remove(self, space: str, breakpoint_id: UUID, now: datetime) -> bool:
        """Forget one; whether it was there."""
        async with self.changing() as revision:
            gone = await self._session.fetchval(_SQL["remove"], space, breakpoint_id, revision, now)
        return gone is not None

    async def end_session(self, space: str, session_id: UUID, reason: str) -> None:
        """Disable what belongs to a session that has ended."""
        async with self.changing() as revision:
            await self._session.execute(
                _SQL["disable_of_session"], space, session_id, revision, reason
            )

    async def remove_session(self, space: str, session_id: UUID, now: datetime) -> None:
        """Forget what belongs to a session that is removed."""
        async with self.changing() as revision:
            await self._session.execute(_SQL["remove_of_session"], space, session_id, revision, now)

    async def revision(self) -> int:
        """How many changes there have been."""
        found: int = await self._session.fetchval(_SQL["revision"])
        return found

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[int]:
        """The revision of a change, made within the block."""
        async with self._session.transaction():
            row = await self._session.fetchrow(_SQL["change"])
            yield row["revision"]

    async def check_bytes(self, space: str, more: int, now: datetime, most: int | None) -> None:
        """Raise TooManyBreakpoints where so many bytes more are over what a space may have.

        Every navigator holds all breakpoints of all spaces in memory.
        """
        if most is not None and await breakpoint_bytes_in(self._session, space, now) + more > most:
            raise TooManyBreakpoints(
                f"the breakpoints of a space have at most {most} bytes: remove some of them"
            )

    async def _check_room(self, rows: Sequence[BreakpointRow]) -> None:
        wanted = Counter((row.space, row.agent) for row in rows)
        spaces, agents = zip(*wanted, strict=True)
        now = rows[0].created_at
        for kept in await self._session.fetch(_SQL["of_agents"], spaces, agents, now):
            wanted[kept["space"], kept["agent"]] += kept["count"]
        if max(wanted.values()) > MAX_BREAKPOINTS_AN_AGENT:
            raise TooManyBreakpoints(f"an agent has at most {MAX_BREAKPOINTS_AN_AGENT} breakpoints")

    async def _check_quota(self, rows: Sequence[BreakpointRow], quota: int | None) -> None:
        for space in {row.space for row in rows if quota is not None}:
            # Nobody else adds any meanwhile: the change is begun.
            wanted = sum(row.space == space for row in rows)
            have = await breakpoints_in(self._session, space, rows[0].created_at)
            if quota is not None and have + wanted > quota:
                raise TooManyBreakpoints(f"the space has at most {quota} breakpoints")


def breakpoint_in(row: Mapping[str, Any]) -> BreakpointRow:
    """The breakpoint in a row of its columns."""
    fields = dict(row)
    ends_at = fields["ends_at"]
    # The end of time comes back as a moment without a zone, which nothing can be compared with.
    if ends_at is not None and ends_at.tzinfo is None:
        fields["ends_at"] = None
    return BreakpointRow(**fields)


def _columns(row: BreakpointRow) -> tuple[object, ...]:
    return (
        row.id,
        row.armed_seq,
        row.created_at,
        row.ends_at,
        row.session_id,
        row.is_enabled,
        row.is_auto,
        row.space,
        row.agent,
        row.trigger,
        row.action,
        row.condition,
        row.hit,
        row.message,
        row.metadata,
        row.disabled_reason,
    )
