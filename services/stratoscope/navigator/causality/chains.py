"""The longest chain of causes that ends in an event."""

from stratoscope.domain.causality.chains import longest_chain
from stratoscope.domain.causality.graphs import closing_edges
from stratoscope.navigator.causality import walking
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.spelling import Json
from stratoscope.navigator.threads import work_on
from stratoscope.store.causes import Causes
from stratoscope_contracts.causes import CausalityChainRequest


async def chain(reading: Reading, request: CausalityChainRequest) -> Json:
    """The longest chain of causes, root first."""
    event_id = str(request.event_id)
    found = await walking.all_around(
        reading, request.event_id, Causes(reading.session).ancestors, "led to this one"
    )
    work = len(found.nodes) * walking.NODE_BYTES
    ids = await work_on(work, longest_chain, found.nodes, event_id)
    return {
        "events": await walking.events(reading, [found.places[id_] for id_ in ids]),
        "cycles": await work_on(work, closing_edges, found.nodes),
        # Dropped by retention, or never recorded: the chain may have begun earlier.
        "missing": [cause for cause in found.nodes[ids[0]].causes if cause not in found.nodes],
    }
