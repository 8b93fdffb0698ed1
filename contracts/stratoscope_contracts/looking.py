"""The verbs that look and change nothing.

Which record a request means is said by an `At`; `from` and `to` of a list are positions: after
`from`, up to and with `to`.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from stratoscope_contracts.envelopes import ListReply, ListRequest, Reply, Request
from stratoscope_contracts.views import (
    AgentView,
    At,
    Change,
    CutAt,
    Event,
    Horizon,
    Position,
    SnapshotView,
    StateView,
)
from stratoscope_contracts.words import (
    MAX_AGENTS_NAMED,
    MAX_FACTOR,
    MAX_PREFIX_LENGTH,
    AgentName,
    Count,
    EventTypes,
    Expression,
    Id,
    JsonObject,
    Partition,
    Path,
    PositiveNumber,
    StreamSeq,
    Time,
)

Direction = Literal["forward", "backward"]


class RangeRequest(Request):
    """A stretch of one agent's timeline: after `from`, up to and with `to`."""

    agent: AgentName
    from_: Annotated[At | None, Field(alias="from")] = None
    to: At | None = None


class RangeListRequest(ListRequest):
    """A stretch of one agent's timeline, page by page."""

    agent: AgentName
    from_: Annotated[At | None, Field(alias="from")] = None
    to: At | None = None


class RangeListReply(ListReply):
    """One page of a stretch; `horizon` is where the timeline begins if retention dropped some."""

    horizon: Horizon | None = None


class AgentsListRequest(ListRequest):
    """The agents of the space, by name."""

    prefix: Annotated[str, Field(max_length=MAX_PREFIX_LENGTH)] | None = None


class AgentsListReply(ListReply):
    """A page of agents."""

    agents: list[AgentView]


class EventsGetRequest(Request):
    """One event; `agent` where its id is not unique in the space."""

    id: Id
    agent: AgentName | None = None


class EventsGetReply(Reply):
    """One event."""

    event: Event


class EventsListRequest(RangeListRequest):
    """An agent's events, in the timeline's order or against it."""

    types: EventTypes | None = None
    where: Expression | None = None
    direction: Direction = "forward"


class EventsListReply(RangeListReply):
    """A page of events."""

    events: list[Event]


class SnapshotsGetRequest(Request):
    """One snapshot with its state, or the part of it at `path`."""

    id: Id
    path: Path = ""


class SnapshotsGetReply(Reply):
    """One snapshot; `state` is what stands at the path, null where nothing does.

    `exists` tells a null that stands there from nothing.
    """

    id: Id
    agent: AgentName
    position: Position
    occurred_at: Time
    memory_usage: Count | None = None
    metadata: JsonObject = Field(default_factory=dict)
    label: str | None = None
    state: Any
    exists: bool = True


class SnapshotsListRequest(RangeListRequest):
    """An agent's snapshots, oldest first."""


class SnapshotsListReply(RangeListReply):
    """A page of snapshots, without state."""

    snapshots: list[SnapshotView]


class StateAtRequest(Request):
    """An agent's state at a position, or the part of it at `path`."""

    agent: AgentName
    at: At
    path: Path = ""


class StateAtReply(Reply):
    """The state after everything up to the position.

    `exact` says that no event stands between the last setting of the state and the position;
    `tainted` that a patch before it could not be applied; `exists` that something stands at the
    path, be it null.
    """

    position: Position
    state: Any
    exists: bool = True
    exact: bool
    tainted: bool


class StateCutRequest(Request):
    """The states of many agents at one moment."""

    at: CutAt
    agents: Annotated[list[AgentName], Field(max_length=MAX_AGENTS_NAMED)] | None = None
    path: Path = ""


class StateCutReply(Reply):
    """All states at or before one message; `stream_seq` is null on the occurred clock."""

    stream_seq: StreamSeq | None
    states: list[StateView]


class StateHistoryRequest(RangeListRequest):
    """How the value at a path came to be."""

    path: Path


class StateWrite(Reply):
    """A change with where it happened.

    `event_id` is the newest event at or before it; `event_span` how many events lie between the
    two states compared, so that 1 means certain.
    """

    change: Change
    position: Position
    event_id: Id | None
    event_span: Count


class StateHistoryReply(RangeListReply):
    """A page of changes at the path or under it, oldest first."""

    changes: list[StateWrite]


class StateLastWriteRequest(Request):
    """Who last wrote the value at a path, at or before `before`."""

    agent: AgentName
    path: Path
    before: At | None = None


class StateLastWriteReply(Reply):
    """The newest change; null where nothing ever wrote there, or nothing behind the `horizon`."""

    change: Change | None
    position: Position | None
    event_id: Id | None
    event_span: Count | None
    previous: Position | None
    horizon: Horizon | None = None


class ReplayRequest(RangeRequest):
    """The events again, one message each; `speed` 1.0 is as fast as they occurred."""

    count: PositiveNumber | None = None
    speed: Annotated[float, Field(gt=0, le=MAX_FACTOR)] | None = None


class ReplayEnd(Reply):
    """The last message of a replay, under the header `Strato-Replay-End`."""

    replayed: Count


class StatsRequest(Request):
    """What the space holds."""


class StatsReply(Reply):
    """Counts of the space; `lag` is how many messages of the stream are not projected yet.

    It is null where that is not known: the stream is not the one that was projected.
    """

    total_agents: Count
    total_events: Count
    total_snapshots: Count
    total_diffs: Count
    total_memory_usage: Count
    stored_bytes: Count
    raw_bytes: Count
    active_sessions: Count
    total_sessions: Count
    dead_letters: Count
    projected: dict[Partition, StreamSeq]
    lag: Count | None
