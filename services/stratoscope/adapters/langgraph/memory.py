"""What one run leaves behind for the next: which events led to a checkpoint.

A resume, a fork or a further turn starts from a checkpoint of an earlier run, and its first event
is caused by what led there. Within a process that is remembered here. Across processes the end of
a run has an id derived from the checkpoint where it ended, so that a resume elsewhere names it
without having seen it.
"""

import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, TypeVar

from stratoscope.adapters.langgraph.messages import KnownMessages
from stratoscope.adapters.langgraph.steps import Finished

_NAMESPACE: Final = uuid.UUID("5d0f1d4e-8c07-5b7c-9c4d-6a1f0f0a9e55")
# Enough for thousands of live threads; a forgotten one costs a cause, never a record.
REMEMBERED: Final = 20_000

K = TypeVar("K")
V = TypeVar("V")


def id_of_end(agent: str, checkpoint_id: str, interrupts: Iterable[str] = ()) -> str:
    """The id of the event that ends the run which arrived at a checkpoint.

    Several runs may end at one checkpoint, each at other interrupts: a functional workflow asks
    again and again before its first checkpoint. The ids of the interrupts tell these ends apart.
    """
    asked = "".join(f"/{each}" for each in sorted(interrupts))
    return str(uuid.uuid5(_NAMESPACE, f"{agent}/{checkpoint_id}/end{asked}"))


class Memory:
    """Shared by all runs of one recorded graph, on any thread."""

    def __init__(self) -> None:
        self.messages = KnownMessages()
        self._lock = threading.Lock()
        self._arrivals: OrderedDict[tuple[str, str], tuple[str, ...]] = OrderedDict()
        self._heads: OrderedDict[str, str] = OrderedDict()
        self._results: OrderedDict[tuple[str, str], Finished] = OrderedDict()
        self._snapshots: OrderedDict[str, str] = OrderedDict()

    def arrived(self, agent: str, checkpoint_id: str, causes: tuple[str, ...]) -> None:
        """Remember which events led an agent to a checkpoint, the newest of its thread."""
        self._keep(self._arrivals, (agent, checkpoint_id), causes)
        self._keep(self._heads, agent, checkpoint_id)

    def is_head(self, agent: str, checkpoint_id: str) -> bool:
        """Whether a checkpoint is the newest that this process has seen of the agent's thread."""
        with self._lock:
            return self._heads.get(agent) == checkpoint_id

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

    def recorded(self, agent: str, digest: str) -> None:
        """Remember the agent's last snapshot: a resume streams its checkpoint again."""
        self._keep(self._snapshots, agent, digest)

    def is_last_snapshot(self, agent: str, digest: str) -> bool:
        """Whether it is the agent's last one."""
        with self._lock:
            return self._snapshots.get(agent) == digest

    def _keep(self, kept: OrderedDict[K, V], key: K, value: V) -> None:
        with self._lock:
            kept[key] = value
            kept.move_to_end(key)
            if len(kept) > REMEMBERED:
                kept.popitem(last=False)
