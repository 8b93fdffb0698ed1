"""Which of two events happened before the other.

One happened before another where causes lead from it to the other, or the order of an agent's own
timeline does, or both in turns. Without late causes everything on such a way stands between the
two in the log, so nothing before the first is looked at; where causes lead back in the log, what
they lead to is the bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from stratoscope.domain.causality.nodes import Place
from stratoscope.domain.causality.past import Past, Stretch
from stratoscope.navigator.causality import walking
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.spelling import Json
from stratoscope.store.graphs import Graphs, Placed
from stratoscope_contracts.causes import CausalityRelationRequest, RelationName

_PAGE = 5_000


async def relation(reading: Reading, request: CausalityRelationRequest) -> Json:
    """`before`, `after`, `concurrent` or `same`."""
    a = await walking.placed(reading, request.a)
    b = await walking.placed(reading, request.b)
    return {"relation": await walking.in_time(_relation(reading, a, b))}


async def _relation(reading: Reading, a: Placed, b: Placed) -> RelationName:
    if a == b:
        return "same"
    if a.agent_id == b.agent_id:
        return "before" if a.event_index < b.event_index else "after"
    earlier, later = (a, b) if a.place < b.place else (b, a)
    graphs = Graphs(reading.session)
    led_back = await graphs.oldest_led_back(reading.space)
    search = _Search(reading.space, graphs, min(earlier.place, led_back or earlier.place))
    if await search.leads(earlier, later):
        return "before" if earlier is a else "after"
    if led_back and led_back <= earlier.place and await search.leads(later, earlier):
        return "before" if later is a else "after"
    return "concurrent"


@dataclass(frozen=True, slots=True)
class _Search:
    """A way back from one event to another, no further back in the log than a place."""

    space: str
    graphs: Graphs
    bound: Place

    async def leads(self, first: Placed, then: Placed) -> bool:
        """Whether one event happened before another."""
        past = Past()
        past.reach(then.agent_id, then.event_index)
        while stretches := past.next_stretches():
            for stretch in stretches:
                past.reach_all(await self._causes(past, stretch))
                if past.holds(first.agent_id, first.event_index):
                    return True
        return False

    async def _causes(self, past: Past, stretch: Stretch) -> Sequence[tuple[int, int]]:
        """The causes in other agents of the newest page of a stretch, which is then passed."""
        start = await self.graphs.newest_of(stretch, _PAGE)
        if start is None:
            past.passed(stretch, stretch.after)
            return ()
        page = Stretch(stretch.agent_id, start.event_index - 1, stretch.upto)
        past.passed(stretch, page.after if start.place >= self.bound else stretch.after)
        return await self.graphs.foreign_causes(self.space, page, self.bound)
