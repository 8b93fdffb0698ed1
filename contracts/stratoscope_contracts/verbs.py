"""Every verb of the navigator: what it takes, what it answers and how it can fail.

The table is the contract; a navigator that answers only some of it leaves the rest without a
responder, which NATS tells the asker at once. `COMMON` can come from any verb and is not repeated.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel

from stratoscope_contracts import breakpoints, causes, comparing, control, looking, sessions
from stratoscope_contracts.envelopes import Reply, Request
from stratoscope_contracts.errors import Code
from stratoscope_contracts.views import Event

COMMON: Final = frozenset({Code.BAD_REQUEST, Code.NOT_PROJECTED_YET, Code.INTERNAL})


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb; `stream` is the model of the messages before the last where there are many."""

    name: str
    request: type[Request]
    reply: type[Reply]
    errors: frozenset[Code]
    summary: str
    stream: type[BaseModel] | None = None

    @property
    def all_errors(self) -> frozenset[Code]:
        """Every code it may answer, the common ones included."""
        return self.errors | COMMON


_NO_AGENT: Final = (Code.AGENT_NOT_FOUND,)
# What resolving an `At` in an agent's timeline can meet.
_PLACE: Final = (
    Code.AGENT_NOT_FOUND,
    Code.EVENT_NOT_FOUND,
    Code.SNAPSHOT_NOT_FOUND,
    Code.NAVIGATION_OUT_OF_BOUNDS,
)
_SESSION: Final = (Code.SESSION_NOT_FOUND, Code.CONCURRENT_ACCESS)
_MOVE: Final = (*_SESSION, *_PLACE, Code.EMPTY_EVENT_LOG)
_COMPARE: Final = (*_PLACE, Code.COMPARISON_FAILED, Code.OVER_BUDGET)
_EVENT: Final = (Code.EVENT_NOT_FOUND,)
_WALK: Final = (Code.EVENT_NOT_FOUND, Code.OVER_BUDGET)
_BREAKPOINT: Final = (Code.BREAKPOINT_NOT_FOUND,)


def _verb(
    name: str,
    request: type[Request],
    reply: type[Reply],
    errors: tuple[Code, ...],
    summary: str,
    stream: type[BaseModel] | None = None,
) -> Verb:
    return Verb(name, request, reply, frozenset(errors), summary, stream)


_LOOKING: Final = (
    _verb(
        "agents.list",
        looking.AgentsListRequest,
        looking.AgentsListReply,
        (),
        "The agents of the space, by name",
    ),
    _verb(
        "events.get",
        looking.EventsGetRequest,
        looking.EventsGetReply,
        (*_EVENT, *_NO_AGENT),
        "One event by its id",
    ),
    _verb(
        "events.list",
        looking.EventsListRequest,
        looking.EventsListReply,
        (*_PLACE, Code.INVALID_EXPRESSION, Code.OVER_BUDGET),
        "An agent's timeline, or what of it a condition picks",
    ),
    _verb(
        "snapshots.get",
        looking.SnapshotsGetRequest,
        looking.SnapshotsGetReply,
        (Code.SNAPSHOT_NOT_FOUND,),
        "One snapshot with its state",
    ),
    _verb(
        "snapshots.list",
        looking.SnapshotsListRequest,
        looking.SnapshotsListReply,
        _PLACE,
        "An agent's snapshots, without state",
    ),
    _verb(
        "state.at",
        looking.StateAtRequest,
        looking.StateAtReply,
        _PLACE,
        "An agent's state at any position",
    ),
    _verb(
        "state.cut",
        looking.StateCutRequest,
        looking.StateCutReply,
        (*_NO_AGENT, Code.NAVIGATION_OUT_OF_BOUNDS, Code.OVER_BUDGET),
        "The states of all agents at one moment",
    ),
    _verb(
        "state.history",
        looking.StateHistoryRequest,
        looking.StateHistoryReply,
        (*_PLACE, Code.OVER_BUDGET),
        "How the value at a path came to be",
    ),
    _verb(
        "state.last_write",
        looking.StateLastWriteRequest,
        looking.StateLastWriteReply,
        (*_PLACE, Code.OVER_BUDGET),
        "Who last wrote the value at a path",
    ),
    _verb(
        "replay",
        looking.ReplayRequest,
        looking.ReplayEnd,
        (*_PLACE, Code.REPLAY_FAILED),
        "The events of a stretch, a message each, as fast as they occurred or faster",
        stream=Event,
    ),
    _verb(
        "stats",
        looking.StatsRequest,
        looking.StatsReply,
        (),
        "What the space holds and how far it is projected",
    ),
)

