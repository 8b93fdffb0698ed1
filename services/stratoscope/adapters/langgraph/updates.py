"""A state update from outside: LangGraph keeps it as a checkpoint and never streams it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.types import StateSnapshot

from stratoscope.adapters.langgraph import payloads
from stratoscope.adapters.langgraph.mapping import to_json, to_state
from stratoscope.adapters.langgraph.memory import Memory, id_of_end
from stratoscope.adapters.langgraph.payloads import without
from stratoscope.adapters.langgraph.records import EventToRecord, ToRecord, within_limit
from stratoscope.adapters.langgraph.snapshots import digest_of, snapshot_of
from stratoscope.adapters.langgraph.steps import Drawing

Update = tuple[Sequence[Any], StateSnapshot]


@dataclass(frozen=True)
class Updating:
    """What is known of an agent's updates besides themselves."""

    agent: str
    memory: Memory
    drawing: Drawing
    asked: frozenset[str]
    """The interrupts that the first update found waiting."""
    forked: int | None = None
    """The step that was updated, where it is not the thread's last."""


def update_records(
    updating: Updating, updates: Sequence[Update], new_id: Callable[[], str]
) -> list[ToRecord]:
    """A `memory_update` for each superstep, and a snapshot where it is the outermost graph's."""
    records: list[ToRecord] = []
    for superstep, saved in updates:
        records += _superstep(updating, superstep, saved, new_id)
    return records


def _superstep(
    updating: Updating, superstep: Sequence[Any], saved: StateSnapshot, new_id: Callable[[], str]
) -> list[ToRecord]:
    agent, memory = updating.agent, updating.memory
    stand = payloads.stand_of(saved._asdict())
    place = saved.config.get("configurable", {})
    ns = str(place.get("checkpoint_ns") or "")
    known = {
        "ns": ns.split("|") if ns else [],
        "thread_id": to_json(str(place.get("thread_id", ""))),
    }
    data: dict[str, Any] = {
        "updates": [_told(update, updating.drawing, ns) for update in superstep]
    }
    if updating.forked is not None:
        data["reason"] = f"fork of step {updating.forked}"
    event = EventToRecord(
        id=new_id(),
        type="memory_update",
        data=data,
        causes=_causes(updating, stand.parent_id),
        metadata=within_limit(known | payloads.ids_of(stand)),
    )
    if stand.checkpoint_id is not None:
        memory.arrived(agent, stand.checkpoint_id, (event.id,))
    if ns:
        event.data["values"] = to_state(saved.values, memory.messages)
        return [event]
    snapshot = snapshot_of(to_state(saved.values, memory.messages), stand, saved.metadata, known)
    memory.recorded(agent, digest_of(snapshot))
    return [event, snapshot]


def _told(update: Any, drawing: Drawing, ns: str) -> Any:
    nodes = tuple(part.partition(":")[0] for part in ns.split("|")) if ns else ()
    told = to_json(update)
    return {**told, "values": without(told.get("values"), drawing.untracked_in(nodes))}


def _causes(updating: Updating, parent_id: str | None) -> tuple[str, ...]:
    if parent_id is None:
        return ()
    known = updating.memory.led_to(updating.agent, parent_id)
    return (id_of_end(updating.agent, parent_id, updating.asked),) if known is None else known
