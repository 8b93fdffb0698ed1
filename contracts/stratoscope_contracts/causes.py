"""The verbs that follow causes.

An edge runs from cause to effect. A cause that arrived after its effect is late: these verbs
follow it, `depth` does not count it, and it is the only way that a cycle can come to be.
"""

from typing import Annotated, Literal

from pydantic import Field

from stratoscope_contracts.envelopes import ListReply, ListRequest, Reply, Request
from stratoscope_contracts.views import Event
from stratoscope_contracts.words import Depth, Id

GraphDirection = Literal["causes", "effects", "both"]
GraphFormat = Literal["json", "dot", "mermaid"]
RelationName = Literal["before", "after", "concurrent", "same"]
Edge = tuple[Id, Id]
MAX_GRAPH_NODES = 10_000


class CausalityChainRequest(Request):
    """The longest chain of causes that ends in an event."""

    event_id: Id


class CausalityChainReply(Reply):
    """From the root to the event, whole; `missing` are causes of the first that are not there.

    They were dropped by retention, or never recorded. `cycles` are late edges among all that led
    to the event which close a cycle: no walk goes round it.
    """

    events: list[Event]
    cycles: list[Edge] = Field(default_factory=list)
    missing: list[Id] = Field(default_factory=list)


class CausalityEffectsRequest(ListRequest):
    """What an event led to, `max_depth` steps on."""

    event_id: Id
    max_depth: Depth = 1


class CausalityEffectsReply(ListReply):
    """A page of effects, by place."""

    events: list[Event]


class CausalityGraphRequest(Request):
    """The causes and effects around an event."""

    event_id: Id
    direction: GraphDirection
    max_depth: Depth | None = None
    max_nodes: Annotated[int, Field(ge=1, le=MAX_GRAPH_NODES)] = 200
    format: GraphFormat = "json"


class CausalityGraphReply(Reply):
    """The graph, or its `text` in the format asked for.

    `late` and `cycles` are those among `edges` whose cause came after its effect and that close
    a cycle; `missing` are causes that nobody has recorded yet.
    """

    nodes: list[Event] | None = None
    edges: list[Edge] | None = None
    late: list[Edge] | None = None
    cycles: list[Edge] | None = None
    missing: list[Id] | None = None
    truncated: bool = False
    text: str | None = None


class CausalityPathRequest(Request):
    """How one event led to another."""

    from_: Annotated[Id, Field(alias="from")]
    to: Id


class CausalityPathReply(Reply):
    """The shortest path, both ends included; null where there is none."""

    events: list[Event] | None


class CausalityRelationRequest(Request):
    """How two events stand to one another."""

    a: Id
    b: Id


class CausalityRelationReply(Reply):
    """`before` says that a led to b; within one agent its timeline decides."""

    relation: RelationName