_COMPARING: Final = (
    _verb(
        "compare",
        comparing.CompareRequest,
        comparing.CompareReply,
        _COMPARE,
        "What differs between two positions",
    ),
    _verb(
        "compare.render",
        comparing.CompareRenderRequest,
        comparing.CompareRenderReply,
        (*_COMPARE, Code.INVALID_DIFF),
        "The same as text",
    ),
    _verb(
        "compare.timeline",
        comparing.CompareTimelineRequest,
        comparing.CompareTimelineReply,
        _COMPARE,
        "Each snapshot with the next",
    ),
    _verb(
        "compare.patterns",
        comparing.ComparePatternsRequest,
        comparing.ComparePatternsReply,
        _COMPARE,
        "What changes often, and when something unusual did",
    ),
    _verb(
        "compare.divergence",
        comparing.CompareDivergenceRequest,
        comparing.CompareDivergenceReply,
        _COMPARE,
        "Where two agents part",
    ),
)

_CAUSES: Final = (
    _verb(
        "causality.chain",
        causes.CausalityChainRequest,
        causes.CausalityChainReply,
        _WALK,
        "The longest chain of causes, root first",
    ),
    _verb(
        "causality.effects",
        causes.CausalityEffectsRequest,
        causes.CausalityEffectsReply,
        _WALK,
        "What an event led to",
    ),
    _verb(
        "causality.graph",
        causes.CausalityGraphRequest,
        causes.CausalityGraphReply,
        _WALK,
        "The causes and effects around an event",
    ),
    _verb(
        "causality.path",
        causes.CausalityPathRequest,
        causes.CausalityPathReply,
        _WALK,
        "How one event led to another",
    ),
    _verb(
        "causality.relation",
        causes.CausalityRelationRequest,
        causes.CausalityRelationReply,
        _WALK,
        "Whether an event was before, after or beside another",
    ),
)

_SESSIONS: Final = (
    _verb(
        "session.create",
        sessions.SessionCreateRequest,
        sessions.SessionReply,
        (),
        "A session at an agent's latest position",
    ),
    _verb("session.get", sessions.SessionRequest, sessions.SessionReply, _SESSION, "One session"),
    _verb(
        "session.list",
        sessions.SessionListRequest,
        sessions.SessionListReply,
        (),
        "The sessions of the space",
    ),
    _verb(
        "session.update",
        sessions.SessionUpdateRequest,
        sessions.SessionReply,
        _SESSION,
        "Names and tags a session",
    ),
    _verb(
        "session.start",
        sessions.SessionRequest,
        sessions.SessionReply,
        _SESSION,
        "created to active",
    ),
    _verb(
        "session.pause",
        sessions.SessionRequest,
        sessions.SessionReply,
        _SESSION,
        "active to paused",
    ),
    _verb(
        "session.resume",
        sessions.SessionRequest,
        sessions.SessionReply,
        _SESSION,
        "paused to active",
    ),
    _verb(
        "session.complete",
        sessions.SessionRequest,
        sessions.SessionReply,
        _SESSION,
        "Ends a session",
    ),
    _verb(
        "session.remove",
        sessions.SessionRequest,
        sessions.SessionRemoveReply,
        _SESSION,
        "Forgets a completed session",
    ),
    _verb(
        "session.stats",
        sessions.SessionRequest,
        sessions.SessionStatsReply,
        _SESSION,
        "What a session has seen",
    ),
    _verb(
        "session.data.set",
        sessions.SessionDataSetRequest,
        sessions.SessionDataReply,
        _SESSION,
        "Keeps a value with the session",
    ),
    _verb(
        "session.data.get",
        sessions.SessionDataGetRequest,
        sessions.SessionDataReply,
        _SESSION,
        "A kept value",
    ),
    _verb(
        "session.position",
        sessions.SessionRequest,
        sessions.SessionPositionReply,
        (*_SESSION, Code.AGENT_NOT_FOUND),
        "Where the session stands",
    ),
    _verb(
        "session.export",
        sessions.SessionExportRequest,
        sessions.SessionExportReply,
        (*_SESSION, Code.OVER_BUDGET),
        "Everything the session knows, into the object store",
    ),
    _verb(
        "session.import",
        sessions.SessionImportRequest,
        sessions.SessionImportReply,
        (Code.IMPORT_FAILED,),
        "A new session on a new agent, from an export",
    ),
)

