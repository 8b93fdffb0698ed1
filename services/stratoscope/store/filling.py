"""What was recorded in a stretch of the log, of agents that are watched."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg

from stratoscope.domain.delta import Frame
from stratoscope.store.sql import queries

_SQL = queries("filling")
_SEEKS = queries("seeks")
_LAST_ORDINAL: Final = 2**31 - 1
# A state version of an agent.
Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose records: all agents of some spaces, and some agents."""

    spaces: Collection[str]
    agents: Collection[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Part:
    """Where an agent's records of a stretch lie: behind one event and version, up to others."""

    agent_id: int
    space: str
    agent: str
    import_seq: int | None
    event: int
    last_event: int
    version: int
    last_version: int

    @property
    def count(self) -> int:
        """How many rows that are."""
        return self.last_event - self.event + self.last_version - self.version


@dataclass(frozen=True, slots=True)
class Rows:
    """Records of one agent; the clock is its own right before them."""

    part: Part
    clock: datetime | None
    events: Sequence[asyncpg.Record]
    versions: Sequence[asyncpg.Record]


class Filling:
    """Reads stretches of the log from the projection, by way of one session."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def checkpoints(self, partitions: Collection[int]) -> dict[int, int]:
        """How far partitions are projected."""
        rows = await self._session.fetch(_SQL["checkpoints"], list(partitions))
        return {row["partition"]: row["stream_seq"] for row in rows}

    async def parts(self, partition: int, wanted: Wanted, after: int, through: int) -> list[Part]:
        """What there is of agents of a partition behind one message, up to and with another."""
        agents = list(wanted.agents)
        rows = await self._session.fetch(
            _SQL["agents"],
            partition,
            list(wanted.spaces),
            [space for space, _ in agents],
            [agent for _, agent in agents],
            after,
            through,
        )
        if not rows:
            return []
        spans = [
            (await self._ends(rows, table, after), await self._ends(rows, table, through))
            for table in ("event", "version")
        ]
        (events, last_events), (versions, last_versions) = spans
        found = [
            Part(
                row["agent_id"],
                row["space"],
                row["name"],
                row["import_seq"],
                *(events[number], last_events[number]),
                *(versions[number], last_versions[number]),
            )
            for number, row in enumerate(rows)
        ]
        return [part for part in found if part.count]

    async def size(self, parts: Sequence[Part]) -> int:
        """How many bytes the documents of the events of these parts have."""
        found: int = await self._session.fetchval(
            _SQL["size"],
            [part.agent_id for part in parts],
            [part.event for part in parts],
            [part.last_event for part in parts],
        )
        return found

    async def rows(self, parts: Sequence[Part]) -> list[Rows]:
        """The records of these parts, in order."""
        agents = [part.agent_id for part in parts]
        events = await self._session.fetch(
            _SQL["events"],
            agents,
            [part.event for part in parts],
            [part.last_event for part in parts],
        )
        versions = await self._session.fetch(
            _SQL["versions"],
            agents,
            [part.version for part in parts],
            [part.last_version for part in parts],
        )
        clocks = await self._session.fetch(
            _SQL["clocks"],
            agents,
            [part.event for part in parts],
            [part.version for part in parts],
        )
        clock_of = {row["agent_id"]: row["clock"] for row in clocks}
        events_of, versions_of = _by_agent(events), _by_agent(versions)
        return [
            Rows(
                part,
                clock_of[part.agent_id],
                events_of.get(part.agent_id, ()),
                versions_of.get(part.agent_id, ()),
            )
            for part in parts
        ]

    async def types(self, numbers: Collection[int]) -> dict[int, str]:
        """The names of event types."""
        rows = await self._session.fetch(_SQL["types"], list(numbers))
        return {row["type_id"]: row["name"] for row in rows}

    async def frames(self, wanted: Collection[Version]) -> dict[Version, Frame]:
        """What rebuilds these state versions, with all their ancestors."""
        agents = [agent_id for agent_id, _ in wanted]
        versions = [version for _, version in wanted]
        rows = await self._session.fetch(_SQL["frames"], agents, versions)
        return {(row[0], row[1]): Frame(*tuple(row)[2:]) for row in rows}

    async def depths(self, events: Collection[Version]) -> dict[Version, int | None]:
        """How deep events stand, by agent and index."""
        agents = [agent_id for agent_id, _ in events]
        indexes = [index for _, index in events]
        rows = await self._session.fetch(_SQL["depths"], agents, indexes)
        return {(row[0], row[1]): row[2] for row in rows}

    async def _ends(self, rows: Sequence[Any], table: str, bound: int) -> list[int]:
        """The last event or version of each agent up to and with a message."""
        found = await self._session.fetch(
            _SEEKS[f"seek_{table}s"],
            [row["agent_id"] for row in rows],
            [row[f"next_{table}"] for row in rows],
            *(None, None),
            [bound] * len(rows),
            [_LAST_ORDINAL] * len(rows),
        )
        return [row["last"] for row in found]


def _by_agent(rows: Sequence[asyncpg.Record]) -> Mapping[int, Sequence[asyncpg.Record]]:
    found: dict[int, list[asyncpg.Record]] = {}
    for row in rows:
        found.setdefault(row["agent_id"], []).append(row)
    return found
