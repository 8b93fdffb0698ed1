"""What one recorded run of a graph needs: who it is recorded as, how it is streamed, its fold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from langchain_core.runnables.config import RunnableConfig, ensure_config, merge_configs
from langgraph.channels import UntrackedValue
from langgraph.pregel import Pregel
from langgraph.types import Command, StateSnapshot

from stratoscope.adapters.langgraph.asked import Asked, Namespace, Streamed, asked, streamed
from stratoscope.adapters.langgraph.coercion import RawState
from stratoscope.adapters.langgraph.gating import Gate, announces_task
from stratoscope.adapters.langgraph.mapping import to_json
from stratoscope.adapters.langgraph.memory import Memory
from stratoscope.adapters.langgraph.naming import agent_of_thread
from stratoscope.adapters.langgraph.origin import Opening
from stratoscope.adapters.langgraph.payloads import without
from stratoscope.adapters.langgraph.records import ToRecord
from stratoscope.adapters.langgraph.run import Run
from stratoscope.adapters.langgraph.steps import Drawing
from stratoscope.adapters.langgraph.writing import AgentRecorder, Recorder, Writer
from stratoscope.recorder.ids import new_id

AnyGraph = Pregel[Any, Any, Any, Any]

# How LangGraph marks the config of a graph that runs as a task of another one, and its saver.
_TASK_ID: Final = "__pregel_task_id"
_SAVER: Final = "__pregel_checkpointer"
# Between the names of nodes that lead to a subgraph.
NS_SEP: Final = "|"


@dataclass(frozen=True)
class Recording:
    """How a graph is recorded; shared by the copies that `with_config` makes."""

    strato: Recorder
    agent: str | None
    subgraphs: bool
    memory: Memory
    drawing: Drawing
    writer: Writer
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
        *,
        writer: Writer,
        has_saver: bool,
    ) -> None:
        self.agent = agent
        self.writer = writer
        self._run = run
        self._asked = asked
        self._streamed = streamed
        self._raw_state = state_mapper if isinstance(state_mapper, RawState) else None
        self._base: Namespace | None = None
        self._has_saver = has_saver
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
        records = self._guarded(lambda: self._run.take(ns, part.mode, payload))
        # Only where subgraphs are streamed for the recording's sake is a namespace foreign.
        is_foreign = ns != self._base and self._streamed.subgraphs and not self._asked.subgraphs
        return records, () if is_foreign else self._asked.shape(raw, part)

    def end(
        self, failure: BaseException | None, saved: Sequence[StateSnapshot] = ()
    ) -> list[ToRecord]:
        """What the end of the run says, and of one that ended early what the saver holds."""
        return self._guarded(lambda: self._run.end(failure, saved))

    @property
    def settles_after(self) -> str | None:
        """The checkpoint after which the saver may hold more than was streamed."""
        return self._run.last_checkpoint if self._has_saver else None

    def _guarded(self, fold: Callable[[], list[ToRecord]]) -> list[ToRecord]:
        with self.writer.unharmed():
            return fold()
        return []

    def _as_channels(self, mode: str, payload: Any) -> Any:
        if self._raw_state is None or mode != "checkpoints":
            return payload
        return {**payload, "values": self._raw_state.channels_of(payload["values"])}


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
    opening = _opening(name, place, input, keeps, recording.drawing.untracked_in(()))
    run = Run(opening, recording.drawing, recording.memory, new_id)
    session = Session(
        *(recording.strato.agent(name), run, asks, real, graph._state_mapper),
        writer=recording.writer,
        # A graph within another one has its checkpoints from there.
        has_saver=keeps and _TASK_ID not in place,
    )
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


def _opening(
    agent: str,
    place: dict[str, Any],
    input: Any,
    keeps_checkpoints: bool,
    untracked: frozenset[str],
) -> Opening:
    thread_id = place.get("thread_id")
    return Opening(
        agent=agent,
        thread_id=None if thread_id is None else str(thread_id),
        # Now, since the run may change what it was given.
        input=without(to_json(input), untracked),
        began_at=datetime.now(UTC),
        addressed=place.get("checkpoint_id") or None,
        keeps_checkpoints=keeps_checkpoints,
        goes_on=input is None or isinstance(input, Command),
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
    """The nodes, edges and untracked channels of a graph and its subgraphs, by name."""
    graphs: dict[tuple[str, ...], Any] = {(): graph}
    graphs |= {tuple(at.split(NS_SEP)): sub for at, sub in graph.get_subgraphs(recurse=True)}
    nodes = {str(node) for each in graphs.values() for node in getattr(each, "nodes", ())}
    try:
        drawn = [each.get_graph() for each in graphs.values()]
        edges = {(edge.source, edge.target) for each in drawn for edge in each.edges}
    except Exception:  # a graph that can't be drawn still runs
        edges = set()
    untracked = {at: _untracked_channels(each) for at, each in graphs.items()}
    return Drawing(frozenset(nodes), frozenset(edges), untracked)


def _untracked_channels(graph: Any) -> frozenset[str]:
    channels = getattr(graph, "channels", {})
    return frozenset(
        name for name, channel in channels.items() if isinstance(channel, UntrackedValue)
    )