_MOVES: Final = (
    _verb(
        "session.goto",
        sessions.SessionGotoRequest,
        sessions.SessionPositionReply,
        _MOVE,
        "Stands anywhere in the timeline",
    ),
    _verb(
        "session.step",
        sessions.SessionStepRequest,
        sessions.SessionPositionReply,
        _MOVE,
        "By events, a snapshot or seconds, both ways",
    ),
    _verb(
        "session.continue",
        sessions.SessionContinueRequest,
        sessions.SessionContinueReply,
        (*_MOVE, Code.INVALID_EXPRESSION, Code.OVER_BUDGET),
        "Runs to a condition or breakpoint, both ways",
    ),
    _verb(
        "session.back",
        sessions.SessionRequest,
        sessions.SessionPositionReply,
        _MOVE,
        "To the place before in the navigation history",
    ),
    _verb(
        "session.forward",
        sessions.SessionRequest,
        sessions.SessionPositionReply,
        _MOVE,
        "To the place after in the navigation history",
    ),
    _verb(
        "session.history",
        sessions.SessionRequest,
        sessions.SessionHistoryReply,
        _SESSION,
        "The places the session has stood at",
    ),
)

_BREAKPOINTS: Final = (
    _verb(
        "breakpoint.create",
        breakpoints.BreakpointCreateRequest,
        breakpoints.BreakpointCreateReply,
        (Code.SESSION_NOT_FOUND, Code.INVALID_EXPRESSION, Code.OVER_BUDGET),
        "Arms a condition, and asks it of the past",
    ),
    _verb(
        "breakpoint.get",
        breakpoints.BreakpointRequest,
        breakpoints.BreakpointReply,
        _BREAKPOINT,
        "One breakpoint",
    ),
    _verb(
        "breakpoint.list",
        breakpoints.BreakpointListRequest,
        breakpoints.BreakpointListReply,
        (),
        "The breakpoints of the space",
    ),
    _verb(
        "breakpoint.enable",
        breakpoints.BreakpointRequest,
        breakpoints.BreakpointReply,
        _BREAKPOINT,
        "Arms it again",
    ),
    _verb(
        "breakpoint.disable",
        breakpoints.BreakpointRequest,
        breakpoints.BreakpointReply,
        _BREAKPOINT,
        "Keeps it without watching",
    ),
    _verb(
        "breakpoint.remove",
        breakpoints.BreakpointRequest,
        breakpoints.BreakpointRemoveReply,
        _BREAKPOINT,
        "Forgets it",
    ),
    _verb(
        "breakpoint.check",
        breakpoints.BreakpointCheckRequest,
        breakpoints.BreakpointCheckReply,
        (*_PLACE, Code.OVER_BUDGET),
        "Which breakpoints hold at a position",
    ),
)

_CONTROL: Final = (
    _verb("agent.pause", control.AgentRequest, control.AgentReply, (), "Holds a live agent"),
    _verb("agent.resume", control.AgentRequest, control.AgentReply, (), "Lets it go on"),
    _verb(
        "agent.step",
        control.AgentStepRequest,
        control.AgentReply,
        (),
        "Lets it record so many events more",
    ),
)

VERBS: Final[Mapping[str, Verb]] = MappingProxyType(
    {
        verb.name: verb
        for verb in (
            *_LOOKING,
            *_COMPARING,
            *_CAUSES,
            *_SESSIONS,
            *_MOVES,
            *_BREAKPOINTS,
            *_CONTROL,
        )
    }
)
