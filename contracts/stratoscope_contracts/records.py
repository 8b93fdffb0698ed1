"""What an agent records: an event, a snapshot, or a batch of both.

A record is read strictly and only as far as its shape goes. What depends on the bytes (depth,
number ranges, NUL, size) is the intake's to judge. `null` stands for "absent" in the optional
single values; an object or a list is never null.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from stratoscope_contracts.envelopes import RecordModel
from stratoscope_contracts.words import (
    MAX_BATCH_RECORDS,
    MAX_CAUSES,
    MAX_MEMORY_USAGE,
    MAX_PATCH_OPERATIONS,
    EventType,
    Id,
    JsonObject,
    Label,
    Pointer,
    RecordedTime,
)

# A reader of records looks for the words of their kinds here.
from stratoscope_contracts.words import PatchOp as PatchOp
from stratoscope_contracts.words import RecordKind as RecordKind


class ValueOperation(RecordModel):
    """RFC 6902 add, replace or test: `value` is needed, and null is a value."""

    op: Literal["add", "replace", "test"]
    path: Pointer
    value: Any


class RemoveOperation(RecordModel):
    """RFC 6902 remove."""

    op: Literal["remove"]
    path: Pointer


class MoveOperation(RecordModel):
    """RFC 6902 move or copy."""

    op: Literal["move", "copy"]
    path: Pointer
    from_: Annotated[Pointer, Field(alias="from")]


PatchOperation = Annotated[
    ValueOperation | RemoveOperation | MoveOperation, Field(discriminator="op")
]
Patch = Annotated[list[PatchOperation], Field(max_length=MAX_PATCH_OPERATIONS)]
Causes = Annotated[list[Id], Field(max_length=MAX_CAUSES)]
MemoryUsage = Annotated[int, Field(ge=0, le=MAX_MEMORY_USAGE)]


class Gap(RecordModel):
    """Records that the recorder dropped before the event that carries it, its queue being full.

    `first_at` and `last_at` are the agent's clock at the first and the last of them.
    """

    records: Annotated[int, Field(ge=1, le=MAX_MEMORY_USAGE)]
    first_at: RecordedTime
    last_at: RecordedTime


class EventRecord(RecordModel):
    """Something that an agent did or that befell it; only `type` is required."""

    id: Id | None = None
    type: EventType
    occurred_at: RecordedTime | None = None
    data: JsonObject = Field(default_factory=dict)
    metadata: JsonObject = Field(default_factory=dict)
    causes: Causes = Field(default_factory=list)
    patch: Patch = Field(default_factory=list)
    gap: Gap | None = None


class SnapshotRecord(RecordModel):
    """An agent's whole state at a moment; only `state` is required."""

    id: Id | None = None
    occurred_at: RecordedTime | None = None
    state: JsonObject
    memory_usage: MemoryUsage | None = None
    metadata: JsonObject = Field(default_factory=dict)
    label: Label | None = None


class BatchEvent(EventRecord):
    """An event inside a batch, where it says what it is."""

    kind: Literal["event"]


class BatchSnapshot(SnapshotRecord):
    """A snapshot inside a batch, where it says what it is."""

    kind: Literal["snapshot"]


BatchRecord = Annotated[BatchEvent | BatchSnapshot, Field(discriminator="kind")]


class BatchMessage(RecordModel):
    """Records in order, taken whole or not at all."""

    records: Annotated[list[BatchRecord], Field(min_length=1, max_length=MAX_BATCH_RECORDS)]
