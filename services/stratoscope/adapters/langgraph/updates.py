"""A state update from outside: LangGraph keeps it as a checkpoint and never streams it."""

from collections.abc import Callable, Sequence
from typing import Any

from langgraph.types import StateSnapshot

from stratoscope.adapters.langgraph import payloads
from stratoscope.adapters.langgraph.mapping import to_json, to_state
from stratoscope.adapters.langgraph.memory import Memory, id_of_end
from stratoscope.adapters.langgraph.records import EventToRecord, ToRecord, within_limit
from stratoscope.adapters.langgraph.snapshots import digest_of, snapshot_of

Update = tuple[Sequence[Any], StateSnapshot]


def update_records(
    agent: str, updates: Sequence[Update], memory: Memory, new_id: Callable[[], str]
) -> list[ToRecord]:
    """A `memory_update` for each superstep, and a snapshot where it is the outermost graph's."""
    records: list[ToRecord] = []
    for superstep, saved in updates:
        records += _superstep(agent, superstep, saved, memory, new_id)
    return records


def _superstep(
    agent: str,
    superstep: Sequence[Any],
    saved: StateSnapshot,
    memory: Memory,
    new_id: Callable[[], str],
) -> list[ToRecord]:
    stand = payloads.stand_of(saved._asdict())
    place = saved.config.get("configurable", {})
    ns = str(place.get("checkpoint_ns") or "")
    known = {
        "ns": ns.split("|") if ns else [],
        "thread_id": to_json(str(place.get("thread_id", ""))),
    }
    event = EventToRecord(
        id=new_id(),
        type="memory_update",
        data={"updates": to_json(list(superstep))},
        causes=_causes(agent, stand.parent_id, memory),
        metadata=within_limit(known | payloads.ids_of(stand)),
    )
    if stand.checkpoint_id is not None:
        memory.arrived(agent, stand.checkpoint_id, (event.id,))
    if ns:
        event.data["values"] = to_state(saved.values)
        return [event]
    snapshot = snapshot_of(to_state(saved.values), stand, saved.metadata, known)
    memory.is_new_snapshot(agent, digest_of(snapshot))
    return [event, snapshot]


def _causes(agent: str, parent_id: str | None, memory: Memory) -> tuple[str, ...]:
    if parent_id is None:
        return ()
    known = memory.led_to(agent, parent_id)
    return (id_of_end(agent, parent_id),) if known is None else known
