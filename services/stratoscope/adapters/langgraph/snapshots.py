"""A checkpoint of the outermost graph as a snapshot."""

import hashlib
from typing import Any

import orjson

from stratoscope.adapters.langgraph import payloads
from stratoscope.adapters.langgraph.mapping import to_json
from stratoscope.adapters.langgraph.records import SnapshotToRecord, within_limit


def snapshot_of(
    state: dict[str, Any], stand: payloads.Stand, more: Any, known: dict[str, Any]
) -> SnapshotToRecord:
    """The snapshot, with the checkpoint's ids, what is next, and LangGraph's own metadata."""
    metadata = {
        **known,
        **payloads.ids_of(stand),
        "source": stand.source,
        "next": to_json(stand.next),
        "metadata": to_json(more),
    }
    return SnapshotToRecord(state, f"step {stand.step}", within_limit(metadata))


def digest_of(snapshot: SnapshotToRecord) -> str:
    """What tells a snapshot from one of another checkpoint or with another state."""
    told = [snapshot.metadata.get("checkpoint_id"), snapshot.state]
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()
