"""The verbs of a debugging session: an operator's place in one agent's timeline, kept.

    created ──start──▶ active ⇄ pause, resume ⇄ paused ──complete──▶ completed, or error

Moves need active or paused. Every reply names the session's `version`; a request with an
`if_version` that is no longer true changes nothing.
"""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from stratoscope_contracts.breakpoints import ConditionAsked
from stratoscope_contracts.envelopes import (
    ChoiceModel,
    ListReply,
    ListRequest,
    Reply,
    Request,
    ValueModel,
)
from stratoscope_contracts.looking import Direction
from stratoscope_contracts.views import At, Position
from stratoscope_contracts.words import (
    MAX_NAVIGATION_PLACES,
    MAX_OBJECT_NAME_LENGTH,
    MAX_SESSION_SECONDS,
    MAX_TYPES,
    AgentName,
    Count,
    Description,
    Id,
    Key,
    Name,
    Note,
    PositiveNumber,
    Seconds,
    Tags,
    Time,
)

SessionState = Literal["created", "active", "paused", "completed", "error"]
ExportFormat = Literal["json", "binary", "archive"]
Version = PositiveNumber
AutoBreakpoint = Literal["error_occurred", "decision_made"]


class SessionConfig(ChoiceModel):
    """How a session behaves; it ends by itself after `max_session_duration` seconds.

    `auto_breakpoints` are the types of events that it has breakpoints on from its start; true is
    all of them, false none.
    """

    max_session_duration: Seconds = MAX_SESSION_SECONDS
    max_navigation_history: Annotated[int, Field(ge=1, le=1000)] = MAX_NAVIGATION_PLACES
    auto_breakpoints: bool | Annotated[list[AutoBreakpoint], Field(max_length=MAX_TYPES)] = True


class Session(ValueModel):
    """A session as it stands; `reason` says why its state is `error`."""

    id: Id
    agent: AgentName
    state: SessionState
    version: Version
    name: str | None = None
    description: str | None = None
    tags: list[str] = Field(default_factory=list)
    config: SessionConfig = SessionConfig()
    position: Position | None = None
    created_at: Time
    updated_at: Time
    started_at: Time | None = None
    ended_at: Time | None = None
    reason: str | None = None


class SessionRequest(Request):
    """Asks for one session, or moves it if its version is still the one named."""

    id: Id
    if_version: Version | None = None


class SessionReply(Reply):
    """The session after the request."""

    session: Session
    version: Version


class SessionPositionReply(Reply):
    """Where the session stands after the request."""

    position: Position
    version: Version


class SessionCreateRequest(Request):
    """A session at an agent's latest position; the agent may not be there yet."""

    agent: AgentName
    config: SessionConfig | None = None
    name: Name | None = None
    description: Description | None = None
    tags: Tags = Field(default_factory=list)


class SessionListRequest(ListRequest):
    """Sessions of the space, newest first."""

    agent: AgentName | None = None
    state: SessionState | None = None


class SessionListReply(ListReply):
    """A page of sessions."""

    sessions: list[Session]


class SessionUpdateRequest(SessionRequest):
    """Changes what is given; a field that is not given stays."""

    name: Name | None = None
    description: Description | None = None
    tags: Tags | None = None


class SessionRemoveReply(Reply):
    """The session that is gone, and its last version."""

    removed: Id
    version: Version


class SessionStatsReply(Reply):
    """What a session has seen; the duration is in seconds."""

    session_id: Id
    agent: AgentName
    state: SessionState
    session_duration: Annotated[float, Field(ge=0)]
    snapshot_count: Count
    diff_count: Count
    total_memory_usage: Count
    total_events: Count
    breakpoint_count: Count
    navigation_steps: Count
    custom_data_count: Count
    mark_count: Count = 0
    reason: str | None = None
    version: Version


class SessionDataSetRequest(SessionRequest):
    """Keeps a value of the operator's own with the session."""

    key: Key
    value: Any


class SessionDataGetRequest(SessionRequest):
    """Asks for a kept value."""

    key: Key


