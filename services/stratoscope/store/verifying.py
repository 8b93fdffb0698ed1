"""Reading a whole projection once, at one moment, to see whether it holds together."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from stratoscope.domain.delta import Frame
from stratoscope.domain.timeline import Place
from stratoscope.store.sql import queries

_SQL = queries("verifying")
# Versions at a time: a keyframe may be large.
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Line:
    """The head of a timeline: what its rows have to add up to."""

    agent_id: int
    space: str
    agent: str
    next_event: int
    next_version: int
    next_slot: int
    snapshots: int
    patches: int
    keyframes: int
    memory_usage: int
    raw_bytes: int
    stored_bytes: int
    first_version: int
    first_event: int
    clock: datetime | None
    recorded_at: datetime | None
    first_at: datetime | None

    @property
    def times(self) -> tuple[datetime | None, ...]:
        """Its times."""
        return self.clock, self.recorded_at, self.first_at

    @property
    def is_whole(self) -> bool:
        """Whether it has its beginning."""
        return not (self.first_version or self.first_event)


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A state version as it is stored."""

    agent_id: int
    version: int
    frame: Frame
    event_index: int
    place: Place
    is_snapshot: bool
    memory_usage: int
    content: "Content"


@dataclass(frozen=True, slots=True)
class Content:
    """What a row holds that is told as it is: its times, and its JSON as text."""

    times: tuple[datetime | None, ...]
    documents: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Events:
    """What the events of a timeline add up to."""

    events: int
    first: int | None
    last: int | None
    disordered: int
    causes: int
    edges: int


@asynccontextmanager
async def one_moment(session: asyncpg.Connection) -> AsyncIterator["Whole"]:
    """A projection as it is now, however long it is looked at."""
    async with session.transaction(isolation="repeatable_read", readonly=True):
        yield Whole(session)


class Whole:
    """All of a projection, by way of one session."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def began(self) -> datetime:
        """The moment that is looked at."""
        began: datetime = await self._session.fetchval("select now()")
        return began

    async def lines(self, space: str | None, agent: str | None) -> list[Line]:
        """The heads of all timelines, or of those in a space or with a name."""
        return [Line(*row) for row in await self._session.fetch(_SQL["lines"], space, agent)]

    async def versions(self, lines: Sequence[Line]) -> AsyncIterator[StoredVersion]:
        """Every version of these timelines, one timeline after the other."""
        agents = [line.agent_id for line in lines]
        firsts = [line.first_version for line in lines]
        async for row in self._session.cursor(_SQL["versions"], agents, firsts, prefetch=_PAGE):
            yield StoredVersion(
                row["agent_id"],
                row["version"],
                Frame(row["slot"], row["size"], row["digest"], row["blob"]),
                row["event_index"],
                Place(row["stream_seq"], row["ordinal"]),
                row["is_snapshot"],
                row["memory_usage"],
                Content((row["clock"], row["recorded_at"], row["occurred_at"]), (row["metadata"],)),
            )

    async def contents(self, line: Line) -> AsyncIterator[tuple[int, Content]]:
        """What each event of a timeline holds, by its index."""
        named = (line.agent_id, line.first_event)
        async for row in self._session.cursor(_SQL["contents"], *named, prefetch=_PAGE):
            yield (
                row["event_index"],
                Content(
                    (row["clock"], row["recorded_at"], row["occurred_at"]),
                    (row["data"], row["metadata"], row["patch"]),
                ),
            )

    async def events(self, line: Line) -> Events:
        """What a timeline's events add up to."""
        named = (line.agent_id, line.first_event)
        row = await self._session.fetchrow(_SQL["events"], *named)
        return Events(**row, edges=await self._session.fetchval(_SQL["edges"], *named))

    async def first_gap(self, line: Line) -> int | None:
        """The first event that is missing between two that are there."""
        gap: int | None = await self._session.fetchval(
            _SQL["first_gap"], line.agent_id, line.first_event
        )
        return gap
