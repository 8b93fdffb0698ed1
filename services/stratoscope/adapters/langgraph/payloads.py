"""Reads LangGraph's payloads of checkpoints, tasks and results into what an event says."""

import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Final

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langgraph.types import PregelTask, StateSnapshot

from stratoscope.adapters.langgraph.mapping import to_json
from stratoscope.adapters.langgraph.messages import KnownMessages
from stratoscope.adapters.langgraph.records import within_limit

# The note that LangGraph adds to what a task raises.
_NOTE: Final = re.compile(r"^During task with name '.*' and id '([^']+)'$", re.DOTALL)
_INTERRUPT_KEY: Final = "__interrupt__"
_COMMAND: Final = "langgraph.types.Command"
# What a provider or a document put into an error is cut, so that the error itself is recorded.
MAX_MESSAGE: Final = 16 * 1024
MAX_TRACEBACK: Final = 64 * 1024
MAX_FIELDS: Final = 256 * 1024


@dataclass(frozen=True)
class Stand:
    """Where a checkpoint stands in its thread."""

    checkpoint_id: str | None
    parent_id: str | None
    source: str | None
    step: int | None
    next: tuple[str, ...]


def stand_of(payload: dict[str, Any]) -> Stand:
    """The ids, the source and the step of a streamed checkpoint."""
    metadata = payload.get("metadata") or {}
    return Stand(
        checkpoint_id=_checkpoint_id(payload.get("config")),
        parent_id=_checkpoint_id(payload.get("parent_config")),
        source=metadata.get("source"),
        step=metadata.get("step"),
        next=tuple(payload.get("next") or ()),
    )


def _checkpoint_id(config: dict[str, Any] | None) -> str | None:
    return ((config or {}).get("configurable") or {}).get("checkpoint_id")


def ids_of(stand: Stand) -> dict[str, Any]:
    """What an event's metadata says of the checkpoint it follows."""
    return {
        "checkpoint_id": stand.checkpoint_id,
        "parent_checkpoint_id": stand.parent_id,
        "step": stand.step,
    }


