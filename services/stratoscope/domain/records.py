"""The values that intake passes along: what comes in, what is known, what goes out.

They are plain slotted records rather than models: each is made tens of thousands of times a
second, from input that the contract's models have already checked.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from typing import Any, NamedTuple
from uuid import UUID

from stratoscope.domain import delta
from stratoscope.domain.paths import Segments
from stratoscope.domain.timeline import Place

# A space and the name of an agent in it.
Timeline = tuple[str, str]


@dataclass(slots=True)
class EventIn:
    """An event as it came, its JSON parts already spelled."""

    id: UUID | None
    type: str
    occurred_at: datetime | None
    data: str
    metadata: str | None
    causes: Sequence[UUID]
    patch: Sequence[Mapping[str, Any]] | None
    patch_json: str | None
    # What the recorder dropped before it, spelled.
    gap: str | None = None


@dataclass(slots=True)
class SnapshotIn:
    """A snapshot as it came: the state decoded and spelled."""

    id: UUID | None
    occurred_at: datetime | None
    state: Any
    raw: bytes
    memory_usage: int | None
    metadata: str | None
    label: str | None


@dataclass(slots=True)
class Message:
    """A message of the log with what it holds."""

    stream_seq: int
    recorded_at: datetime
    space: str
    agent: str
    partition: int
    records: Sequence[EventIn | SnapshotIn]
    traceparent: str | None = None
    # What it is refused for: it has no records then, and leaves its agent's state in doubt.
    refused: "Rejection | None" = None

    @property
    def timeline(self) -> Timeline:
        """Whose it is."""
        return self.space, self.agent


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a message was not taken. `ordinal` is the record's place in it, where one is to blame."""

    stream_seq: int
    ordinal: int | None
    reason: str
    detail: str


class Cause(NamedTuple):
    """Where a possible cause stands, and its depth (None where it is not known yet)."""

    place: Place
    depth: int | None


@dataclass(slots=True)
class Known:
    """What the past says about the ids in a batch, and what the fold adds to it as it goes."""

    ids: set[tuple[int, UUID]] = field(default_factory=set)
    causes: dict[tuple[str, UUID], Cause] = field(default_factory=dict)
    # Whether every earlier event of the log is known here or nowhere.
    complete: bool = True
    new_ids: set[tuple[int, UUID]] = field(default_factory=set)
    new_causes: dict[tuple[str, UUID], Cause] = field(default_factory=dict)
    # What the batches before this one added, as far as it is kept.
    earlier_ids: Sequence[Set[tuple[int, UUID]]] = ()
    earlier_causes: Sequence[Mapping[tuple[str, UUID], Cause]] = ()

    def follow(
        self,
        earlier: "Sequence[Known]",
        recent: Mapping[tuple[str, UUID], Cause] | None = None,
    ) -> None:
        """Count what the batches before this one added as known; `recent` has their causes too."""
        self.earlier_ids = tuple(one.new_ids for one in earlier)
        self.earlier_causes = (recent,) if recent else tuple(one.new_causes for one in earlier)

    def has(self, key: tuple[int, UUID]) -> bool:
        """Whether an agent has a record with this id."""
        if key in self.new_ids or key in self.ids:
            return True
        # A loop, since this is asked for every record: a generator costs three times as much.
        for ids in self.earlier_ids:  # noqa: SIM110
            if key in ids:
                return True
        return False

    def place(self, key: tuple[str, UUID], cause: Cause) -> None:
        """Learn where an event stands; of two with one id in a space the lower place is meant."""
        known = self.causes.get(key)
        if known is None or cause.place < known.place:
            self.causes[key] = cause

    def add(self, key: tuple[str, UUID], cause: Cause) -> bool:
        """Learn of an event that the batch itself adds; whether another agent has its id too."""
        is_twin = self.cause(key) is not None
        # The first with its id in the space is the one that a cause means.
        self.new_causes.setdefault(key, cause)
        return is_twin

    def cause(self, key: tuple[str, UUID]) -> Cause | None:
        """Where the event with an id in a space stands."""
        found = self.new_causes.get(key)
        for layer in self.earlier_causes:
            other = layer.get(key)
            if other is not None and (found is None or other.place < found.place):
                found = other
        # Of most batches nothing was there before.
        if self.causes:
            other = self.causes.get(key)
            if other is not None and (found is None or other.place < found.place):
                found = other
        return found


