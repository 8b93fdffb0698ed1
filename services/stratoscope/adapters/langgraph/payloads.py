"""Reads LangGraph's payloads of checkpoints, tasks and results into what an event says."""

import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from stratoscope.adapters.langgraph.mapping import to_json
from stratoscope.adapters.langgraph.records import EventToRecord

# The note that LangGraph adds to what a task raises.
_NOTE: Final = re.compile(r"^During task with name '.*' and id '([^']+)'$", re.DOTALL)
_INTERRUPT_KEY: Final = "__interrupt__"
# A runaway recursion's traceback says all it has to say in its last part.
MAX_TRACEBACK: Final = 64 * 1024


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


@dataclass(frozen=True)
class KnownState:
    """The state that stands recorded: LangGraph's objects, and their JSON."""

    values: Any
    mapped: dict[str, Any]

    def holds(self, key: str, value: Any) -> bool:
        """Whether a channel has this value; the same object is not mapped once more."""
        if isinstance(self.values, dict) and key in self.values and self.values[key] is value:
            return True
        return key in self.mapped and self.mapped[key] == to_json(value)


def start_data(payload: dict[str, Any], known: KnownState | None) -> dict[str, Any]:
    """A task's start; of its input, what is as in the state is named, not repeated."""
    given = payload.get("input")
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
        data["input"] = to_json(given)
    if more := payload.get("metadata"):
        data["metadata"] = to_json(more)
    return data


def result_data(payload: dict[str, Any]) -> dict[str, Any]:
    """A task's result: the channels it wrote, or its error."""
    data = {"task_id": str(payload["id"]), "name": str(payload["name"])}
    if (error := payload.get("error")) is not None:
        return data | {"error": full_error(error)}
    return data | {"result": to_json(payload.get("result"))}


def result_type(payload: dict[str, Any]) -> str:
    """An error where the task or a tool failed, a decision where a model calls tools."""
    if payload.get("error") is not None:
        return "error_occurred"
    messages = list(_messages(payload.get("result")))
    if any(isinstance(said, ToolMessage) and said.status == "error" for said in messages):
        return "error_occurred"
    if any(isinstance(said, AIMessage) and said.tool_calls for said in messages):
        return "decision_made"
    return "state_change"


def _messages(result: Any) -> Iterator[BaseMessage]:
    for written in result.values() if isinstance(result, dict) else ():
        for item in written if isinstance(written, (list, tuple)) else (written,):
            if isinstance(item, BaseMessage):
                yield item


def brief_error(error: object) -> dict[str, Any]:
    """The type and the message of what was raised."""
    if not isinstance(error, BaseException):
        return {"type": "str", "message": str(to_json(error))}
    cls = type(error)
    return {"type": f"{cls.__module__}.{cls.__qualname__}", "message": to_json(_text_of(error))}


def full_error(error: object) -> dict[str, Any]:
    """What was raised, with its traceback and its fields."""
    if not isinstance(error, BaseException):
        return brief_error(error)
    lines = "".join(traceback.format_exception(error))
    return brief_error(error) | {
        "traceback": to_json(lines[-MAX_TRACEBACK:]),
        "exception": to_json(error),
    }


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


def with_causes(event: EventToRecord, causes: tuple[str, ...]) -> EventToRecord:
    """The same event, caused by these."""
    return replace(event, causes=causes)
