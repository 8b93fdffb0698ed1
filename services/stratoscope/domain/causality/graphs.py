"""What lies around an event: its causes, its effects, or both, the nearest first.

`both` is the causes and their causes beside the effects and their effects, not everything that is
connected: the other effects of a cause did not lead here. A graph shows every edge between the
events that it holds. Where an edge came late it says so, and where such an edge closes a cycle it
names that edge: without late ones there is no cycle.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from stratoscope.domain.causality.chains import cycles
from stratoscope.domain.causality.nodes import Edge, Node, has_late, is_late, known_causes

Neighbours = Callable[[str], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Graph:
    """Events in the order of the log and the edges between them; `late` and `cycles` are of them.

    `outside` are those from causes that the graph does not hold.
    """

    ids: tuple[str, ...]
    edges: tuple[Edge, ...]
    late: tuple[Edge, ...]
    cycles: tuple[Edge, ...]
    outside: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class Nearest:
    """The events nearest to one, and whether others were left out."""

    nodes: Mapping[str, Node]
    truncated: bool


def graph_of(nodes: Mapping[str, Node]) -> Graph:
    """The graph of some events, whole."""
    ids = tuple(sorted(nodes, key=lambda id: nodes[id].place))
    causes = known_causes(nodes)
    edges = tuple((cause, id) for id in ids for cause in causes[id])
    late = tuple((cause, id) for cause, id in edges if is_late(nodes[id].place, nodes[cause].place))
    # Every cycle has a late edge, and it is the one that closed it.
    closing = frozenset(cycles(nodes)) if late else frozenset[Edge]()
    outside = tuple(
        (cause, id) for id in ids for cause in dict.fromkeys(nodes[id].causes) if cause not in nodes
    )
    return Graph(ids, edges, late, tuple(edge for edge in late if edge in closing), outside)


def closing_edges(nodes: Mapping[str, Node]) -> list[Edge]:
    """The late edges that lie on a cycle, in the order of places."""
    if not has_late(nodes):
        return []
    return [
        (cause, id) for cause, id in cycles(nodes) if is_late(nodes[id].place, nodes[cause].place)
    ]


def levels(start: str, neighbours: Neighbours) -> dict[str, int]:
    """How many steps away each event is that can be reached, the nearest first."""
    found: dict[str, int] = {}
    edge, level = [start], 0
    while edge:
        found |= dict.fromkeys(edge, level)
        reached = dict.fromkeys(other for id in edge for other in neighbours(id))
        edge, level = [id for id in reached if id not in found], level + 1
    return found


def nearest(
    event_id: str,
    causes: Mapping[str, Node],
    effects: Mapping[str, Node],
    max_depth: int | None,
    max_nodes: int,
) -> Nearest:
    """The events within so many steps of one, at most `max_nodes`, the nearest first.

    `causes` is what led to the event as far as it was read, `effects` what it led to; each holds
    the event itself.
    """
    back, onward = known_causes(causes), effects_of(effects)
    reached = levels(event_id, lambda id: back.get(id, ()))
    for id, level in levels(event_id, lambda id: onward.get(id, ())).items():
        reached[id] = min(level, reached.get(id, level))
    nodes = {**causes, **effects}
    inside = [id for id, level in reached.items() if max_depth is None or level <= max_depth]
    inside.sort(key=lambda id: (reached[id], nodes[id].place))
    kept = {id: nodes[id] for id in inside[:max_nodes]}
    return Nearest(kept, len(inside) > max_nodes)


def effects_of(nodes: Mapping[str, Node]) -> dict[str, list[str]]:
    """Each event's effects among those at hand, in the order of the log."""
    effects: dict[str, list[str]] = {id: [] for id in nodes}
    for id in sorted(nodes, key=lambda id: nodes[id].place):
        for cause in dict.fromkeys(nodes[id].causes):
            if cause in effects:
                effects[cause].append(id)
    return effects


def shortest_path(nodes: Mapping[str, Node], cause: str, effect: str) -> Sequence[str] | None:
    """The fewest events from a cause to its effect, both included; None where none led to it.

    Of several the one that has, from the effect backwards, the causes with the lower places.
    """
    after = _steps_back(nodes, cause, effect)
    if cause not in after:
        return None
    path: list[str] = []
    step: str | None = cause
    while step is not None:
        path.append(step)
        step = after[step]
    return path


def _steps_back(nodes: Mapping[str, Node], cause: str, effect: str) -> dict[str, str | None]:
    """For each event on the way back to a cause, the one that is a step nearer to the effect."""
    causes = known_causes(nodes)
    after: dict[str, str | None] = {effect: None} if effect in nodes else {}
    edge = [*after]
    while edge and cause not in after:
        passed, edge = edge, []
        for id in passed:
            for other in sorted(causes[id], key=lambda id: nodes[id].place):
                if other not in after:
                    after[other] = id
                    edge.append(other)
    return after
