"""What a fold of the log asks of the past, answered by the projection that it is compared with.

Intake asks what is in the projection now, because that is the log up to there. Here the projection
has all of the log: an id is taken, and a cause known, where it stands before the fold.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from stratoscope.domain import delta
from stratoscope.domain.records import Cause, Head, Known, Timeline
from stratoscope.domain.timeline import Place
from stratoscope.store.past import Ids, IntakeReader
from stratoscope.store.sql import queries

_SQL = queries("log_comparison")


@dataclass(slots=True)
class ProjectedLine:
    """A timeline of the projection: the first rows that it keeps, and where its fold begins."""

    agent_id: int
    first_event: int = 0
    first_version: int = 0
    base_seq: int | None = None
    # Messages before it are in the head already.
    from_seq: int = 0
    # Why it can't be folded, or not from some message on.
    unfolded: str | None = None

    @property
    def has_horizon(self) -> bool:
        """Whether retention has dropped its beginning."""
        return self.first_event > 0 or self.first_version > 0


class FoldReader(IntakeReader):
    """The past of a fold over a log that begins with the message `log_first`; writes nothing."""

    def __init__(
        self, session: asyncpg.Connection, lines: dict[Timeline, ProjectedLine], log_first: int
    ) -> None:
        super().__init__(session)
        self._session = session
        self.lines = lines
        self.log_first = log_first
        self._by_id = {line.agent_id: line for line in lines.values()}
        self._types: dict[str, int] = {}
        # Ids of records that retention has dropped: they were taken, and can't be looked up.
        self._dropped: dict[bytes, tuple[int, ...]] = {}
        # The first message of the batch.
        self.before = 0

    def drop(self, agent_id: int, id_: UUID) -> None:
        """Remember the id of a record that the projection keeps no more."""
        self._dropped[id_.bytes] = (*self._dropped.get(id_.bytes, ()), agent_id)

    async def intern_agents(self, agents: Iterable[tuple[int, str, str]]) -> None:
        """Give numbers to agents that the projection does not have; they are below zero."""
        for _, space, name in agents:
            if (space, name) not in self.lines:
                line = ProjectedLine(-1 - len(self.lines))
                self.lines[space, name] = line
                self._by_id[line.agent_id] = line

    async def intern_types(self, names: Iterable[str]) -> dict[str, int]:
        """The numbers of event types; one that the projection does not have is below zero."""
        wanted = sorted(set(names))
        known = {row["name"]: row["type_id"] for row in await self._fetch("types", wanted)}
        for name in wanted:
            self._types.setdefault(name, known.get(name, -1 - len(self._types)))
        return {name: self._types[name] for name in wanted}

    async def heads(self, agents: Sequence[Timeline]) -> dict[Timeline, Head]:
        """Where the folds of these timelines begin."""
        return {timeline: await self._head(self.lines[timeline]) for timeline in agents}

    async def open_group(self, head: Head) -> delta.Group:
        """The chain of a timeline's newest state, as the projection has it."""
        if not head.next_version:
            return delta.Group()
        # Deltas may be grouped in other ways than the fold does it: settings change.
        slot = await self._session.fetchval(_SQL["slot"], head.agent_id, head.next_version - 1)
        try:
            if slot is None:
                raise delta.DamagedChain("a state is missing")
            head.next_slot = slot + 1
            return await super().open_group(head)
        except delta.DamagedChain as error:
            self._by_id[
                head.agent_id
            ].unfolded = f"a state that others build on is damaged: {error}"
            return delta.Group()

    async def paths(self, head: Head) -> dict[str, int]:
        """No field is indexed."""
        return {}

    async def look_up(self, ids: Ids, known: Known) -> None:
        """Tell `known` which of these ids stand before the batch."""
        events, agents, snapshots = ids.columns
        present: set[tuple[int, UUID]] = set()
        for row in await self._fetch("places", events, agents, snapshots):
            key = (row["agent_id"], row["id"])
            present.add(key)
            if row["stream_seq"] >= self.before:
                continue
            known.ids.add(key)
            if row["space"] is not None:
                place = Place(row["stream_seq"], row["ordinal"])
                known.place((row["space"], row["id"]), Cause(place, row["depth"]))
        known.ids |= self._taken_and_dropped(ids) - present

    def _taken_and_dropped(self, ids: Ids) -> set[tuple[int, UUID]]:
        if not self._dropped:
            return set()
        asked = {*ids.events, *(id_ for _, id_ in ids.snapshots)}
        return {(agent_id, id_) for id_ in asked for agent_id in self._dropped.get(id_.bytes, ())}

    async def _head(self, line: ProjectedLine) -> Head:
        """An empty head, or what stands before the log where that has lost its beginning."""
        head = Head(line.agent_id, base_seq=line.base_seq)
        line.from_seq = max(self.log_first if self.log_first > 1 else 0, (line.base_seq or -1) + 1)
        if line.agent_id < 0 or not line.from_seq:
            return head
        event = await self._session.fetchrow(_SQL["last_event"], line.agent_id, line.from_seq)
        version = await self._session.fetchrow(_SQL["last_version"], line.agent_id, line.from_seq)
        rows = [row for row in (event, version) if row is not None]
        if not rows:
            if line.has_horizon and self.log_first > 1:
                line.unfolded = "neither the log nor the projection has its beginning"
            return head
        newest = max(rows, key=lambda row: (row["stream_seq"], row["ordinal"]))
        head.clock, head.recorded_at = newest["clock"], newest["recorded_at"]
        head.first_at = head.clock
        if event is not None:
            head.next_event = event["event_index"] + 1
        if version is not None:
            head.next_version, head.next_slot = version["version"] + 1, version["slot"] + 1
            head.snapshots = 1
            if version["since_snapshot"] is not None:
                head.last_snapshot = version["version"] - version["since_snapshot"]
        return head

    async def _fetch(self, name: str, *arguments: object) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self._session.fetch(_SQL[name], *arguments)
        return rows


async def erased_since(session: asyncpg.Connection, moment: datetime) -> list[Timeline]:
    """The agents that were erased since a moment, by space and name."""
    rows = await session.fetch(_SQL["erased_since"], moment)
    return [(row["space"], row["agent"]) for row in rows]
