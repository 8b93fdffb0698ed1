"""The longest chain of causes that ends in an event."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from stratoscope.domain.causality.chains import longest_chain
from stratoscope.domain.causality.graphs import closing_edges
from stratoscope.navigator import spelling
from stratoscope.navigator.causality import walking
from stratoscope.navigator.document_budget import claim, cost_of_events
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.spelling import Json
from stratoscope.navigator.threads import work_on
from stratoscope.store.causes import Causes
from stratoscope.store.graphs import Graphs
from stratoscope.store.timelines import TracedRow, documents_size
from stratoscope_contracts.causes import CausalityChainRequest


async def chain(reading: Reading, request: CausalityChainRequest) -> Json:
    """The longest chain of causes, root first."""
    if await Graphs(reading.session).oldest_led_back(reading.space) is None:
        short = await walking.in_time(_by_depths(reading, request.event_id))
        if short is not None:
            return short
    return await _by_all_causes(reading, request.event_id)


async def _by_depths(reading: Reading, event_id: UUID) -> Json | None:
    """Where no cause is late, depths show the way; None where something on it is not there."""
    told = _Told()
    if not await Causes(reading.session).descend(reading.space, event_id, told.tell):
        return None
    await claim(cost_of_events(told.size))
    large = list(told.large)
    events = await walking.events(reading, [told.large[number] for number in large])
    for number, event in zip(large, events, strict=True):
        told.events[number] = event
    return {
        "events": told.events[::-1],
        "cycles": [],
        "missing": [str(cause) for cause in told.first_causes],
    }


@dataclass(slots=True)
class _Told:
    """A chain as it is replied, from its end on."""

    events: list[Json] = field(default_factory=list)
    # Where those stand that were too large to be read by the block, by their number in `events`.
    large: dict[int, tuple[int, int]] = field(default_factory=dict)
    first_causes: Sequence[UUID] = ()
    size: int = 0

    def tell(self, rows: Sequence[TracedRow]) -> None:
        """Spell a part of it."""
        for row in rows:
            if row.data is None:
                self.large[len(self.events)] = (row.agent_id, row.event_index)
                self.events.append({})
            else:
                self.events.append(spelling.listed_event(row))
                self.size += documents_size(row)
        walking.check_size(self.size, len(self.events))
        if rows:
            self.first_causes = rows[-1].causes or ()


async def _by_all_causes(reading: Reading, event_id: UUID) -> Json:
    found = await walking.all_around(
        reading, event_id, Causes(reading.session).ancestors, "led to this one"
    )
    work = len(found.nodes) * walking.NODE_BYTES
    ids = await work_on(work, longest_chain, found.nodes, str(event_id))
    return {
        "events": await walking.events(reading, [found.places[id_] for id_ in ids]),
        "cycles": await work_on(work, closing_edges, found.nodes),
        # Dropped by retention, or never recorded: the chain may have begun earlier.
        "missing": [cause for cause in found.nodes[ids[0]].causes if cause not in found.nodes],
    }
