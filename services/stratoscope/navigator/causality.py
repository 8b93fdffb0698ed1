"""The verb that follows causes back to their root."""

from stratoscope.domain.causality.chains import longest_chain
from stratoscope.navigator import spelling
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.spelling import Json
from stratoscope.navigator.threads import work_on
from stratoscope.store.causes import Ancestors, Causes
from stratoscope_contracts.causes import CausalityChainRequest
from stratoscope_contracts.errors import EventNotFound, OverBudget

MAX_NODES = 100_000
_SECONDS = 10.0
_PAGE = 100
_REPLY_BYTES = 64 << 20
# About what a walk costs for one node, beside going through bytes.
_NODE_BYTES = 512


async def chain(reading: Reading, request: CausalityChainRequest) -> Json:
    """The longest chain of causes, root first."""
    event_id = str(request.event_id)
    found = await _ancestors(reading, request)
    if event_id not in found.nodes:
        raise EventNotFound(f"there is no event with this id{await reading.gone()}")
    if len(found.nodes) > MAX_NODES:
        raise OverBudget(
            f"more than {MAX_NODES} events led to this one", {"nodes": len(found.nodes)}
        )
    ids = await work_on(len(found.nodes) * _NODE_BYTES, longest_chain, found.nodes, event_id)
    return {
        "events": await _events(reading, [found.places[id_] for id_ in ids]),
        # Dropped by retention, or never recorded: the chain may have begun earlier.
        "missing": [cause for cause in found.nodes[ids[0]].causes if cause not in found.nodes],
    }


async def _ancestors(reading: Reading, request: CausalityChainRequest) -> Ancestors:
    try:
        return await Causes(reading.session).ancestors(
            reading.space, request.event_id, MAX_NODES + 1, _SECONDS
        )
    except TimeoutError as error:
        raise OverBudget(
            f"the causes could not be followed within {_SECONDS:g} s", {"seconds": _SECONDS}
        ) from error


async def _events(reading: Reading, places: list[tuple[int, int]]) -> list[Json]:
    """The events of a chain, which has no pages: so long as they fit into memory."""
    spelled: list[Json] = []
    size = 0
    for start in range(0, len(places), _PAGE):
        rows = await reading.timelines.events(places[start : start + _PAGE])
        size += sum(len(row.data) for row in rows)
        spelled += [spelling.event(row) for row in rows]
        if size > _REPLY_BYTES:
            raise OverBudget(
                f"the events of the chain hold more than {_REPLY_BYTES >> 20} MiB",
                {"events": len(spelled), "of": len(places)},
            )
    return spelled
