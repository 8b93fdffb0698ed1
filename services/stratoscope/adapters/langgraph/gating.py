"""The gate between the tasks of a graph: LangGraph announces a task, and runs it once asked on."""

import inspect
from collections.abc import Awaitable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any, Final, Literal, Protocol, get_args, runtime_checkable

from stratoscope.adapters.langgraph.writing import AgentRecorder, Writer
from stratoscope.recorder.errors import ClosedAtGate

Gate = Literal["quick", "exact"]
_GATES: Final = get_args(Gate)


@runtime_checkable
class Gated(Protocol):
    """A recorder whose agents can be held; one that only records is none."""

    def gate(self, exact: bool = False) -> Awaitable[None] | None:
        """Return once the agent may go on."""
        ...


def check_gate(gate: Gate | None) -> None:
    """Raise ValueError for what is no sort of gate."""
    if gate is not None and gate not in _GATES:
        raise ValueError(f"gate is one of {', '.join(_GATES)} or None, not {gate!r}")


def announces_task(mode: str, payload: Mapping[str, Any]) -> bool:
    """Whether a streamed part says that a task is about to run."""
    return mode == "tasks" and "result" not in payload


@contextmanager
def _held(writer: Writer) -> Iterator[None]:
    """As `unharmed`, but for the recorder's end: a task that is held does not run for it."""
    ended: ClosedAtGate | None = None
    with writer.unharmed():
        try:
            yield
        except ClosedAtGate as closed:
            ended = closed
        except CancelledError:
            # The recorder's thread has ended in the middle of a question.
            ended = ClosedAtGate("the recorder was closed while the graph was at its gate")
    if ended is not None:
        raise ended


def enter(agent: AgentRecorder, gate: Gate | None, writer: Writer) -> None:
    """Be held at the agent's gate for as long as somebody holds it."""
    if gate is not None and isinstance(agent, Gated):
        with _held(writer):
            agent.gate(exact=gate == "exact")


async def aenter(agent: AgentRecorder, gate: Gate | None, writer: Writer) -> None:
    """The same, with either kind of recorder, and without holding the event loop."""
    if gate is not None and isinstance(agent, Gated):
        with _held(writer):
            entered = getattr(agent, "agate", agent.gate)(exact=gate == "exact")
            if inspect.isawaitable(entered):
                await entered
