"""Why an event happened: walks along declared causes.

Whoever knows an event knows all its early causes, and `depth` counts along them alone. A late
cause may close a cycle, and the longest chain through cycles is NP-hard to find. What
`longest_chain` answers is therefore this, exact wherever no cycle is met:

1. a chain to an event does not pass it twice, so the edges that leave it are dropped;
2. among what is left, a late edge that lies on a cycle is not followed; what remains has no cycle;
3. of the chains that end in the event the longest is taken; where two are equally long, from the
   event backwards, the cause with the lower place.

So an early edge is always followed (a chain is never shorter than the event's depth), and so are
the event's own causes, late ones too. Causes that the neighbourhood does not hold are skipped.
"""

from collections.abc import Iterable, Iterator, Mapping

from stratoscope.domain.causality.nodes import Edge, Node, has_late, is_late, known_causes


def longest_chain(nodes: Mapping[str, Node], event_id: str) -> list[str]:
    """The ids from a root to the event, both included; raises KeyError for an unknown event."""
    if not has_late(nodes):
        return _longest_by_places(nodes, event_id)
    # The event is no cause of anything here (rule 1), so nothing cycles through it.
    ancestors = {id: node for id, node in nodes.items() if id != event_id}
    causes = known_causes(ancestors)
    own = [cause for cause in nodes[event_id].causes if cause in ancestors]
    lengths: dict[str, int] = {}
    before: dict[str, str | None] = {}
    for component in _Components(causes).reached_from(own):
        # Inside a component only early edges are left (rule 2), so places order it.
        for id in sorted(component, key=lambda id: nodes[id].place):
            followed = _followed(nodes, causes[id], id, component)
            before[id] = last = _last_of_longest(nodes, lengths, followed)
            lengths[id] = 1 if last is None else lengths[last] + 1
    before[event_id] = _last_of_longest(nodes, lengths, own)
    return _chain_to(event_id, before)


def _longest_by_places(nodes: Mapping[str, Node], event_id: str) -> list[str]:
    """Where no cause is late, places order all: most graphs are so, and it takes a third."""
    lengths: dict[str, int] = {}
    before: dict[str, str | None] = {}
    for id in sorted(nodes, key=lambda id: nodes[id].place):
        causes = [cause for cause in nodes[id].causes if cause in lengths]
        before[id] = last = _last_of_longest(nodes, lengths, causes)
        lengths[id] = 1 if last is None else lengths[last] + 1
    return _chain_to(event_id, before)


def cycles(nodes: Mapping[str, Node]) -> list[Edge]:
    """Every edge (cause, effect) that lies on a cycle, in the order of places."""
    causes = known_causes(nodes)
    # An edge lies on a cycle where both its ends are strongly connected, or are one event.
    return sorted(
        (
            (cause, id)
            for component in _Components(causes).reached_from(nodes)
            for id in component
            for cause in causes[id]
            if cause in component
        ),
        key=lambda edge: (nodes[edge[1]].place, nodes[edge[0]].place),
    )


def _followed(
    nodes: Mapping[str, Node], causes: list[str], effect: str, component: set[str]
) -> list[str]:
    place = nodes[effect].place
    return [c for c in causes if c not in component or not is_late(place, nodes[c].place)]


def _last_of_longest(
    nodes: Mapping[str, Node], lengths: Mapping[str, int], causes: list[str]
) -> str | None:
    """Rule 3."""
    if len(causes) == 1:
        return causes[0]
    return min(causes, key=lambda id: (-lengths[id], nodes[id].place), default=None)


def _chain_to(event_id: str, before: Mapping[str, str | None]) -> list[str]:
    chain: list[str] = []
    id: str | None = event_id
    while id is not None:
        chain.append(id)
        id = before[id]
    return chain[::-1]


class _Components:
    """Tarjan's strongly connected components, without recursion: chains may be long."""

    def __init__(self, causes: Mapping[str, list[str]]) -> None:
        self._causes = causes
        self._found: dict[str, int] = {}
        self._lowest: dict[str, int] = {}
        self._open: list[str] = []
        self._walk: list[tuple[str, Iterator[str]]] = []

    def reached_from(self, effects: Iterable[str]) -> Iterator[set[str]]:
        """Each component once, those of causes before those of their effects."""
        for effect in effects:
            if effect not in self._found:
                self._enter(effect)
            while self._walk:
                id, causes = self._walk[-1]
                if not self._descend(id, causes):
                    self._walk.pop()
                    yield from self._leave(id)

    def _enter(self, id: str) -> None:
        self._found[id] = self._lowest[id] = len(self._found)
        self._open.append(id)
        self._walk.append((id, iter(self._causes[id])))

    def _descend(self, id: str, causes: Iterator[str]) -> bool:
        for cause in causes:
            if cause not in self._found:
                self._enter(cause)
                return True
            # A closed component has dropped its `_lowest`.
            if cause in self._lowest:
                self._lowest[id] = min(self._lowest[id], self._found[cause])
        return False

    def _leave(self, id: str) -> Iterator[set[str]]:
        lowest = self._lowest[id]
        if self._walk:
            effect = self._walk[-1][0]
            self._lowest[effect] = min(self._lowest[effect], lowest)
        if lowest == self._found[id]:
            component = set()
            while id not in component:
                component.add(last := self._open.pop())
                del self._lowest[last]
            yield component