@dataclass(slots=True)
class Head:
    """Where an agent's timeline ends: what the next record is counted from."""

    agent_id: int
    next_event: int = 0
    next_version: int = 0
    next_slot: int = 0
    # The chain of the newest state; None until somebody needs it.
    group: delta.Group | None = None
    # The newest state, decoded; None until somebody needs it.
    state: Any = None
    # The version of the newest snapshot; None before the first.
    last_snapshot: int | None = None
    # The field index: its paths by text (None until needed), and the first version that is in it.
    paths: dict[str, int] | None = None
    indexed_from: int = 0
    # Up to this message the timeline was taken over as a base; None where it is all from the log.
    base_seq: int | None = None
    clock: datetime | None = None
    recorded_at: datetime | None = None
    first_at: datetime | None = None
    snapshots: int = 0
    patches: int = 0
    keyframes: int = 0
    duplicates: int = 0
    memory_usage: int = 0
    raw_bytes: int = 0
    stored_bytes: int = 0


@dataclass(slots=True)
class Limits:
    """Settings that intake holds records to."""

    state_bytes: int = 32 << 20
    # Of the patches of one message: the bytes of the states that they are applied to, summed up.
    work_bytes: int = 512 << 20
    # The same of a batch that other partitions wait for: over it the fold gives up.
    batch_work_bytes: float = inf
    # Whether the fields that a version changes are indexed.
    field_index: bool = False
    # When a group of state versions ends and the next one begins.
    closing: delta.Closing = field(default=delta.Closing())


@dataclass(slots=True)
class Batch:
    """The rows of a batch, in the order of the tables' columns, and the heads after it."""

    heads: dict[Timeline, Head] = field(default_factory=dict)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    versions: list[tuple[Any, ...]] = field(default_factory=list)
    edges: list[tuple[UUID, int, int]] = field(default_factory=list)
    twins: list[UUID] = field(default_factory=list)
    open_causes: list[tuple[int, int, int, int]] = field(default_factory=list)
    taints: list[tuple[int, int, int, int, str | None]] = field(default_factory=list)
    paths: list[tuple[int, int, str]] = field(default_factory=list)
    changes: list[tuple[int, int, int]] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    # The kinds of records that were left out, being recorded already: `event` or `snapshot`.
    duplicates: list[str] = field(default_factory=list)
    # For those who watch: each timeline's clock before the batch, and what a version changed by
    # agent and version; both may name what was then refused.
    clocks: dict[Timeline, datetime | None] = field(default_factory=dict, compare=False)
    changed: dict[tuple[int, int], tuple[Segments, ...]] = field(
        default_factory=dict, compare=False
    )


# As the tables have them, so that a row can be written as one value of its table.
EVENT_COLUMNS = (
    *("event_index", "stream_seq", "clock", "recorded_at", "occurred_at", "agent_id", "type_id"),
    *("ordinal", "depth", "id", "data", "metadata", "causes", "patch", "traceparent"),
)
VERSION_COLUMNS = (
    *("event_index", "stream_seq", "clock", "recorded_at", "occurred_at", "memory_usage"),
    *("agent_id", "version", "size", "ordinal", "since_snapshot", "slot", "snapshot_id"),
    *("digest", "blob", "metadata", "label", "traceparent"),
)
EDGE_COLUMNS = ("cause", "agent_id", "event_index")
OPEN_CAUSE_COLUMNS = ("stream_seq", "event_index", "agent_id", "ordinal")
PATH_COLUMNS = ("agent_id", "path_no", "path")
CHANGE_COLUMNS = ("agent_id", "path_no", "version")
TAINT_COLUMNS = ("agent_id", "stream_seq", "ordinal", "event_index", "gap")
