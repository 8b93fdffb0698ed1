"""The table of the verbs that keep or change something: sessions, breakpoints, holds, objects.

None of them changes what was recorded.
"""

from typing import Final

from stratoscope_contracts import breakpoints, control, objects, sessions
from stratoscope_contracts.envelopes import Progress
from stratoscope_contracts.errors import Code
from stratoscope_contracts.verb import PLACE, verb

_SESSION: Final = (Code.SESSION_NOT_FOUND, Code.CONCURRENT_ACCESS)
_MOVE: Final = (*_SESSION, *PLACE, Code.EMPTY_EVENT_LOG)
_BREAKPOINT: Final = (Code.BREAKPOINT_NOT_FOUND,)

_SESSIONS: Final = (
    verb(
        "session.create",
        sessions.SessionCreateRequest,
        sessions.SessionReply,
        (),
        "A session at an agent's latest position",
    ),
    verb("session.get", sessions.SessionRequest, sessions.SessionReply, _SESSION, "One session"),
    verb(
        "session.list",
        sessions.SessionListRequest,
        sessions.SessionListReply,
        (),
        "The sessions of the space",
    ),
    verb(
        "session.update",
        sessions.SessionUpdateRequest,
        sessions.SessionReply,
        _SESSION,
        "Names and tags a session",
    ),
    verb(
        "session.start",
        sessions.SessionRequest,
        sessions.SessionReply,
        _SESSION,
        "created to active",
    ),
    verb(
        "session.pause",
        sessions.SessionRequest,
        sessions.SessionReply,
        _SESSION,
        "active to paused",
    ),
    verb(
        "session.resume",
        sessions.SessionRequest,
        sessions.SessionReply,
        _SESSION,
        "paused to active",
    ),
    verb(
        "session.complete",
        sessions.SessionRequest,
        sessions.SessionReply,
        _SESSION,
        "Ends a session",
    ),
    verb(
        "session.remove",
        sessions.SessionRequest,
        sessions.SessionRemoveReply,
        _SESSION,
        "Forgets a completed session",
    ),
    verb(
        "session.stats",
        sessions.SessionRequest,
        sessions.SessionStatsReply,
        _SESSION,
        "What a session has seen",
    ),
    verb(
        "session.data.set",
        sessions.SessionDataSetRequest,
        sessions.SessionDataReply,
        _SESSION,
        "Keeps a value with the session",
    ),
    verb(
        "session.data.get",
        sessions.SessionDataGetRequest,
        sessions.SessionDataReply,
        _SESSION,
        "A kept value",
    ),
    verb(
        "session.mark",
        sessions.SessionMarkRequest,
        sessions.SessionMarkReply,
        (*_SESSION, Code.NAVIGATION_OUT_OF_BOUNDS),
        "Gives the session's position a name",
    ),
    verb(
        "session.marks",
        sessions.SessionRequest,
        sessions.SessionMarksReply,
        _SESSION,
        "The positions with a name",
    ),
    verb(
        "session.unmark",
        sessions.SessionUnmarkRequest,
        sessions.SessionUnmarkReply,
        _SESSION,
        "Forgets a mark",
    ),
    verb(
        "session.position",
        sessions.SessionRequest,
        sessions.SessionPositionReply,
        (*_SESSION, Code.AGENT_NOT_FOUND),
        "Where the session stands",
    ),
    verb(
        "session.export",
        sessions.SessionExportRequest,
        sessions.SessionExportReply,
        _SESSION,
        "Everything the session knows, into the object store",
        Progress,
    ),
    verb(
        "session.import",
        sessions.SessionImportRequest,
        sessions.SessionImportReply,
        (Code.IMPORT_FAILED,),
        "A new session on a new agent, from an export",
        Progress,
    ),
)

_MOVES: Final = (
    verb(
        "session.goto",
        sessions.SessionGotoRequest,
        sessions.SessionPositionReply,
        _MOVE,
        "Stands anywhere in the timeline",
    ),
    verb(
        "session.step",
        sessions.SessionStepRequest,
        sessions.SessionPositionReply,
        _MOVE,
        "By events, a snapshot or seconds, both ways",
    ),
    verb(
        "session.continue",
        sessions.SessionContinueRequest,
        sessions.SessionContinueReply,
        (*_MOVE, Code.INVALID_EXPRESSION),
        "Runs to a condition or breakpoint, both ways",
        Progress,
    ),
    verb(
        "session.back",
        sessions.SessionRequest,
        sessions.SessionPositionReply,
        _MOVE,
        "To the place before in the navigation history",
    ),
    verb(
        "session.forward",
        sessions.SessionRequest,
        sessions.SessionPositionReply,
        _MOVE,
        "To the place after in the navigation history",
    ),
    verb(
        "session.history",
        sessions.SessionRequest,
        sessions.SessionHistoryReply,
        _SESSION,
        "The places the session has stood at",
    ),
)

_BREAKPOINTS: Final = (
    verb(
        "breakpoint.create",
        breakpoints.BreakpointCreateRequest,
        breakpoints.BreakpointCreateReply,
        (Code.SESSION_NOT_FOUND, Code.INVALID_EXPRESSION),
        "Arms a condition, and asks it of the past",
    ),
    verb(
        "breakpoint.get",
        breakpoints.BreakpointRequest,
        breakpoints.BreakpointReply,
        _BREAKPOINT,
        "One breakpoint",
    ),
    verb(
        "breakpoint.list",
        breakpoints.BreakpointListRequest,
        breakpoints.BreakpointListReply,
        (),
        "The breakpoints of the space",
    ),
    verb(
        "breakpoint.enable",
        breakpoints.BreakpointRequest,
        breakpoints.BreakpointReply,
        _BREAKPOINT,
        "Arms it again",
    ),
    verb(
        "breakpoint.disable",
        breakpoints.BreakpointRequest,
        breakpoints.BreakpointReply,
        _BREAKPOINT,
        "Keeps it without watching",
    ),
    verb(
        "breakpoint.remove",
        breakpoints.BreakpointRequest,
        breakpoints.BreakpointRemoveReply,
        _BREAKPOINT,
        "Forgets it",
    ),
    verb(
        "breakpoint.check",
        breakpoints.BreakpointCheckRequest,
        breakpoints.BreakpointCheckReply,
        PLACE,
        "Which breakpoints hold at a position",
    ),
)

_CONTROL: Final = (
    verb(
        "agent.pause",
        control.AgentPauseRequest,
        control.AgentReply,
        (Code.SESSION_NOT_FOUND, Code.CONCURRENT_ACCESS, Code.OVER_BUDGET),
        "Holds a live agent",
    ),
    verb("agent.resume", control.AgentRequest, control.AgentReply, (), "Lets it go on"),
    verb(
        "agent.step",
        control.AgentStepRequest,
        control.AgentReply,
        (),
        "Lets it record so many events more",
    ),
)

_OBJECTS: Final = (
    verb(
        "object.get",
        objects.ObjectGetRequest,
        objects.ObjectGetReply,
        (Code.OBJECT_NOT_FOUND, Code.OVER_BUDGET),
        "Bytes of an export or a spilled reply",
    ),
    verb(
        "object.put",
        objects.ObjectPutRequest,
        objects.ObjectPutReply,
        (Code.OVER_BUDGET,),
        "A chunk of a file that is to be imported",
    ),
)

OPERATING: Final = (*_SESSIONS, *_MOVES, *_BREAKPOINTS, *_CONTROL, *_OBJECTS)
