"""The causes and effects around an event, as a value or as a drawing."""

from collections.abc import Sequence
from typing import Final, assert_never

from stratoscope.domain.causality.drawing import Drawing, Label, dot, mermaid
from stratoscope.domain.causality.graphs import Graph, Nearest, graph_of, nearest
from stratoscope.navigator import spelling
from stratoscope.navigator.causality import walking
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.spelling import Json
from stratoscope.navigator.threads import work_on
from stratoscope.store.causes import Causes, Neighbourhood
from stratoscope.store.graphs import Graphs
from stratoscope.store.timelines import EventRow
from stratoscope_contracts.causes import CausalityGraphRequest, GraphFormat
from stratoscope_contracts.words import KnownType, render_time

_NOTHING: Final = Neighbourhood({}, {})
_KEYS: Final = ("nodes", "edges", "late", "cycles", "missing", "text")


async def graph(reading: Reading, request: CausalityGraphRequest) -> Json:
    """What lies around an event, the nearest first, at most `max_nodes` of it."""
    causes, effects = await _read(reading, request)
    work = (len(causes.nodes) + len(effects.nodes)) * walking.NODE_BYTES
    near, found = await work_on(work, _around, request, causes, effects)
    places = causes.places | effects.places
    rows = await walking.rows_at(reading, [places[id_] for id_ in found.ids])
    outside = dict.fromkeys(cause for cause, _ in found.outside)
    missing = await Graphs(reading.session).missing(reading.space, list(outside))
    answered = _told(request, found, rows, missing)
    return dict.fromkeys(_KEYS) | answered | {"truncated": near.truncated}


async def _read(
    reading: Reading, request: CausalityGraphRequest
) -> tuple[Neighbourhood, Neighbourhood]:
    """Both sides of the event, as far as they are asked for."""
    scope = (reading.space, request.event_id, request.max_nodes + 1)
    causes = effects = _NOTHING
    if request.direction != "effects":
        causes = await walking.in_time(Causes(reading.session).ancestors(*scope))
        await walking.check_found(reading, causes, request.event_id)
    if request.direction != "causes":
        effects = await walking.in_time(Graphs(reading.session).effects(*scope))
        await walking.check_found(reading, effects, request.event_id)
    return causes, effects


def _around(
    request: CausalityGraphRequest, causes: Neighbourhood, effects: Neighbourhood
) -> tuple[Nearest, Graph]:
    near = nearest(
        str(request.event_id),
        causes.nodes,
        effects.nodes,
        request.max_depth,
        request.max_nodes,
    )
    return near, graph_of(near.nodes)


def _told(
    request: CausalityGraphRequest, found: Graph, rows: Sequence[EventRow], missing: list[str]
) -> Json:
    if request.format == "json":
        return {
            "nodes": [spelling.listed_event(row) for row in rows],
            "edges": found.edges,
            "late": found.late,
            "cycles": found.cycles,
            "missing": missing,
        }
    labels = {str(row.id): _label(row) for row in rows}
    drawing = Drawing(found, labels, str(request.event_id), missing)
    return {"text": _drawn(request.format, drawing)}


def _drawn(format_: GraphFormat, drawing: Drawing) -> str:
    match format_:
        case "dot":
            return dot(drawing)
        case "mermaid":
            return mermaid(drawing)
        case "json":
            raise AssertionError("JSON is no drawing")
        case _:
            assert_never(format_)


def _label(row: EventRow) -> Label:
    lines = (f"{row.type} #{row.event_index}", render_time(row.occurred_at or row.clock))
    return Label(row.agent, lines, row.type == KnownType.ERROR_OCCURRED)
