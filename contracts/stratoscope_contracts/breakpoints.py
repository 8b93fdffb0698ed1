"""Breakpoints: a condition that is watched live, and asked of the past in the same words.

A condition that looks at the event is judged at each event; one on state alone at each record,
and hits where it becomes true (`edge`) or at every record while it is true (`level`).
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, TypeAdapter, model_validator

from stratoscope_contracts.envelopes import (
    ChoiceModel,
    ListReply,
    ListRequest,
    Reply,
    Request,
    ValueModel,
)
from stratoscope_contracts.views import At, Event, Position
from stratoscope_contracts.words import (
    MAX_CONDITION_BYTES,
    MAX_CONDITION_VALUE_BYTES,
    MAX_CONDITION_VALUES,
    MAX_CONDITIONS,
    MAX_INTEGER,
    MAX_LIMIT,
    MIN_INTEGER,
    AgentName,
    AgentOrAny,
    Count,
    Depth,
    EventType,
    Expression,
    Id,
    JsonObject,
    Metadata,
    Number,
    Path,
    PositiveNumber,
    StreamSeq,
    Template,
    Time,
    check_bytes,
)

StateOp = Literal["eq", "ne", "lt", "le", "gt", "ge", "in", "contains", "matches", "exists"]
Trigger = Literal["edge", "level"]
Action = Literal["notify", "log", "pause"]


class AtTimeCondition(ChoiceModel):
    """The first record whose clock reaches a time."""

    kind: Literal["at_time"]
    time: Time


class AtEventIndexCondition(ChoiceModel):
    """The event with an index."""

    kind: Literal["at_event_index"]
    index: Number


class OnEventTypeCondition(ChoiceModel):
    """Every event of a type."""

    kind: Literal["on_event_type"]
    type: EventType


# What an operator can do nothing without.
_TAKES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "in": ((list,), "a list of values"),
    "matches": ((str,), "a regular expression"),
    "exists": ((bool, type(None)), "a boolean, or no value"),
}


class OnStateCondition(ChoiceModel):
    """A value in the state; `exists` needs no value, or a boolean that says whether it should."""

    kind: Literal["on_state"]
    path: Path
    op: StateOp
    value: Any = None

    @model_validator(mode="after")
    def _has_what_its_op_needs(self) -> Self:
        if self.op != "exists" and "value" not in self.model_fields_set:
            raise ValueError(f"{self.op} needs a value")
        if self.op in _TAKES and not isinstance(self.value, _TAKES[self.op][0]):
            raise ValueError(f"{self.op} takes {_TAKES[self.op][1]}")
        return self


class OnChangeCondition(ChoiceModel):
    """A record that changes a path or anything under it."""

    kind: Literal["on_change"]
    path: Path


class OnCausalityDepthCondition(ChoiceModel):
    """An event at a depth of causes."""

    kind: Literal["on_causality_depth"]
    depth: Depth


class ExpressionCondition(ChoiceModel):
    """CEL over `event` and `state`; what is missing or does not fit is no match."""

    kind: Literal["expression"]
    source: Expression


class AllOfCondition(ChoiceModel):
    """Every one of them."""

    kind: Literal["all_of"]
    conditions: Annotated[list["Condition"], Field(min_length=1, max_length=MAX_CONDITIONS)]


class AnyOfCondition(ChoiceModel):
    """At least one of them."""

    kind: Literal["any_of"]
    conditions: Annotated[list["Condition"], Field(min_length=1, max_length=MAX_CONDITIONS)]


class NotCondition(ChoiceModel):
    """Its opposite."""

    kind: Literal["not"]
    condition: "Condition"


Condition = Annotated[
    AtTimeCondition
    | AtEventIndexCondition
    | OnEventTypeCondition
    | OnStateCondition
    | OnChangeCondition
    | OnCausalityDepthCondition
    | ExpressionCondition
    | AllOfCondition
    | AnyOfCondition
    | NotCondition,
    Field(discriminator="kind"),
]


def _check_values(condition: Condition) -> None:
    match condition:
        case AllOfCondition() | AnyOfCondition():
            for one in condition.conditions:
                _check_values(one)
        case NotCondition():
            _check_values(condition.condition)
        case OnStateCondition(value=value):
            if isinstance(value, list) and len(value) > MAX_CONDITION_VALUES:
                raise ValueError(f"a list in a condition has at most {MAX_CONDITION_VALUES} values")
            check_bytes(value, MAX_CONDITION_VALUE_BYTES)
            _check_integers(value)


def _check_integers(value: Any) -> None:
    """No record holds another integer, and a value is compared with those of records."""
    match value:
        case int() if not MIN_INTEGER <= value <= MAX_INTEGER:
            raise ValueError("an integer in a condition is from -2^63 to 2^64-1")
        case list():
            for each in value:
                _check_integers(each)
        case dict():
            for each in value.values():
                _check_integers(each)


def _check_condition(condition: Condition) -> Condition:
    _check_values(condition)
    # What can't be sent has no bytes: a sender's encoder says why.
    size = 0
    with suppress(ValueError):
        size = len(_CONDITION.dump_json(condition))
    if size > MAX_CONDITION_BYTES:
        raise ValueError(f"a condition has at most {MAX_CONDITION_BYTES} bytes as JSON")
    return condition


# As a request has it: what is stored was within the limits of its day.
ConditionAsked = Annotated[Condition, AfterValidator(_check_condition)]
AllOfCondition.model_rebuild()
AnyOfCondition.model_rebuild()
NotCondition.model_rebuild()
_CONDITION: Final = TypeAdapter[Condition](Condition)


class HitAfter(ChoiceModel):
    """Passes over the first n hits of each agent."""

    after: PositiveNumber


class HitEvery(ChoiceModel):
    """Every n-th hit of each agent."""

    every: PositiveNumber


class HitOnce(ChoiceModel):
    """The first hit of each agent, and no other."""

    once: Literal[True]


def _form_of_rule(value: Any) -> str | None:
    match value:
        case {"after": _} | HitAfter():
            return "<after>"
        case {"every": _} | HitEvery():
            return "<every>"
        case {"once": _} | HitOnce():
            return "<once>"
        case _:
            return None


HitRule = Annotated[
    Annotated[HitAfter, Tag("<after>")]
    | Annotated[HitEvery, Tag("<every>")]
    | Annotated[HitOnce, Tag("<once>")],
    Discriminator(
        _form_of_rule,
        custom_error_type="hit",
        custom_error_message='one of {"after":n}, {"every":n}, {"once":true}',
    ),
]


class Breakpoint(ValueModel):
    """A breakpoint as it stands; `agent` may be `*`.

    It sees the records behind the message `armed_seq` of the stream. `last_error` is of its last
    evaluation that had to be stopped, `disabled_reason` says who switched it off where no operator
    did.
    """

    id: Id
    agent: AgentOrAny
    condition: Condition
    is_enabled: bool
    hit_count: Count
    created_at: Time
    session: Id | None = None
    trigger: Trigger = "edge"
    action: Action = "notify"
    hit: HitRule | None = None
    message: str | None = None
    metadata: JsonObject = Field(default_factory=dict)
    armed_seq: StreamSeq = 0
    last_error: str | None = None
    disabled_reason: str | None = None


class Hit(ValueModel):
    """A breakpoint was hit; `hit_id` follows from the breakpoint and the place.

    `event` is null where a snapshot made the condition true. `message` is what a breakpoint that
    logs says. `event_cut` says that the event is told without data, metadata and patch, since the
    hits at this record would tell more than 4 MiB of them together; `events.get` has it whole.
    """

    hit_id: Id
    breakpoint_id: Id
    session_id: Id | None = None
    agent: AgentName
    position: Position
    event: Event | None = None
    reason: str
    action: Action
    message: str | None = None
    event_cut: bool = False


class BreakpointCreateRequest(Request):
    """Arms a condition from the stream's end on, and looks `past` hits back."""

    agent: AgentOrAny
    condition: ConditionAsked
    session: Id | None = None
    trigger: Trigger = "edge"
    action: Action = "notify"
    hit: HitRule | None = None
    message: Template | None = None
    metadata: Metadata = Field(default_factory=dict)
    past: Annotated[int, Field(ge=1, le=MAX_LIMIT)] | None = None


class BreakpointReply(Reply):
    """The breakpoint after the request."""

    breakpoint: Breakpoint


class BreakpointCreateReply(BreakpointReply):
    """The armed breakpoint; `past_hits`, newest first, where they were asked for."""

    past_hits: list[Hit] | None = None


class BreakpointRequest(Request):
    """One breakpoint."""

    id: Id


class BreakpointListRequest(ListRequest):
    """Breakpoints of the space, newest first."""

    agent: AgentOrAny | None = None
    session: Id | None = None


class BreakpointListReply(ListReply):
    """A page of breakpoints."""

    breakpoints: list[Breakpoint]


class BreakpointRemoveReply(Reply):
    """The breakpoint that is gone."""

    removed: Id


class BreakpointCheckRequest(Request):
    """Which breakpoints hold at a position."""

    agent: AgentName
    at: At


class BreakpointCheckReply(Reply):
    """Those that hold there."""

    holding: list[Breakpoint]
