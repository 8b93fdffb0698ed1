"""How one event led to another."""

from stratoscope.domain.causality.graphs import shortest_path
from stratoscope.navigator.causality import walking
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.spelling import Json
from stratoscope.navigator.threads import work_on
from stratoscope.store.causes import Causes
from stratoscope_contracts.causes import CausalityPathRequest
from stratoscope_contracts.errors import OverBudget


async def path(reading: Reading, request: CausalityPathRequest) -> Json:
    """The shortest path from a cause to its effect, both included; or null."""
    await walking.placed(reading, request.from_)
    found = await walking.in_time(
        Causes(reading.session).ancestors(
            reading.space, request.to, walking.MAX_NODES + 1, until=request.from_
        )
    )
    await walking.check_found(reading, found, request.to)
    ids = await work_on(
        len(found.nodes) * walking.NODE_BYTES,
        shortest_path,
        found.nodes,
        str(request.from_),
        str(request.to),
    )
    if ids is None and len(found.nodes) > walking.MAX_NODES:
        raise OverBudget(
            f"no path among the nearest {walking.MAX_NODES} events that led to it",
            {"nodes": len(found.nodes)},
        )
    places = None if ids is None else [found.places[id_] for id_ in ids]
    return {"events": None if places is None else await walking.events(reading, places)}
