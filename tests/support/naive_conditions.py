"""Conditions judged as the contract's text has it, on plain JSON: to hold the evaluator against.

A record is a dict: `event` (its type, depth and index) or None for a snapshot, `clock` as a number
of seconds, and `state` after it. A timeline is a list of them.
"""

import json
from typing import Any

Json = dict[str, Any]
GONE = object()
_OF_EVENTS = {
    *("on_event_type", "at_event_index", "on_causality_depth"),
    *("event expression", "both expression"),
}


def naive_hits(condition: Json, timeline: list[Json], trigger: str = "edge") -> list[int]:
    """The numbers of the records of a timeline at which a condition is hit."""
    truths = [naive_truth(condition, timeline, number) for number in range(len(timeline))]
    kinds = set(_kinds(condition))
    if kinds & _OF_EVENTS:
        return [n for n, true in enumerate(truths) if true and timeline[n]["event"]]
    if "on_change" in kinds or trigger == "level":
        return [n for n, true in enumerate(truths) if true]
    return [n for n, true in enumerate(truths) if true and not (n and truths[n - 1])]


def naive_truth(condition: Json, timeline: list[Json], number: int) -> bool:
    """Whether a condition is true of a record."""
    match condition["kind"]:
        case "all_of":
            return all(naive_truth(one, timeline, number) for one in condition["conditions"])
        case "any_of":
            return any(naive_truth(one, timeline, number) for one in condition["conditions"])
        case "not":
            return not naive_truth(condition["condition"], timeline, number)
        case _:
            return _leaf(condition, timeline, number)


def _leaf(condition: Json, timeline: list[Json], number: int) -> bool:
    record = timeline[number]
    event = record["event"] or {}
    match condition["kind"]:
        case "at_time":
            return bool(record["clock"] >= condition["time"])
        case "at_event_index":
            return event.get("index") == condition["index"]
        case "on_event_type":
            return event.get("type") == condition["type"]
        case "on_causality_depth":
            return event.get("depth") == condition["depth"]
        case "on_change":
            before = timeline[number - 1]["state"] if number else {}
            return _value(before, condition["path"]) != _value(record["state"], condition["path"])
        case "expression":
            # Over the event (its type is told), over the state (its health is low), or both.
            of_a = condition["over"] == "state" or event.get("type") == "a"
            health = record["state"].get("health", GONE)
            low = _is_number(health) and health < 2
            return of_a and (low or condition["over"] == "event")
        case _:
            return _compares(condition, _value(record["state"], condition["path"]))


def _kinds(condition: Json) -> list[str]:
    inner = condition.get("conditions", [condition.get("condition")])
    if inner != [None]:
        return [kind for one in inner for kind in _kinds(one)]
    over = condition.get("over")
    return [f"{over} expression" if over else condition["kind"]]


def _value(state: Any, path: str) -> Any:
    for key in path.split(".") if path else ():
        state = state[key] if isinstance(state, dict) and key in state else GONE
    return state if state is GONE else _as_json(state)


def _as_json(value: Any) -> str:
    """JSON in which 1 is 1.0 and true is not 1."""
    return json.dumps(_floats(value), sort_keys=True)


def _floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _floats(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_floats(one) for one in value]
    return float(value) if _is_number(value) else value


def _compares(condition: Json, spelled: Any) -> bool:
    op, wanted = condition["op"], condition.get("value")
    if op == "exists":
        return (spelled is not GONE) == (wanted is not False)
    if spelled is GONE:
        return False
    found = json.loads(spelled)
    match op:
        case "eq":
            return bool(spelled == _as_json(wanted))
        case "ne":
            return bool(spelled != _as_json(wanted))
        case "in":
            return spelled in [_as_json(one) for one in wanted]
        case "contains":
            if isinstance(found, list):
                return _as_json(wanted) in [_as_json(one) for one in found]
            return isinstance(found, str | dict) and isinstance(wanted, str) and wanted in found
        case _:
            return _is_ordered(op, found, wanted)


def _is_ordered(op: str, found: Any, wanted: Any) -> bool:
    texts = isinstance(found, str) and isinstance(wanted, str)
    if not texts and not (_is_number(found) and _is_number(wanted)):
        return False
    return bool(
        {
            "lt": found < wanted,
            "le": found <= wanted,
            "gt": found > wanted,
            "ge": found >= wanted,
        }[op]
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
