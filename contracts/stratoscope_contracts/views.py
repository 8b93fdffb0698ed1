"""The values that requests and replies are made of: places in a timeline and what stands there.

A position is where a reader stands, after a record; -1 is before the first event, where the
fields that name a record are null.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    model_serializer,
    model_validator,
)

from stratoscope_contracts.envelopes import ChoiceModel, ValueModel
from stratoscope_contracts.records import Gap, PatchOperation
from stratoscope_contracts.words import (
    AgentName,
    Count,
    EventIndex,
    EventType,
    Id,
    JsonObject,
    PathFound,
    StreamSeq,
    Time,
)

Clock = Literal["occurred", "recorded"]
ChangeOp = Literal["added", "modified", "removed"]


class AtEventIndex(ChoiceModel):
    """After the event with this index; -1 is before the first."""

    event_index: EventIndex


class AtTime(ChoiceModel):
    """After the last record whose clock is at or before a time."""

    time: Time
    clock: Clock = "occurred"


class AtStreamSeq(ChoiceModel):
    """After the last record at or before a message of the stream."""

    stream_seq: StreamSeq


class AtSnapshot(ChoiceModel):
    """After a snapshot."""

    snapshot_id: Id


class AtEvent(ChoiceModel):
    """After an event."""

    event_id: Id


class AtLatest(ChoiceModel):
    """After the newest record that is projected."""

    latest: Literal[True]


class CutTime(ChoiceModel):
    """A moment of all agents at once: on the broker's clock unless the other is named."""

    time: Time
    clock: Clock = "recorded"


# A tag is what a validation error names the chosen form with; `<…>` can't be a field's name.
AT_KEYS = ("event_index", "time", "stream_seq", "snapshot_id", "event_id", "latest")
CUT_KEYS = ("time", "stream_seq")


def _form(value: Any, keys: tuple[str, ...]) -> str | None:
    present = [key for key in keys if _has(value, key)]
    return f"<{present[0]}>" if len(present) == 1 else None


def _has(value: Any, key: str) -> bool:
    return key in value if isinstance(value, dict) else hasattr(value, key)


def _form_of_at(value: Any) -> str | None:
    return _form(value, AT_KEYS)


def _form_of_cut(value: Any) -> str | None:
    return _form(value, CUT_KEYS)


At = Annotated[
    Annotated[AtEventIndex, Tag("<event_index>")]
    | Annotated[AtTime, Tag("<time>")]
    | Annotated[AtStreamSeq, Tag("<stream_seq>")]
    | Annotated[AtSnapshot, Tag("<snapshot_id>")]
    | Annotated[AtEvent, Tag("<event_id>")]
    | Annotated[AtLatest, Tag("<latest>")],
    Discriminator(
        _form_of_at,
        custom_error_type="at",
        custom_error_message="exactly one of event_index, time, stream_seq, snapshot_id, "
        "event_id, latest",
    ),
]
CutAt = Annotated[
    Annotated[CutTime, Tag("<time>")] | Annotated[AtStreamSeq, Tag("<stream_seq>")],
    Discriminator(
        _form_of_cut,
        custom_error_type="at",
        custom_error_message="exactly one of time, stream_seq",
    ),
]


class Position(ValueModel):
    """Where a reader stands: after a record, and after all that belongs to the event before it."""

    agent: AgentName
    event_index: EventIndex
    event_id: Id | None = None
    stream_seq: StreamSeq | None = None
    ordinal: Count | None = None
    occurred_at: Time | None = None
    recorded_at: Time | None = None
    snapshot_id: Id | None = None
    state_event_index: EventIndex = -1


class Horizon(ValueModel):
    """Where a timeline begins whose beginning retention has dropped: its first position.

    `occurred_at` and `recorded_at` are the clocks there, so the first times that can be asked for.
    """

    event_index: EventIndex
    stream_seq: StreamSeq
    occurred_at: Time
    recorded_at: Time


class Event(ValueModel):
    """A recorded event with the place that it was given.

    `depth` is null only while a cause in another partition is not resolved yet.
    """

    id: Id
    type: EventType
    occurred_at: Time
    data: JsonObject = Field(default_factory=dict)
    metadata: JsonObject = Field(default_factory=dict)
    causes: list[Id] = Field(default_factory=list)
    patch: list[PatchOperation] = Field(default_factory=list)
    agent: AgentName
    event_index: Count
    stream_seq: StreamSeq
    ordinal: Count
    recorded_at: Time
    late: bool = False
    clamped: bool = False
    depth: Annotated[int, Field(ge=1)] | None
    gap: Gap | None = None


class Change(ValueModel):
    """One difference at a path.

    `old` is left out of an addition and `new` out of a removal: a field that was not given is not
    sent, so that a null which stood in the state is told from nothing at all.
    """

    path: PathFound
    op: ChangeOp
    old: Any = None
    new: Any = None

    @property
    def has_old(self) -> bool:
        """Whether something stood there before, be it null."""
        return "old" in self.model_fields_set

    @property
    def has_new(self) -> bool:
        """Whether something stands there after, be it null."""
        return "new" in self.model_fields_set

    @model_validator(mode="after")
    def _sides_fit_the_op(self) -> Self:
        if (self.has_old, self.has_new) != _SIDES[self.op]:
            raise ValueError("added has new, removed has old, modified has both")
        return self

    @model_serializer(mode="wrap")
    def _without_absent_sides(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        sent: dict[str, Any] = handler(self)
        for side in {"old", "new"} - self.model_fields_set:
            sent.pop(side, None)
        return sent


_SIDES: dict[ChangeOp, tuple[bool, bool]] = {
    "added": (False, True),
    "modified": (True, True),
    "removed": (True, False),
}


class SnapshotView(ValueModel):
    """A recorded snapshot without its state."""

    id: Id
    agent: AgentName
    position: Position
    occurred_at: Time
    memory_usage: Count | None = None
    metadata: JsonObject = Field(default_factory=dict)
    label: str | None = None


class AgentView(ValueModel):
    """One recorded timeline in a list.

    `held_by` names who holds it. It is `held` if it is `gated` too, which is to say that it comes
    to its gate; `waiting_since` it stands there. `duplicates` counts the records that were sent
    again and left out, because the agent had a record of their id.
    """

    agent: AgentName
    events: Count
    snapshots: Count
    duplicates: Count = 0
    first_at: Time | None = None
    last_at: Time | None = None
    held: bool = False
    held_by: list[str] = Field(default_factory=list)
    gated: bool = False
    waiting_since: Time | None = None
    horizon: Horizon | None = None


class StateView(ValueModel):
    """One agent's state within a cut through all of them; as in `StateAtReply`."""

    agent: AgentName
    position: Position
    state: Any
    exists: bool = True
    tainted: bool = False