class SessionDataReply(Reply):
    """A kept value; `exists` tells a kept null from nothing."""

    key: Key
    value: Any
    exists: bool
    version: Version


class SessionGotoRequest(SessionRequest):
    """Stands anywhere in the timeline, or where a mark of the session is: one of both is named."""

    at: At | None = None
    mark: Key | None = None


class EventsSize(ChoiceModel):
    """So many events."""

    events: PositiveNumber


class SecondsSize(ChoiceModel):
    """So much time of the agent's clock, which moves even where nothing was recorded."""

    seconds: Seconds


def _form_of_size(value: Any) -> str | None:
    match value:
        case str():
            return "<name>"
        case {"events": _} | EventsSize():
            return "<events>"
        case {"seconds": _} | SecondsSize():
            return "<seconds>"
        case _:
            return None


StepSize = Annotated[
    Annotated[Literal["event", "snapshot"], Tag("<name>")]
    | Annotated[EventsSize, Tag("<events>")]
    | Annotated[SecondsSize, Tag("<seconds>")],
    Discriminator(
        _form_of_size,
        custom_error_type="size",
        custom_error_message='one of "event", "snapshot", {"events":n}, {"seconds":x}',
    ),
]


class SessionStepRequest(SessionRequest):
    """Moves by a size; forward past the end is out of bounds, backward stops at -1 once."""

    direction: Direction
    size: StepSize = "event"


# How long a run may take where its requester does not say.
RUN_SECONDS = 3.0


class SessionContinueRequest(SessionRequest):
    """Runs until a condition or a breakpoint would stop it, no further than the fence.

    It works for so many `seconds` at most; then the session stands where it got to.
    """

    direction: Direction
    until: ConditionAsked | None = None
    fence: At | None = None
    seconds: Annotated[float, Field(gt=0, le=3600)] = RUN_SECONDS


class StoppedByBreakpoint(ValueModel):
    """A breakpoint would be hit here."""

    breakpoint: Id


class StoppedByCondition(ValueModel):
    """The request's own condition holds here."""

    condition: Literal[True]


StoppedBy = StoppedByBreakpoint | StoppedByCondition | Literal["fence", "end"]


class SessionContinueReply(SessionPositionReply):
    """Where it stopped, and why."""

    stopped_by: StoppedBy


class SessionHistoryReply(Reply):
    """The places the session has stood at, oldest first; `current` is where it stands in them."""

    positions: list[Position]
    current: Annotated[int, Field(ge=-1)]
    version: Version


class SessionMarkRequest(SessionRequest):
    """Gives the position a name; a mark of that name is moved here."""

    name: Key
    note: Note | None = None


class SessionUnmarkRequest(SessionRequest):
    """Forgets a mark."""

    name: Key


class Mark(ValueModel):
    """A position with a name."""

    name: Key
    note: str | None = None
    position: Position
    created_at: Time


class SessionMarkReply(Reply):
    """The mark as it is kept."""

    mark: Mark
    version: Version


class SessionUnmarkReply(Reply):
    """The name of the mark that is gone."""

    removed: Key
    version: Version


class SessionMarksReply(Reply):
    """The session's marks, by name."""

    marks: list[Mark]
    version: Version


class SessionExportRequest(SessionRequest):
    """Everything the session knows, into the object store."""

    format: ExportFormat


class SessionExportReply(Reply):
    """Where the export lies; the digest is SHA-256 as the object store spells it."""

    object: str
    size: Count
    digest: str
    format: ExportFormat
    events: Count = 0
    snapshots: Count = 0
    version: Version


class SessionImportRequest(Request):
    """A new session on a new agent, from an export."""

    object: Annotated[str, Field(min_length=1, max_length=MAX_OBJECT_NAME_LENGTH)]
    as_agent: AgentName | None = None


class SessionImportReply(SessionReply):
    """What was taken in.

    `without_origin` counts records whose metadata had no room for where they come from.
    """

    agent: AgentName
    events: Count
    snapshots: Count
    breakpoints: Count
    import_id: Id | None = None
    without_origin: Count = 0
