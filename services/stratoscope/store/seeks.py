"""Many timelines searched at once, and the states that stand there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter

import asyncpg

from stratoscope.domain import delta
from stratoscope.domain.seek import Stand
from stratoscope.domain.timeline import Place
from stratoscope.store.sql import queries
from stratoscope.store.states import Chain, Standing
from stratoscope.store.timelines import Timeline

_SQL = queries("seeks")


@dataclass(frozen=True, slots=True)
class Bound:
    """What is within a moment: by one of the clocks, or by the stream."""

    clock: datetime | None = None
    recorded_at: datetime | None = None
    place: Place | None = None


class Seeks:
    """Searches of many timelines, by way of one session."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def stands(self, timelines: Sequence[Timeline], bound: Bound) -> list[Stand]:
        """How much of each timeline is within a bound."""
        events = await self._seek("seek_events", [(one, one.events) for one in timelines], bound)
        versions = await self._seek(
            "seek_versions", [(one, one.versions) for one in timelines], bound
        )
        until = bound.place.stream_seq if bound.place else None
        return [
            Stand(event_index, version, until)
            for event_index, version in zip(events, versions, strict=True)
        ]

    async def stands_at(self, lines: Sequence[tuple[Timeline, Place]]) -> list[Stand]:
        """How much of a timeline is at or before a place, for each of these lines."""
        agents = [timeline.agent_id for timeline, _ in lines]
        places = list(zip(*(place for _, place in lines), strict=True)) or [(), ()]
        found = []
        for query, lengths in (
            ("seek_events", [timeline.events for timeline, _ in lines]),
            ("seek_versions", [timeline.versions for timeline, _ in lines]),
        ):
            rows = await self._session.fetch(
                _SQL[query], agents, lengths, *(None, None), *map(list, places)
            )
            found.append([row["last"] for row in rows])
        return [
            Stand(event_index, version, place.stream_seq)
            for event_index, version, (_, place) in zip(*found, lines, strict=True)
        ]

    async def versions_at(self, timeline: Timeline, places: Sequence[Place]) -> list[int]:
        """The last state version at or before each place of one timeline, -1 where none is."""
        rows = await self._session.fetch(
            _SQL["seek_versions"],
            [timeline.agent_id] * len(places),
            [timeline.versions] * len(places),
            *(None, None),
            [place.stream_seq for place in places],
            [place.ordinal for place in places],
        )
        return [row["last"] for row in rows]

    async def named(self, space: str, agents: Sequence[str]) -> list[Timeline]:
        """The timelines of these agents, as far as they are there, by name."""
        rows = await self._session.fetch(_SQL["named_timelines"], space, agents)
        return [Timeline(*row) for row in rows]

    async def newest(self, timelines: Sequence[Timeline], stands: Sequence[Stand]) -> int:
        """The message that was passed last by any of these, 0 where none was."""
        found: int | None = await self._session.fetchval(
            _SQL["newest_of"],
            [timeline.agent_id for timeline in timelines],
            [stand.event_index for stand in stands],
            [stand.version for stand in stands],
        )
        return found or 0

    async def horizon(self) -> int:
        """The last message up to which every partition is projected."""
        found: int = await self._session.fetchval(_SQL["horizon"])
        return found

    async def chains(self, wanted: Sequence[tuple[int, Standing]]) -> list[Chain | None]:
        """What rebuilds the state of each agent; None where it has none yet."""
        asked = [
            (line, agent_id, standing.version - standing.slot + slot)
            for line, (agent_id, standing) in enumerate(wanted)
            if standing.slot is not None
            for slot in delta.chain(standing.slot)
        ]
        columns = [list(column) for column in zip(*asked, strict=True)] or [[], [], []]
        rows = await self._session.fetch(_SQL["chains"], *columns)
        if len(rows) != len(asked):
            raise delta.DamagedChain(f"{len(asked)} blobs are needed, {len(rows)} are there")
        found: list[Chain | None] = [None] * len(wanted)
        for line, parts in groupby(rows, key=itemgetter("line")):
            _, sizes, digests, blobs = zip(*parts, strict=True)
            found[line] = Chain(blobs, sizes, digests[-1])
        return found

    async def _seek(
        self, query: str, lines: Sequence[tuple[Timeline, int]], bound: Bound
    ) -> list[int]:
        place = bound.place
        rows = await self._session.fetch(
            _SQL[query],
            [timeline.agent_id for timeline, _ in lines],
            [length for _, length in lines],
            bound.clock,
            bound.recorded_at,
            [place.stream_seq] * len(lines) if place else None,
            [place.ordinal] * len(lines) if place else None,
        )
        return [row["last"] for row in rows]
