"""The table of the verbs that ask: looking, comparing and following causes."""

from typing import Final

from stratoscope_contracts import causes, comparing, looking
from stratoscope_contracts.errors import Code
from stratoscope_contracts.verb import PLACE, verb
from stratoscope_contracts.views import Event

_COMPARE: Final = (*PLACE, Code.COMPARISON_FAILED)
_WALK: Final = (Code.EVENT_NOT_FOUND,)

_LOOKING: Final = (
    verb(
        "agents.list",
        looking.AgentsListRequest,
        looking.AgentsListReply,
        (),
        "The agents of the space, by name",
    ),
    verb(
        "events.get",
        looking.EventsGetRequest,
        looking.EventsGetReply,
        (Code.EVENT_NOT_FOUND, Code.AGENT_NOT_FOUND),
        "One event by its id",
    ),
    verb(
        "events.list",
        looking.EventsListRequest,
        looking.EventsListReply,
        (*PLACE, Code.INVALID_EXPRESSION),
        "An agent's timeline, or what of it a condition picks",
    ),
    verb(
        "snapshots.get",
        looking.SnapshotsGetRequest,
        looking.SnapshotsGetReply,
        (Code.SNAPSHOT_NOT_FOUND,),
        "One snapshot with its state",
    ),
    verb(
        "snapshots.list",
        looking.SnapshotsListRequest,
        looking.SnapshotsListReply,
        PLACE,
        "An agent's snapshots, without state",
    ),
    verb(
        "state.at",
        looking.StateAtRequest,
        looking.StateAtReply,
        PLACE,
        "An agent's state at any position",
    ),
    verb(
        "state.cut",
        looking.StateCutRequest,
        looking.StateCutReply,
        (Code.AGENT_NOT_FOUND, Code.NAVIGATION_OUT_OF_BOUNDS),
        "The states of all agents at one moment",
    ),
    verb(
        "state.history",
        looking.StateHistoryRequest,
        looking.StateHistoryReply,
        PLACE,
        "How the value at a path came to be",
    ),
    verb(
        "state.last_write",
        looking.StateLastWriteRequest,
        looking.StateLastWriteReply,
        PLACE,
        "Who last wrote the value at a path",
    ),
    verb(
        "replay",
        looking.ReplayRequest,
        looking.ReplayEnd,
        (*PLACE, Code.REPLAY_FAILED),
        "The events of a stretch, a message each, as fast as they occurred or faster",
        stream=Event,
    ),
    verb(
        "stats",
        looking.StatsRequest,
        looking.StatsReply,
        (),
        "What the space holds and how far it is projected",
    ),
)

_COMPARING: Final = (
    verb(
        "compare",
        comparing.CompareRequest,
        comparing.CompareReply,
        _COMPARE,
        "What differs between two positions",
    ),
    verb(
        "compare.render",
        comparing.CompareRenderRequest,
        comparing.CompareRenderReply,
        (*_COMPARE, Code.INVALID_DIFF),
        "The same as text",
    ),
    verb(
        "compare.timeline",
        comparing.CompareTimelineRequest,
        comparing.CompareTimelineReply,
        _COMPARE,
        "Each snapshot with the next",
    ),
    verb(
        "compare.patterns",
        comparing.ComparePatternsRequest,
        comparing.ComparePatternsReply,
        _COMPARE,
        "What changes often, and when something unusual did",
    ),
    verb(
        "compare.divergence",
        comparing.CompareDivergenceRequest,
        comparing.CompareDivergenceReply,
        _COMPARE,
        "Where two agents part",
    ),
)

_CAUSES: Final = (
    verb(
        "causality.chain",
        causes.CausalityChainRequest,
        causes.CausalityChainReply,
        _WALK,
        "The longest chain of causes, root first",
    ),
    verb(
        "causality.effects",
        causes.CausalityEffectsRequest,
        causes.CausalityEffectsReply,
        _WALK,
        "What an event led to",
    ),
    verb(
        "causality.graph",
        causes.CausalityGraphRequest,
        causes.CausalityGraphReply,
        _WALK,
        "The causes and effects around an event",
    ),
    verb(
        "causality.path",
        causes.CausalityPathRequest,
        causes.CausalityPathReply,
        _WALK,
        "How one event led to another",
    ),
    verb(
        "causality.relation",
        causes.CausalityRelationRequest,
        causes.CausalityRelationReply,
        _WALK,
        "Whether an event was before, after or beside another",
    ),
)

ASKING: Final = (*_LOOKING, *_COMPARING, *_CAUSES)
