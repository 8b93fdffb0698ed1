"""What one run leaves behind for the next: which events led to a checkpoint.

A resume, a fork or a further turn starts from a checkpoint of an earlier run, and its first event
is caused by what led there. Within a process that is remembered here. Across processes the end of
a run has an id derived from the checkpoint where it ended, so that a resume elsewhere names it
without having seen it.
"""

import threading
import uuid
from collections import OrderedDict
from typing import Final, TypeVar

from stratoscope.adapters.langgraph.steps import Finished

_NAMESPACE: Final = uuid.UUID("5d0f1d4e-8c07-5b7c-9c4d-6a1f0f0a9e55")
# Enough for thousands of live threads; a forgotten one costs a cause, never a record.
REMEMBERED: Final = 20_000

K = TypeVar("K")
V = TypeVar("V")


def id_of_end(agent: str, checkpoint_id: str) -> str:
    """The id of the event that ends the run which arrived at a checkpoint."""
    return str(uuid.uuid5(_NAMESPACE, f"{agent}/{checkpoint_id}/end"))


class Memory:
    """Shared by all runs of one recorded graph, on any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._arrivals: OrderedDict[tuple[str, str], tuple[str, ...]] = OrderedDict()
        self._results: OrderedDict[tuple[str, str], Finished] = OrderedDict()
        self._snapshots: OrderedDict[str, str] = OrderedDict()

    def arrived(self, agent: str, checkpoint_id: str, causes: tuple[str, ...]) -> None:
        """Remember which events led an agent to a checkpoint."""
        self._keep(self._arrivals, (agent, checkpoint_id), causes)

    def led_to(self, agent: str, checkpoint_id: str) -> tuple[str, ...] | None:
        """Which events led there, where this process has seen it."""
        with self._lock:
            return self._arrivals.get((agent, checkpoint_id))

    def finished(self, agent: str, task_id: str, result: Finished) -> None:
        """Remember a task's result, for a resume that hands it back without running it."""
        self._keep(self._results, (agent, task_id), result)

    def result_of(self, agent: str, task_id: str) -> Finished | None:
        """A task's result, where this process has seen it."""
        with self._lock:
            return self._results.get((agent, task_id))

    def is_new_snapshot(self, agent: str, digest: str) -> bool:
        """Whether it differs from the agent's last one: a resume streams its checkpoint again."""
        with self._lock:
            known = self._snapshots.get(agent)
        self._keep(self._snapshots, agent, digest)
        return known != digest

    def _keep(self, kept: OrderedDict[K, V], key: K, value: V) -> None:
        with self._lock:
            kept[key] = value
            kept.move_to_end(key)
            if len(kept) > REMEMBERED:
                kept.popitem(last=False)
