"""What a log says, folded as plainly as can be: the contract in loops over dictionaries.

It shares nothing with the projector. A message is tried on a deep copy of the whole world, which
is kept if all of it could be taken.
"""

import json
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from support.drawn_logs import STREAM, Drawn, Json

_PLACES = UUID("5c2f5d2a-5f0e-5b8e-9d52-7d9a1f0c6d11")


class Refused(Exception):
    """Why a message is not taken."""


def fold(log: list[Drawn], state_bytes: int) -> Json:
    """The timelines by space and agent, and the rejections by place."""
    world: Json = {"timelines": {}, "rejections": []}
    for message in log:
        if message.body is None:
            world["rejections"].append((message.seq, None, "not_json"))
            timeline = world["timelines"].setdefault((message.space, message.agent), new_timeline())
            # What nobody can read may have been meant to change the state.
            timeline["taints"].append((message.seq, 0, len(timeline["events"]) - 1))
            continue
        key = message.space, message.agent
        world["timelines"].setdefault(key, new_timeline())
        tried = deepcopy(world)
        ordinal = 0
        try:
            for ordinal, record in enumerate(message.records):
                take(tried, tried["timelines"][key], message, ordinal, record, state_bytes)
            world = tried
        except Refused as refusal:
            timeline = world["timelines"][key]
            world["rejections"].append((message.seq, ordinal, str(refusal)))
            timeline["taints"].append((message.seq, ordinal, len(timeline["events"]) - 1))
    return world


def new_timeline() -> Json:
    """A timeline with nothing in it."""
    return {
        "events": [],
        "versions": [],
        "taints": [],
        "edges": set(),
        "duplicates": 0,
        "clock": None,
        "recorded_at": None,
    }


def take(
    world: Json, timeline: Json, message: Drawn, ordinal: int, record: Json, state_bytes: int
) -> None:
    """Take one record into its timeline."""
    id_ = record.get("id") or str(uuid5(_PLACES, f"{STREAM}:{message.seq}:{ordinal}"))
    taken = [one["id"] for one in timeline["events"] + timeline["versions"]]
    if id_ in taken:
        timeline["duplicates"] += 1
        return
    common = {
        "id": id_,
        "place": (message.seq, ordinal),
        "metadata": record.get("metadata") or None,
        **times(timeline, record.get("occurred_at"), message.recorded_at),
    }
    if record["kind"] == "snapshot":
        described = {name: record.get(name) for name in ("memory_usage", "label")}
        write(timeline, common | described, record["state"])
        return
    depth = 1 + max([depth_of(world, message.space, one) for one in record.get("causes", [])] + [0])
    own = {
        "space": message.space,
        "index": len(timeline["events"]),
        "type": record["type"],
        "data": record.get("data", {}),
        "causes": record.get("causes") or None,
        "patch": record.get("patch") or None,
        "depth": depth,
    }
    timeline["events"].append(common | own)
    timeline["edges"] |= {(cause, own["index"]) for cause in record.get("causes", [])}
    if record.get("patch"):
        newest = timeline["versions"][-1]["raw"] if timeline["versions"] else b"{}"
        state = patched(json.loads(newest), record["patch"])
        if len(spelled(state)) > state_bytes:
            raise Refused("state_over_limit")
        nothing = {"id": None, "metadata": None, "memory_usage": None, "label": None}
        write(timeline, common | nothing | {"occurred": timeline["clock"]}, state)


def times(timeline: Json, occurred_at: str | None, recorded: datetime) -> Json:
    """Move the timeline's clocks; the record's times."""
    occurred = datetime.fromisoformat(occurred_at) if occurred_at else recorded
    timeline["recorded_at"] = max(filter(None, [timeline["recorded_at"], recorded]))
    counted = occurred
    if occurred > timeline["recorded_at"] + timedelta(days=1):
        counted = timeline["recorded_at"]
    timeline["clock"] = max(filter(None, [timeline["clock"], counted]))
    return {
        "clock": timeline["clock"],
        "recorded_at": timeline["recorded_at"],
        "occurred": occurred,
    }


def depth_of(world: Json, space: str, cause: str) -> int:
    """The depth of the first event with an id in a space, 0 where there is none yet."""
    found = [
        event
        for timeline in world["timelines"].values()
        for event in timeline["events"]
        if (event["space"], event["id"]) == (space, cause)
    ]
    return min(found, key=lambda event: event["place"])["depth"] if found else 0


def write(timeline: Json, record: Json, state: Json) -> None:
    """Add a state version."""
    versions = timeline["versions"]
    before = json.loads(versions[-1]["raw"]) if versions else {}
    snapshots = [n for n, one in enumerate(versions) if one["id"]]
    if record["id"]:
        snapshots.append(len(versions))
    derived = {
        "event_index": len(timeline["events"]) - 1,
        "raw": spelled(state),
        "changed": differing(before, state, ()),
        "since_snapshot": len(versions) - snapshots[-1] if snapshots else None,
    }
    versions.append(record | derived)


def differing(old: Any, new: Any, path: tuple[str | int, ...]) -> set[tuple[str | int, ...]]:
    """The paths at which two states differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys: set[str | int] = {*old, *new}
    elif isinstance(old, list) and isinstance(new, list):
        keys = set(range(max(len(old), len(new))))
    else:
        return set() if old == new else {path}
    found = set()
    for key in keys:
        if has(old, key) and has(new, key):
            found |= differing(old[key], new[key], (*path, key))
        else:
            found.add((*path, key))
    return found


def has(container: Any, key: str | int) -> bool:
    """Whether there is something at a key or an index."""
    return key < len(container) if isinstance(container, list) else key in container


def spelled(state: Any) -> bytes:
    """Canonical JSON."""
    return json.dumps(state, sort_keys=True, separators=(",", ":")).encode()


def patched(state: Any, operations: list[Json]) -> Any:
    """The state after RFC 6902 operations, as far as the drawn ones go."""
    # One by one: drawn values may be one object, which a log can't hold.
    for operation in map(deepcopy, operations):
        kind, path = operation["op"], operation["path"]
        if path == "":
            state = operation["value"]
            continue
        if not isinstance(state, dict):
            raise Refused("patch_conflict")
        if kind in ("move", "copy"):
            source = operation["from"][1:]
            need(source in state)
            operation["value"] = deepcopy(state[source])
            if kind == "move":
                del state[source]
        if path == "/list/-":
            parent = state.get("list")
            need(isinstance(parent, list | dict))
            if isinstance(parent, list):
                parent.append(operation["value"])
            else:
                parent["-"] = operation["value"]
            continue
        key = path[1:]
        need(key in state or kind in ("add", "move", "copy"))
        if kind == "test":
            need(state[key] == operation["value"])
        elif kind == "remove":
            del state[key]
        else:
            state[key] = operation["value"]
    need(isinstance(state, dict))
    return state


def need(holds: bool) -> None:
    """A patch does not apply unless this holds."""
    if not holds:
        raise Refused("patch_conflict")