def finished_tasks(payload: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The tasks of a resumed checkpoint that have finished and will not run again."""
    tasks = payload.get("tasks") or ()
    return {str(task["id"]): task for task in tasks if "result" in task and not task.get("error")}


def pending_interrupts(payload: dict[str, Any]) -> frozenset[str]:
    """The ids of the interrupts that a checkpoint's tasks wait at."""
    waiting = [task for task in payload.get("tasks") or () if "result" not in task]
    return frozenset(str(asked["id"]) for task in waiting for asked in task.get("interrupts") or ())


def checkpoint_of(saved: StateSnapshot) -> dict[str, Any]:
    """What LangGraph would have streamed for a checkpoint that its saver holds."""
    return {**saved._asdict(), "tasks": [task_of(task) for task in saved.tasks]}


def task_of(task: PregelTask) -> dict[str, Any]:
    """What LangGraph would have streamed for a task that its saver holds."""
    told: dict[str, Any] = {"id": task.id, "name": task.name}
    told["interrupts"] = [
        {each.name: getattr(asked, each.name) for each in fields(asked)}
        for asked in task.interrupts
    ]
    if task.result is not None and task.error is None:
        told["result"] = task.result
    return told


@dataclass(frozen=True)
class KnownState:
    """The state that stands recorded: LangGraph's objects, and their JSON."""

    values: Any
    mapped: dict[str, Any]
    messages: KnownMessages

    def holds(self, key: str, value: Any) -> bool:
        """Whether a channel has this value; the same object is not mapped once more."""
        if isinstance(self.values, dict) and key in self.values and self.values[key] is value:
            return True
        return key in self.mapped and self.mapped[key] == to_json(value, self.messages)


def without(mapped: Any, names: frozenset[str]) -> Any:
    """The JSON of a state, an input or a result, without these channels."""
    if not names or not isinstance(mapped, dict):
        return mapped
    kept = {key: value for key, value in mapped.items() if key not in names}
    if "$items" in kept:
        pairs = [pair for pair in kept["$items"] if not _is_pair_of(pair, names)]
        kept["$items"] = pairs
    if kept.get("$type") == _COMMAND:
        kept["update"] = without(kept.get("update"), names)
    return kept


def _is_pair_of(pair: Any, names: frozenset[str]) -> bool:
    return isinstance(pair, list) and bool(pair) and isinstance(pair[0], str) and pair[0] in names


def start_data(
    payload: dict[str, Any], known: KnownState | None, untracked: frozenset[str]
) -> dict[str, Any]:
    """A task's start; of its input, what is as in the state is named, not repeated."""
    given = payload.get("input")
    if type(given) is dict:
        given = {key: value for key, value in given.items() if key not in untracked}
    data = {
        "task_id": str(payload["id"]),
        "name": str(payload["name"]),
        "triggers": to_json(payload.get("triggers") or ()),
    }
    if type(given) is dict and known is not None and all(isinstance(key, str) for key in given):
        same = [key for key, value in given.items() if known.holds(key, value)]
        data["input"] = to_json({key: given[key] for key in given if key not in same})
        data["input_from_state"] = to_json(same)
    else:
        data["input"] = without(to_json(given), untracked)
    if more := payload.get("metadata"):
        data["metadata"] = to_json(more)
    return data


def result_data(
    payload: dict[str, Any], untracked: frozenset[str], messages: KnownMessages
) -> dict[str, Any]:
    """A task's result: the channels it wrote, or its error."""
    data = {"task_id": str(payload["id"]), "name": str(payload["name"])}
    if (error := payload.get("error")) is not None:
        return data | {"error": full_error(error)}
    return data | {"result": without(to_json(payload.get("result"), messages), untracked)}


def result_type(payload: dict[str, Any], *given: Any) -> str:
    """An error where the task or a tool failed, a decision where a model calls tools.

    A subgraph's result is its whole state. Messages that were in what the task was given, say of
    earlier turns, tell nothing of this task.
    """
    if payload.get("error") is not None:
        return "error_occurred"
    types = {_type_of(said) for said in _messages(payload.get("result"))}
    for kind in ("error_occurred", "decision_made"):
        if kind in types and _has_new_message(payload.get("result"), kind, given):
            return kind
    return "state_change"


def _type_of(said: BaseMessage) -> str | None:
    if isinstance(said, ToolMessage) and said.status == "error":
        return "error_occurred"
    return "decision_made" if isinstance(said, AIMessage) and said.tool_calls else None


def _has_new_message(result: Any, kind: str, given: tuple[Any, ...]) -> bool:
    known = [said for each in given for said in _messages(each) if _type_of(said) == kind]
    return any(said not in known for said in _messages(result) if _type_of(said) == kind)


def _messages(values: Any) -> Iterator[BaseMessage]:
    """The messages in the channels of a state, an input or a result."""
    channels = values if isinstance(values, dict) else getattr(values, "__dict__", {})
    for written in channels.values():
        for item in written if isinstance(written, (list, tuple)) else (written,):
            if isinstance(item, BaseMessage):
                yield item


def brief_error(error: object) -> dict[str, Any]:
    """The type and the message of what was raised; a long message is cut."""
    if not isinstance(error, BaseException):
        return {"type": "str", "message": cut(str(to_json(error)), MAX_MESSAGE)}
    cls = type(error)
    message = to_json(cut(_text_of(error), MAX_MESSAGE))
    return {"type": f"{cls.__module__}.{cls.__qualname__}", "message": message}


def full_error(error: object) -> dict[str, Any]:
    """What was raised, with its traceback and its fields; what is long in them is cut."""
    if not isinstance(error, BaseException):
        return brief_error(error)
    return brief_error(error) | {
        "traceback": to_json(_traceback_of(error)),
        "exception": within_limit(to_json(error), MAX_FIELDS),
    }


def cut(text: str, limit: int) -> str:
    """The text, of whose middle so much is left out that it has about `limit` characters."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}[... {len(text) - 2 * half} characters cut ...]{text[-half:]}"


def _traceback_of(error: BaseException) -> str:
    # Each line for itself first: the message of an error is a line too, and may be the longest.
    lines = [cut(line, MAX_MESSAGE) for line in traceback.format_exception(error)]
    return cut("".join(lines), MAX_TRACEBACK)


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an exception of the user's that can't be told
        return f"<{type(error).__name__} without text>"


def tasks_named_by(failure: BaseException) -> list[str]:
    """The ids of the tasks that LangGraph's notes blame."""
    notes = getattr(failure, "__notes__", ())
    return [found[1] for note in notes if (found := _NOTE.match(str(note)))]


def uninterrupted(state: dict[str, Any]) -> dict[str, Any]:
    """Streamed values without the interrupts that LangGraph adds to them."""
    return {key: value for key, value in state.items() if key != _INTERRUPT_KEY}
