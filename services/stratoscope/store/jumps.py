"""Where in a timeline something may have happened, and what the records there were."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import asyncpg

from stratoscope.domain.conditions.marks import Mark
from stratoscope.domain.fields import parents
from stratoscope.domain.paths import Segments, format
from stratoscope.domain.timeline import Place
from stratoscope.store.blocks import EVENTS, Blocks
from stratoscope.store.sql import queries
from stratoscope_contracts.looking import Direction

_SQL = queries("jumps")
# No column holds a depth beyond it.
_DEEPEST: Final = 2**31 - 1
# Blocks looked into at once for a depth.
_BLOCKS: Final = 16


class Touched(NamedTuple):
    """A version, as the record that made it: a snapshot, or the event whose patch it is."""

    version: int
    event_index: int
    is_snapshot: bool

    @property
    def mark(self) -> Mark:
        """The record."""
        return Mark(self.event_index, self.version) if self.is_snapshot else Mark(self.event_index)


class Version(NamedTuple):
    """Where a version stands, when, and what it takes to rebuild it."""

    version: int
    event_index: int
    slot: int
    size: int
    is_snapshot: bool
    clock: datetime


class EventFacts(NamedTuple):
    """What a condition may look at of an event; JSON is text, and None where it is not wanted."""

    event_index: int
    type: str
    depth: int | None
    clock: datetime
    data: str | None
    metadata: str | None


class Wanted(NamedTuple):
    """Which JSON of events is wanted."""

    data: bool
    metadata: bool


class Spelled(NamedTuple):
    """Events by index, and the text of what an expression sees of each: `[{…}, n], …`."""

    indexes: list[int]
    documents: str


class Jumps:
    """Jumps through one timeline, by way of one session."""

    def __init__(self, session: asyncpg.Connection, agent_id: int) -> None:
        self._session = session
        self._agent_id = agent_id

    async def of_types(
        self, types: Collection[str], indexes: range, direction: Direction, limit: int
    ) -> list[int]:
        """Events of some types within a range, at most `limit`."""
        rows = await self._session.fetch(
            _SQL[f"of_types_{direction}"],
            self._agent_id,
            list(types),
            *(indexes.start, indexes.stop - 1),
            limit,
        )
        return [row["event_index"] for row in rows]

    async def of_depth(
        self, depth: int, indexes: range, direction: Direction
    ) -> tuple[list[int], range]:
        """The next events of a depth within a range, if any, and what of the range is left."""
        if depth > _DEEPEST:
            return [], range(0)
        first, last = indexes.start, indexes.stop - 1
        stretch = (first // EVENTS, last // EVENTS)
        blocks = await Blocks(self._session).candidates(
            self._agent_id, stretch, depth, direction, _BLOCKS
        )
        if not blocks:
            return [], range(0)
        rows = await self._session.fetch(
            _SQL["of_depth"], self._agent_id, blocks, first, last, depth
        )
        found = [row["event_index"] for row in rows]
        if direction == "forward":
            return found, range((blocks[-1] + 1) * EVENTS, indexes.stop)
        return found[::-1], range(first, blocks[-1] * EVENTS)

    async def path_numbers(self, paths: Iterable[Segments]) -> list[int]:
        """What some paths are found by in the field index."""
        wanted = list(paths)
        above = {text for path in wanted for text in parents(path)}
        rows = await self._session.fetch(
            _SQL["path_numbers"], self._agent_id, [format(path) for path in wanted], list(above)
        )
        return [row["path_no"] for row in rows]

    async def touching(
        self,
        numbers: Sequence[int] | None,
        after: int,
        last: int,
        direction: Direction,
        limit: int,
    ) -> list[Touched]:
        """Versions after one, up to and with another, that touch some paths; None: all."""
        if numbers is None:
            rows = await self._session.fetch(
                _SQL[f"versions_{direction}"], self._agent_id, after, last, limit
            )
        else:
            rows = await self._session.fetch(
                _SQL[f"touching_{direction}"], self._agent_id, numbers, after, last, limit
            )
        return [Touched(*row) for row in rows]

    async def touched(self, numbers: Sequence[int], after: int, last: int) -> list[int]:
        """The numbers of such versions, in order."""
        rows = await self._session.fetch(_SQL["touched"], self._agent_id, numbers, after, last)
        return sorted({row["version"] for row in rows})

    async def last_versions(self, indexes: Sequence[int], versions: int) -> list[int]:
        """The last version at or before each of some events, of so many that there are."""
        rows = await self._session.fetch(_SQL["last_versions"], self._agent_id, indexes, versions)
        return [row["last"] for row in rows]

    async def version_stretch(self, first: int, last: int) -> dict[int, Version]:
        """What stands in versions from one up to and with another."""
        rows = await self._session.fetch(_SQL["version_stretch"], self._agent_id, first, last)
        return {row["version"]: Version(*row) for row in rows}

    async def versions(self, versions: Iterable[int]) -> dict[int, Version]:
        """What stands in some versions; those that are gone are left out."""
        rows = await self._session.fetch(
            _SQL["version_list"], self._agent_id, sorted(set(versions))
        )
        return {row["version"]: Version(*row) for row in rows}

    async def events(
        self, indexes: Sequence[int], wanted: Wanted, direction: Direction, max_bytes: int
    ) -> list[EventFacts]:
        """Events by their indexes, which come in a direction; fewer where they are large."""
        ahead = direction == "forward"
        low, high = (indexes[0], indexes[-1]) if ahead else (indexes[-1], indexes[0])
        rest = (1 if ahead else -1, wanted.data, wanted.metadata, max_bytes)
        if high - low + 1 == len(indexes):
            query, scope = _SQL["event_stretch"], (low, high)
            rows = await self._session.fetch(query, self._agent_id, *scope, *rest)
        else:
            rows = await self._session.fetch(_SQL["event_list"], self._agent_id, indexes, *rest)
        return [EventFacts(*row) for row in rows]

    async def documents(
        self,
        indexes: Sequence[int],
        turns: Sequence[int] | None,
        keys: frozenset[str],
        direction: Direction,
        max_bytes: int,
    ) -> Spelled:
        """Events with what expressions see of them; fewer where they are large.

        A number that counts up at each of the `turns` goes with them, null where there are none.
        """
        ahead = direction == "forward"
        asked = [key in keys for key in ("type", "depth", "data", "metadata")]
        rest = (1 if ahead else -1, turns, *asked, max_bytes)
        low, high = (indexes[0], indexes[-1]) if ahead else (indexes[-1], indexes[0])
        if high - low + 1 == len(indexes):
            query = _SQL["event_documents_between"]
            row = await self._session.fetchrow(query, self._agent_id, low, *rest, high)
        else:
            row = await self._session.fetchrow(
                _SQL["event_documents"], self._agent_id, indexes, *rest
            )
        return Spelled(row["indexes"] or [], row["documents"] or "")

    async def clocks(self, indexes: Iterable[int]) -> dict[int, datetime]:
        """The clocks of events, by index."""
        rows = await self._session.fetch(_SQL["event_clocks"], self._agent_id, list(indexes))
        return {row["event_index"]: row["clock"] for row in rows}

    async def place(self, mark: Mark) -> Place | None:
        """Where a record stands in the log; None where it is gone."""
        query, number = (
            ("place_of_event", mark.event_index)
            if mark.is_event
            else ("place_of_version", mark.version)
        )
        row = await self._session.fetchrow(_SQL[query], self._agent_id, number)
        return Place(*row) if row else None
