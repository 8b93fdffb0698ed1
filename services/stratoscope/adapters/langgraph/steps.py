"""Which results caused a task, told from what LangGraph streams.

A graph goes in steps: tasks start together, and what they write triggers the next ones. A task
names its triggers, which are channels, but a result names only the state channels that it wrote,
never the hidden ones of edges (`branch:to:x`, `join:a+b:x`, `__pregel_push`). So the cause is
found by the first of these that answers:

1. results of the step before that wrote a channel among the triggers;
2. for a join that the step before completed, the last result of each node it waited for;
3. results of the step before whose node has an edge to the task in the graph's drawing;
4. all results of the step before.

A functional `@task` is caused by the task that called it, or, where ids do not tell which one that
was, by the tasks that were running.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from stratoscope.adapters.langgraph.calls import PUSH, Calls, Step

JOIN: Final = "join:"


@dataclass(frozen=True)
class Finished:
    """A result that may cause later tasks: its event, its node, the state channels it wrote."""

    event_id: str
    node: str
    channels: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Started:
    """A task that runs: its event, its node, and whether a running task called it."""

    event_id: str
    node: str
    called: bool
    caller: str | None = None
    """The id of the task that called it, where that is known."""


@dataclass(frozen=True)
class Drawing:
    """A graph's nodes, those of its subgraphs included, and its edges.

    `untracked` names the channels of each graph that its checkpoints leave out, by the nodes that
    lead to it.
    """

    nodes: frozenset[str]
    edges: frozenset[tuple[str, str]]
    untracked: Mapping[tuple[str, ...], frozenset[str]] = field(default_factory=dict)

    def untracked_in(self, nodes: tuple[str, ...]) -> frozenset[str]:
        """The untracked channels of a graph; of one that was not found, those of all graphs."""
        known = self.untracked.get(nodes)
        return frozenset().union(*self.untracked.values()) if known is None else known


class Steps:
    """One namespace of a run: the step before, the tasks that run, and what they have returned."""

    def __init__(self, origin: Finished) -> None:
        self.running: dict[str, Started] = {}
        self._before: tuple[Finished, ...] = (origin,)
        self._done: list[Finished] = []
        self._handed_back: list[Finished] = []
        self._last: dict[str, Finished] = {}
        self._returned: dict[str | None, list[str]] = {}
        self._calls = Calls()

    @property
    def led_here(self) -> list[str]:
        """The events whose writes made the state as it is now."""
        return [result.event_id for result in (self._done or self._before)]

    def turn(self) -> None:
        """The step is over: what finished in it is what triggers the next."""
        if finished := [*self._handed_back, *self._done]:
            self._before = tuple(finished)
            self._handed_back, self._done = [], []

    def is_call(self, node: str, triggers: Iterable[str], drawing: Drawing) -> bool:
        """Whether a running task called this one, rather than an earlier step sent it."""
        return PUSH in triggers and node not in drawing.nodes and bool(self.running)

    def causes_of(self, node: str, triggers: Iterable[str], drawing: Drawing) -> list[str]:
        """The events that caused a task which starts now."""
        if self.is_call(node, triggers, drawing):
            return [task.event_id for task in self.running.values() if not task.called]
        if self._done and not self.running:
            # Without a checkpointer nothing else tells that a step has ended.
            self.turn()
        return [result.event_id for result in self._triggered(node, frozenset(triggers), drawing)]

    def caller_of(
        self, task_id: str, node: str, triggers: list[str], step: Step | None
    ) -> str | None:
        """The id of the running task that called the one that is announced."""
        return self._calls.start(step, task_id, node, triggers)

    def start(self, task_id: str, task: Started) -> None:
        """Take in a task that starts."""
        self.running[task_id] = task

    def finish(self, task_id: str, result: Finished) -> list[str]:
        """Take in a task's result, and say which calls it waited for."""
        self._calls.finish(task_id)
        task = self.running.pop(task_id, None)
        waited = self._returned.pop(task_id, [])
        if task is not None and task.called:
            self.return_call(task.caller, result)
            return waited
        self._done.append(result)
        self._last[result.node] = result
        return [*waited, *self._returned_calls()]

    def return_call(self, caller: str | None, result: Finished) -> None:
        """Take in what a call came to, now or in an earlier run."""
        self._returned.setdefault(caller, []).append(result.event_id)

    def hand_back(self, result: Finished) -> None:
        """Take in a result of this step that an earlier run came to."""
        self._handed_back.append(result)
        self._last[result.node] = result

    def _returned_calls(self) -> list[str]:
        if any(not task.called for task in self.running.values()):
            return []  # several callers: whose call it was is not known
        return self._returned.pop(None, [])

    def _triggered(
        self, node: str, triggers: frozenset[str], drawing: Drawing
    ) -> Iterable[Finished]:
        wrote = [result for result in self._before if result.channels & triggers]
        if wrote:
            return wrote
        joined = [self._last[name] for name in _joined(triggers) if name in self._last]
        if not set(self._before).isdisjoint(joined):
            return joined
        drawn = [result for result in self._before if (result.node, node) in drawing.edges]
        return drawn or self._before


def _joined(triggers: frozenset[str]) -> list[str]:
    """The nodes that a join waited for, out of `join:a+b:x`."""
    joins = sorted(trigger for trigger in triggers if trigger.startswith(JOIN))
    return [name for join in joins for name in join.split(":")[1].split("+")]
