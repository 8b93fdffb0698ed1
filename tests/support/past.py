"""The database's part in intake, on plain lists: what a batch may look up, and what it wrote.

A batch is seen only once the next one has been written, as where its commit is still on its way.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson

from stratoscope.domain import delta
from stratoscope.domain.canonical import digest
from stratoscope.domain.paths import Segments, parse
from stratoscope.domain.records import (
    EVENT_COLUMNS,
    TAINT_COLUMNS,
    VERSION_COLUMNS,
    Batch,
    Cause,
    Head,
    Known,
    Rejection,
    Timeline,
)
from stratoscope.domain.timeline import Place
from stratoscope.store.past import Ids

Row = dict[str, Any]


class Past:
    """Reads as `store.intake.IntakeReader` does."""

    def __init__(self) -> None:
        self.agents: dict[Timeline, int] = {}
        self.types: dict[str, int] = {}
        self.heads_now: dict[Timeline, Head] = {}
        self.events: list[Row] = []
        self.versions: list[Row] = []
        self.taints: list[Row] = []
        self.edges: list[tuple[UUID, int, int]] = []
        self.paths_of: dict[int, dict[str, int]] = {}
        self.changes: list[tuple[int, int, int]] = []
        self.rejections: list[tuple[int, int | None, str]] = []
        # Dead letters outlive a projection: what an earlier one refused.
        self.verdicts_before: dict[int, Rejection] = {}
        self._in_flight: Batch | None = None

    def write(self, batch: Batch) -> None:
        """Begin a batch's commit, which ends the one before."""
        self.settle()
        self._in_flight = batch

    def settle(self) -> None:
        """End the commit that is on its way."""
        batch, self._in_flight = self._in_flight or Batch(), None
        self.heads_now |= {
            key: replace(head, group=None, state=None, paths=None)
            for key, head in batch.heads.items()
        }
        self.events += [dict(zip(EVENT_COLUMNS, row, strict=True)) for row in batch.events]
        self.versions += [dict(zip(VERSION_COLUMNS, row, strict=True)) for row in batch.versions]
        self.taints += [dict(zip(TAINT_COLUMNS, row, strict=True)) for row in batch.taints]
        self.edges += batch.edges
        self.changes += batch.changes
        for agent_id, number, path in batch.paths:
            paths = self.paths_of.setdefault(agent_id, {})
            assert path not in paths
            assert number not in paths.values()
            paths[path] = number
        self.rejections += [(one.stream_seq, one.ordinal, one.reason) for one in batch.rejections]

    def known(self, *, complete: bool = True) -> Known:
        """All that there is to know."""
        known = Known(complete=complete)
        named = [(row["agent_id"], row["id"]) for row in self.events]
        named += [(row["agent_id"], row["snapshot_id"]) for row in self.versions]
        known.ids = set(named)
        for row in self.events:
            place = Place(row["stream_seq"], row["ordinal"])
            known.place((self.space(row), row["id"]), Cause(place, row["depth"]))
        return known

    def space(self, row: Row) -> str:
        """The space that an agent's row belongs to."""
        spaces = {number: space for (space, _), number in self.agents.items()}
        return spaces[row["agent_id"]]

    async def intern_agents(self, agents: Iterable[tuple[int, str, str]]) -> None:
        for _, space, name in agents:
            self.intern((space, name))

    def intern(self, timeline: Timeline) -> None:
        """Give an agent a number and a head."""
        number = self.agents.setdefault(timeline, len(self.agents) + 1)
        self.heads_now.setdefault(timeline, Head(number))

    async def intern_types(self, names: Iterable[str]) -> dict[str, int]:
        for name in names:
            self.types.setdefault(name, len(self.types) + 1)
        return {name: self.types[name] for name in names}

    async def heads(self, agents: Sequence[Timeline]) -> dict[Timeline, Head]:
        return {key: replace(self.heads_now[key]) for key in agents}

    async def open_group(self, head: Head) -> delta.Group:
        if not head.next_version:
            return delta.Group()
        slots = delta.chain(head.next_slot - 1)
        return delta.Group(slots, self._unfolded(head.agent_id, head.next_version - 1))

    async def paths(self, head: Head) -> dict[str, int]:
        return dict(self.paths_of.get(head.agent_id, {}))

    async def last_verdict(self) -> int:
        return max(self.verdicts_before, default=0)

    async def verdicts(self, first: int, last: int) -> dict[int, Rejection]:
        return {seq: one for seq, one in self.verdicts_before.items() if first <= seq <= last}

    async def look_up(self, ids: Ids, known: Known) -> None:
        for row in self.events:
            if row["id"] in ids.events:
                known.ids.add((row["agent_id"], row["id"]))
                place = Place(row["stream_seq"], row["ordinal"])
                known.place((self.space(row), row["id"]), Cause(place, row["depth"]))
        taken = {(row["agent_id"], row["snapshot_id"]) for row in self.versions}
        known.ids |= taken & set(ids.snapshots)

    def has(self, ids: Ids) -> bool:
        """Whether one of these is taken, as the commit finds out."""
        snapshots = {(row["agent_id"], row["snapshot_id"]) for row in self.versions}
        is_event = any(row["id"] in ids.events for row in self.events)
        return is_event or not snapshots.isdisjoint(ids.snapshots)

    def told(self) -> dict[str, Any]:
        """What was written, in the words of the naive fold."""
        self.settle()
        return {
            "timelines": {key: self._timeline(key) for key in self.heads_now},
            "rejections": self.rejections,
        }

    def _timeline(self, key: Timeline) -> Row:
        head = self.heads_now[key]
        events = [row for row in self.events if row["agent_id"] == head.agent_id]
        versions = [row for row in self.versions if row["agent_id"] == head.agent_id]
        names = {number: name for name, number in self.types.items()}
        assert [row["event_index"] for row in events] == list(range(head.next_event))
        assert [row["version"] for row in versions] == list(range(head.next_version))
        self._check_head(head, events, versions)
        return {
            "events": [self._event(row, key[0], names) for row in events],
            "versions": [self._version(row) for row in versions],
            "taints": [
                (row["stream_seq"], row["ordinal"], row["event_index"])
                for row in self.taints
                if row["agent_id"] == head.agent_id
            ],
            "edges": {(str(id_), at) for id_, agent, at in self.edges if agent == head.agent_id},
            "duplicates": head.duplicates,
            "clock": head.clock,
            "recorded_at": head.recorded_at,
        }

    def _check_head(self, head: Head, events: list[Row], versions: list[Row]) -> None:
        """A head says what its rows say."""
        snapshots = [row for row in versions if row["snapshot_id"]]
        assert head.snapshots == len(snapshots)
        assert head.patches == len(versions) - len(snapshots)
        assert head.keyframes == sum(row["slot"] == 0 for row in versions)
        assert head.next_slot == (versions[-1]["slot"] + 1 if versions else 0)
        assert head.memory_usage == sum(row["memory_usage"] or 0 for row in versions)
        assert head.raw_bytes == sum(row["size"] for row in versions)
        assert head.stored_bytes == sum(len(row["blob"]) for row in versions)
        first = min([*events, *versions], key=_place, default=None)
        assert head.first_at == (first["clock"] if first else None)

    def _event(self, row: Row, space: str, names: dict[int, str]) -> Row:
        return _common(row, row["id"]) | {
            "space": space,
            "index": row["event_index"],
            "type": names[row["type_id"]],
            "data": orjson.loads(row["data"]),
            "causes": [str(cause) for cause in row["causes"]] if row["causes"] else None,
            "patch": orjson.loads(row["patch"]) if row["patch"] else None,
            "depth": row["depth"],
        }

    def _version(self, row: Row) -> Row:
        raw = self._unfolded(row["agent_id"], row["version"])[-1]
        assert (row["digest"], row["size"]) == (digest(raw), len(raw))
        return _common(row, row["snapshot_id"]) | {
            "memory_usage": row["memory_usage"],
            "label": row["label"],
            "event_index": row["event_index"],
            "raw": raw,
            "changed": self._changed(row["agent_id"], row["version"]),
            "since_snapshot": row["since_snapshot"],
        }

    def _changed(self, agent_id: int, version: int) -> set[Segments]:
        texts = {number: path for path, number in self.paths_of.get(agent_id, {}).items()}
        rows = [path for agent, path, at in self.changes if (agent, at) == (agent_id, version)]
        assert len(rows) == len(set(rows))
        return {parse(texts[number]) for number in rows}

    def _unfolded(self, agent_id: int, version: int) -> tuple[bytes, ...]:
        rows = {row["version"]: row for row in self.versions if row["agent_id"] == agent_id}
        start = version - rows[version]["slot"]
        chained = [rows[start + slot] for slot in delta.chain(rows[version]["slot"])]
        return delta.unfold([row["blob"] for row in chained], [row["size"] for row in chained])


def _place(row: Row) -> tuple[int, int]:
    return row["stream_seq"], row["ordinal"]


def _common(row: Row, id_: UUID | None) -> Row:
    return {
        "id": None if id_ is None else str(id_),
        "place": _place(row),
        "metadata": orjson.loads(row["metadata"]) if row["metadata"] else None,
        "clock": row["clock"],
        "recorded_at": row["recorded_at"],
        "occurred": row["occurred_at"] or row["clock"],
    }
