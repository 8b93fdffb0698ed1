"""What one recorded run of a graph needs: who it is recorded as, how it is streamed, its fold."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from langchain_core.runnables.config import RunnableConfig, ensure_config, merge_configs
from langgraph.pregel import Pregel

from stratoscope.adapters.langgraph.asked import Asked, Namespace, Streamed, asked, streamed
from stratoscope.adapters.langgraph.coercion import RawState
from stratoscope.adapters.langgraph.gating import Gate, announces_task
from stratoscope.adapters.langgraph.mapping import to_json
from stratoscope.adapters.langgraph.memory import Memory
from stratoscope.adapters.langgraph.naming import agent_of_thread
from stratoscope.adapters.langgraph.records import ToRecord
from stratoscope.adapters.langgraph.run import Opening, Run
from stratoscope.adapters.langgraph.steps import Drawing
from stratoscope.adapters.langgraph.writing import AgentRecorder, Recorder, unharmed
from stratoscope.recorder.ids import new_id

AnyGraph = Pregel[Any, Any, Any, Any]

# How LangGraph marks the config of a graph that runs as a task of another one, and its saver.
_TASK_ID: Final = "__pregel_task_id"
_SAVER: Final = "__pregel_checkpointer"


@dataclass(frozen=True)
class Recording:
    """How a graph is recorded; shared by the copies that `with_config` makes."""

    strato: Recorder
    agent: str | None
    subgraphs: bool
    memory: Memory
    drawing: Drawing
    gate: Gate | None = "quick"

    def agent_name(self, place: dict[str, Any], graph_name: str) -> str:
        """The agent for a thread; without one each run is an agent of its own."""
        if self.agent is not None:
            return self.agent
        if (thread_id := place.get("thread_id")) is not None:
            return agent_of_thread(thread_id)
        return agent_of_thread(f"{graph_name}-{new_id()[-12:]}")


class Session:
    """One run: turns each raw part into records and into what the caller is given."""

    def __init__(
        self,
        agent: AgentRecorder,
        run: Run,
        asked: Asked,
        streamed: Streamed,
        state_mapper: Callable[[Any], Any] | None,
    ) -> None:
        self.agent = agent
        self._run = run
        self._asked = asked
        self._streamed = streamed
        self._raw_state = state_mapper if isinstance(state_mapper, RawState) else None
        self._base: Namespace | None = None
        self.at_gate = False
        """Whether a task of the graph itself is about to run, and none of a subgraph's."""

    def take(self, raw: Any) -> tuple[list[ToRecord], tuple[Any, ...]]:
        """What a part says, and what of it is the caller's, in a tuple."""
        part = self._streamed.read(raw)
        if self._base is None:
            # The first part is always the graph's own, before any subgraph's.
            self._base = part.ns or ()
        ns = self._base if part.ns is None else part.ns
        payload = self._as_channels(part.mode, part.payload)
        self.at_gate = ns == self._base and announces_task(part.mode, part.payload)
        records = _guarded(lambda: self._run.take(ns, part.mode, payload))
        # Only where subgraphs are streamed for the recording's sake is a namespace foreign.
        is_foreign = ns != self._base and self._streamed.subgraphs and not self._asked.subgraphs
        return records, () if is_foreign else self._asked.shape(raw, part)

    def end(self, failure: BaseException | None) -> list[ToRecord]:
        """What the end of the run says."""
        return _guarded(lambda: self._run.end(failure))

    def _as_channels(self, mode: str, payload: Any) -> Any:
        if self._raw_state is None or mode != "checkpoints":
            return payload
        return {**payload, "values": self._raw_state.channels_of(payload["values"])}


def _guarded(fold: Callable[[], list[ToRecord]]) -> list[ToRecord]:
    with unharmed():
        return fold()
    return []


def session_of(
    graph: AnyGraph,
    recording: Recording,
    input: Any,
    config: RunnableConfig | None,
    arguments: dict[str, Any],
    *,
    in_threads: bool,
) -> tuple[Session, dict[str, Any]] | None:
    """The session of a run and the arguments to stream it with; None where it is not recorded.

    A graph that runs as a task of another one is seen through the outer graph, which has the
    agent's state; it is recorded by itself only under an agent of its own.
    """
    place = _place(graph, config)
    if _TASK_ID in place and recording.agent is None:
        return None
    asks = asked(
        _stream_mode(graph, config, arguments),
        _print_mode(graph, arguments),
        bool(arguments.get("subgraphs")),
        str(arguments.get("version", "v1")),
    )
    keeps = graph.checkpointer not in (None, False) or _SAVER in place
    look_inside = recording.subgraphs and any(True for _ in graph.get_subgraphs())
    if in_threads and _settled(graph, config).get("max_concurrency") == 1:
        # What LangGraph waits with for a subgraph's stream would have the only thread there is.
        look_inside = False
    real = streamed(asks, keeps_checkpoints=keeps, look_inside=look_inside)
    name = recording.agent_name(place, graph.get_name())
    run = Run(_opening(name, place, input, keeps), recording.drawing, recording.memory, new_id)
    session = Session(recording.strato.agent(name), run, asks, real, graph._state_mapper)
    return session, {**arguments, "stream_mode": real.modes, "subgraphs": real.subgraphs}


def agent_of(
    graph: AnyGraph, recording: Recording, config: RunnableConfig | None
) -> tuple[str, AgentRecorder]:
    """The agent that a config's thread is recorded as."""
    name = recording.agent_name(_place(graph, config), graph.get_name())
    return name, recording.strato.agent(name)


def _place(graph: AnyGraph, config: RunnableConfig | None) -> dict[str, Any]:
    return dict(_settled(graph, config).get("configurable") or {})


def _settled(graph: AnyGraph, config: RunnableConfig | None) -> RunnableConfig:
    return ensure_config(merge_configs(graph.config, config))


def _opening(agent: str, place: dict[str, Any], input: Any, keeps_checkpoints: bool) -> Opening:
    thread_id = place.get("thread_id")
    return Opening(
        agent=agent,
        thread_id=None if thread_id is None else str(thread_id),
        # Now, since the run may change what it was given.
        input=to_json(input),
        began_at=datetime.now(UTC),
        addressed=bool(place.get("checkpoint_id")),
        keeps_checkpoints=keeps_checkpoints,
    )


def _stream_mode(graph: AnyGraph, config: RunnableConfig | None, arguments: dict[str, Any]) -> Any:
    """The caller's stream mode, or the one that LangGraph takes without."""
    if (given := arguments.get("stream_mode")) is not None:
        return given
    is_task = config is not None and _TASK_ID in (config.get("configurable") or {})
    return "values" if is_task else graph.stream_mode


def _print_mode(graph: AnyGraph, arguments: dict[str, Any]) -> Any:
    if arguments.get("debug") or graph.debug:
        return ["updates", "values"]
    return arguments.get("print_mode", ())


def drawing_of(graph: AnyGraph) -> Drawing:
    """The nodes and edges of a graph and its subgraphs, by name."""
    graphs = [graph, *(sub for _, sub in graph.get_subgraphs(recurse=True))]
    nodes = {str(node) for each in graphs for node in getattr(each, "nodes", ())}
    try:
        edges = {(edge.source, edge.target) for each in graphs for edge in each.get_graph().edges}
    except Exception:  # a graph that can't be drawn still runs
        edges = set()
    return Drawing(frozenset(nodes), frozenset(edges))
