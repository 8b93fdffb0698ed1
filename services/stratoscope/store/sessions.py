"""Sessions, kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from stratoscope.domain.seek import Stand, UpTo
from stratoscope.domain.timeline import Place
from stratoscope.domain.trail import Trail
from stratoscope.store.pages import Page, fetch_page
from stratoscope.store.reaching import bounds_of
from stratoscope.store.sql import queries
from stratoscope.store.states import Standing, standing_in
from stratoscope.store.timelines import Timeline
from stratoscope_contracts.sessions import SessionState

_SQL = queries("sessions")
# How many columns of a row are the session's; the timeline's come behind them.
_OWN: Final = 21


@dataclass(frozen=True, slots=True)
class SessionPlace:
    """Where a session stands: after an event and a record, at a time of its own."""

    event_index: int
    place: Place | None
    clock: datetime | None

    @property
    def columns(self) -> tuple[object, ...]:
        """As it is stored."""
        return self.event_index, *(self.place or (None, None)), self.clock


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as it is stored; `config` is JSON text.

    `timeline` is its agent's as it is now, None where nothing was recorded of it yet. An `error`
    has a `reason`; an open session is one once `ends_at` is over, which is not stored.
    """

    id: UUID
    agent: str
    state: SessionState
    version: int
    name: str | None
    description: str | None
    tags: Sequence[str]
    config: str
    stands: SessionPlace
    created_at: datetime
    updated_at: datetime
    ends_at: datetime
    trail: Trail = field(default_factory=Trail)
    navigation_steps: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    timeline: Timeline | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Moving:
    """A move that is to be made: where to, and what becomes of the navigation history.

    `clock` is the session's own where it is not the records'. `slot` is where the place is to be
    remembered, None where it is one of the history already.
    """

    target: Stand | UpTo
    clock: datetime | None
    trail: Trail
    slot: int | None


@dataclass(frozen=True, slots=True)
class Moved:
    """What stands around there, whether it is still kept, and whether the session was moved.

    Of the state there, no more is known than a position tells.
    """

    standing: Standing
    is_kept: bool
    is_moved: bool


@dataclass(frozen=True, slots=True)
class Tally:
    """What is kept of a session's agent, and with the session."""

    events: int
    snapshots: int
    diffs: int
    memory_usage: int
    values: int
    marks: int


class Sessions:
    """The sessions, by way of one database session."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def create(
        self, space: str, row: SessionRow, slots: Sequence[int], places: Sequence[SessionPlace]
    ) -> None:
        """Keep a new session with its navigation history: places, and the slots they lie in."""
        trail = (row.trail.first, row.trail.current, row.trail.last)
        async with self._session.transaction():
            await self._session.execute(
                _SQL["create"],
                *(row.id, space, row.agent, row.state, row.name, row.description, row.tags),
                *(row.config, *row.stands.columns, *trail, row.navigation_steps),
                *(row.created_at, row.updated_at, row.ends_at, row.started_at, row.ended_at),
            )
            columns = zip(*(place.columns for place in places), strict=True)
            await self._session.execute(_SQL["remember"], row.id, slots, *map(list, columns))

    async def find(self, space: str, session_id: UUID) -> SessionRow | None:
        """A session of a space."""
        row = await self._session.fetchrow(_SQL["get"], space, session_id)
        return _row(tuple(row)) if row else None

    async def lock(self, space: str, session_id: UUID) -> SessionRow | None:
        """A session that nobody else changes until the transaction ends."""
        await self._session.fetchrow(_SQL["lock"], space, session_id)
        return await self.find(space, session_id)

    async def page(
        self,
        space: str,
        agent: str | None,
        state: SessionState | None,
        before: UUID | None,
        now: datetime,
        limit: int,
    ) -> Page[SessionRow]:
        """At most `limit` sessions of a space, newest first; without their timelines.

        Fewer where they are large.
        """
        name, more = ("page", ()) if agent is None else ("page_of_agent", (agent,))
        scope = (space, before, state, now, limit + 1)
        page = await fetch_page(self._session, _SQL[name], *scope, *more, limit=limit)
        return Page([_row(tuple(row)) for row in page.rows], page.has_more)

    async def enter(self, session_id: UUID, state: SessionState, now: datetime) -> None:
        """Put a locked session into a state."""
        await self._session.execute(_SQL["enter"], session_id, state, now)

    async def describe(self, row: SessionRow, now: datetime) -> None:
        """Keep the texts of a locked session."""
        await self._session.execute(
            _SQL["describe"], row.id, row.name, row.description, row.tags, now
        )

    async def touch(self, session_id: UUID, now: datetime) -> None:
        """Count up the version of a locked session, of which something was changed."""
        await self._session.execute(_SQL["touch"], session_id, now)

    async def remove(self, session_id: UUID) -> None:
        """Forget a locked session and all that is kept with it."""
        await self._session.execute(_SQL["remove"], session_id)

    async def move(
        self, row: SessionRow, timeline: Timeline, moving: Moving, now: datetime
    ) -> Moved:
        """Put a session elsewhere in its timeline, if it is still as it was read."""
        trail = moving.trail
        found = await self._session.fetchrow(
            _SQL["move"],
            *bounds_of(timeline, moving.target)[:-1],
            *(row.id, row.version, now, moving.clock),
            *(trail.first, trail.current, trail.last, moving.slot),
        )
        return Moved(standing_in(found), found["is_kept"], found["is_moved"])

    async def places(self, session_id: UUID, slots: Sequence[int]) -> list[SessionPlace]:
        """Places of the navigation history, by their slots."""
        rows = await self._session.fetch(_SQL["places"], session_id, slots)
        return [session_place(*row) for row in rows]

    async def count(self, space: str, now: datetime) -> tuple[int, int]:
        """How many sessions a space has, and how many of them are under way."""
        row = await self._session.fetchrow(_SQL["count"], space, now)
        return row["total"], row["active"]

    async def states(self, now: datetime) -> dict[str, int]:
        """How many sessions of all spaces are in each state."""
        return {
            row["state"]: row["sessions"] for row in await self._session.fetch(_SQL["states"], now)
        }

    async def tally(self, space: str, row: SessionRow) -> Tally:
        """What there is to count of a session."""
        return Tally(*await self._session.fetchrow(_SQL["tally"], space, row.agent, row.id))


def session_place(
    event_index: int, stream_seq: int | None, ordinal: int | None, clock: datetime | None
) -> SessionPlace:
    """A place as it is stored."""
    moment = None if clock is None else _zoned(clock)
    if stream_seq is None or ordinal is None:
        return SessionPlace(event_index, None, moment)
    return SessionPlace(event_index, Place(stream_seq, ordinal), moment)


def _zoned(moment: datetime) -> datetime:
    """The first and the last moment of all are infinities to Postgres, and come without a zone."""
    return moment.replace(tzinfo=UTC)


def _row(columns: tuple[Any, ...]) -> SessionRow:
    timeline = columns[_OWN:]
    return SessionRow(
        id=columns[0],
        agent=columns[1],
        state=columns[2],
        version=columns[3],
        name=columns[4],
        description=columns[5],
        tags=columns[6],
        config=columns[7],
        stands=session_place(*columns[8:12]),
        trail=Trail(*columns[12:15]),
        navigation_steps=columns[15],
        created_at=columns[16],
        updated_at=columns[17],
        ends_at=_zoned(columns[18]),
        started_at=columns[19],
        ended_at=columns[20],
        timeline=Timeline(*timeline) if timeline and timeline[0] is not None else None,
    )
