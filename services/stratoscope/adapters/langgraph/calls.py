"""Which running task called a functional `@task`, told by the ids of the two.

LangGraph streams a call with its id and without its caller. The id is a hash of the checkpoint, the
step, the names and the caller's path, so the caller is the running task that gives this id.
The hash is LangGraph's own (`langgraph.pregel._algo`); where a release computes it otherwise, no
task matches, and the caller is told by what runs alone.
"""

import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

try:
    from langgraph.pregel._algo import _xxhash_str as _hash
    from langgraph.pregel._algo import task_path_str as _path_text
except ImportError:  # another release
    _hash = _path_text = None  # type: ignore[assignment]

PULL: Final = "__pregel_pull"
PUSH: Final = "__pregel_push"
# Calls of a task that are not streamed leave gaps in their numbers.
_GAP: Final = 16
_SENT: Final = ""


@dataclass(frozen=True)
class Step:
    """What the ids of a step's tasks are made of: its checkpoint, its number, its namespace."""

    checkpoint_id: str
    number: int
    namespace: str


@dataclass(frozen=True)
class _Place:
    """Where a running task stands: the namespace of what it calls, and its path."""

    namespace: str
    path: tuple[Any, ...]


class Calls:
    """The tasks of a graph that run, and how many calls of each were seen."""

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}
        self._seen: dict[str, int] = {}

    def start(self, step: Step | None, task_id: str, name: str, triggers: list[str]) -> str | None:
        """Take in a task that starts; the id of the running task that called it, if one did."""
        if step is None or _hash is None:
            return None
        inner = f"{_joined(step.namespace, name)}:{task_id}"
        if PUSH not in triggers:
            self._places[task_id] = _Place(inner, (PULL, name))
            return None
        for caller, place in self._places.items():
            number = self._number(caller, task_id, _id_of_call, step, name, place)
            if number is not None:
                inner = f"{_joined(place.namespace, name)}:{task_id}"
                self._places[task_id] = _Place(inner, (PUSH, place.path, number, True))
                return caller
        number = self._number(_SENT, task_id, _id_of_send, step, name, None)
        if number is not None:
            self._places[task_id] = _Place(inner, (PUSH, number, False))
        return None

    def finish(self, task_id: str) -> None:
        """Forget a task that has ended."""
        self._places.pop(task_id, None)
        self._seen.pop(task_id, None)

    def _number(self, by: str, task_id: str, id_of: Callable[..., str], *parts: Any) -> int | None:
        seen = self._seen.get(by, 0)
        for number in range(seen + _GAP):
            if id_of(number, *parts) == task_id:
                self._seen[by] = max(seen, number + 1)
                return number
        return None


def _id_of_call(number: int, step: Step, name: str, caller: _Place) -> str:
    path = _path_text(caller.path)
    return _id(step, _joined(caller.namespace, name), name, PUSH, path, str(number))


def _id_of_send(number: int, step: Step, name: str, _: None) -> str:
    return _id(step, _joined(step.namespace, name), name, PUSH, str(number))


def _id(step: Step, place: str, *parts: str) -> str:
    checkpoint = binascii.unhexlify(step.checkpoint_id.replace("-", ""))
    return _hash(checkpoint, place, str(step.number), *parts)


def _joined(namespace: str, name: str) -> str:
    return f"{namespace}|{name}" if namespace else name
