"""What is to be recorded, as values: a run is folded into these, and the shell writes them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson

from stratoscope_contracts.words import MAX_CAUSES, MAX_METADATA_BYTES

# The langgraph.* types are the adapter's own, beside those of the contract.
INTERRUPT: Final = "langgraph.interrupt"
SUBGRAPH_CHECKPOINT: Final = "langgraph.checkpoint"
REFUSED: Final = "langgraph.refused"


@dataclass(frozen=True)
class EventToRecord:
    """An event, with the id that its effects will name."""

    id: str
    type: str
    data: dict[str, Any]
    causes: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    occurred_at: datetime | None = None


@dataclass(frozen=True)
class SnapshotToRecord:
    """A checkpoint of the outermost graph."""

    state: dict[str, Any]
    label: str
    metadata: dict[str, Any] = field(default_factory=dict)


ToRecord = EventToRecord | SnapshotToRecord


def within_limit(metadata: dict[str, Any], limit: int = MAX_METADATA_BYTES) -> dict[str, Any]:
    """The metadata with its largest entries replaced by their size until it is small enough."""
    kept = dict(metadata)
    sizes = {key: len(orjson.dumps(value)) for key, value in metadata.items()}
    for key in sorted(sizes, key=lambda name: -sizes[name]):
        if len(orjson.dumps(kept)) <= limit:
            break
        kept[key] = {"$truncated": sizes[key]}
    return kept


def as_causes(ids: list[str]) -> tuple[str, ...]:
    """Each id once, in order, and no more than an event may have."""
    return tuple(dict.fromkeys(ids))[:MAX_CAUSES]
