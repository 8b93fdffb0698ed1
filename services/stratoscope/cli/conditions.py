"""How a condition is written on a command line and in the debugger.

health == 0           the value at a path; also != < <= > >=, `in`, `contains`, `matches`, `exists`
change inventory      a record that changes a path or anything under it
type error_occurred   an event of a type
index 10, depth 5     the event with an index; an event at a depth of causes
time 2026-11-23T08:00Z  the first record whose clock reaches a time
when state.health < 10 && event.type == 'decision_made'
                      an expression (CEL)
{"kind":"all_of",…}   whatever the contract has, as JSON
"""

import json
import re
from collections.abc import Sequence
from math import isfinite
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from stratoscope.cli.faults import UsageFault
from stratoscope.cli.moments import time_of
from stratoscope_contracts.breakpoints import Condition, StateOp
from stratoscope_contracts.errors import field_errors

FORMS: Final = (
    "health == 0, change inventory, type error_occurred, index 10, depth 5,"
    " time 2026-11-23T08:00Z, when <expression>, or JSON"
)
OPS: Final[dict[str, StateOp]] = {
    "==": "eq",
    "!=": "ne",
    "<=": "le",
    ">=": "ge",
    "<": "lt",
    ">": "gt",
    "in": "in",
    "contains": "contains",
    "matches": "matches",
    "exists": "exists",
}
_SHOWN: Final = 200
WORDS: Final = ("change", "type", "index", "depth", "time", "when")
_COMPARED: Final = re.compile(
    r"(?P<path>(?:\"[^\"]*\"|\S)+?)\s*(?:(?P<sign>==|!=|<=|>=|<|>)|\s(?P<word>in|contains|matches)\s)\s*(?P<value>.+)",
    re.DOTALL,
)
_EXISTS: Final = re.compile(r"(?P<path>(?:\"[^\"]*\"|\S)+)\s+exists")
_CONDITION: Final = TypeAdapter[Condition](Condition)


def condition(words: Sequence[str]) -> Condition:
    """Read a condition; UsageFault, naming the forms there are, where it is none."""
    text = " ".join(words).strip()
    word, _, rest = text.partition(" ")
    if text.startswith("{"):
        return _checked(text, _json(text))
    if word in WORDS and rest.strip() and not _COMPARED.fullmatch(text):
        return _checked(text, _named(word, rest.strip(), text))
    if word == "when":
        # An expression compares, too.
        return _checked(text, {"kind": "expression", "source": rest.strip()})
    return _checked(text, _on_state(text))


def spelled(found: Condition) -> str:
    """A condition as it is written; one that has no short form as JSON."""
    match found.model_dump(mode="json", exclude_unset=True):
        case {"kind": "on_change", "path": path}:
            return f"change {path}"
        case {"kind": "on_event_type", "type": type_}:
            return f"type {type_}"
        case {"kind": "at_event_index", "index": index}:
            return f"index {index}"
        case {"kind": "on_causality_depth", "depth": depth}:
            return f"depth {depth}"
        case {"kind": "at_time", "time": time}:
            return f"time {time}"
        case {"kind": "expression", "source": source}:
            return f"when {source}"
        case {"kind": "on_state", "path": path, "op": "exists", **more} if not more:
            return f"{path} exists"
        case {"kind": "on_state", "path": path, "op": op, "value": value} if op != "exists":
            sign = next(sign for sign, name in OPS.items() if name == op)
            return f"{path} {sign} {json.dumps(value, ensure_ascii=False)}"
        case other:
            return json.dumps(other, ensure_ascii=False)


def _named(word: str, rest: str, text: str) -> dict[str, Any]:
    match word:
        case "change":
            return {"kind": "on_change", "path": rest}
        case "type":
            return {"kind": "on_event_type", "type": rest}
        case "time":
            return {"kind": "at_time", "time": time_of(rest)}
        case "when":
            return {"kind": "expression", "source": rest}
        case _:
            if not rest.isascii() or not rest.isdecimal() or len(rest) > 18:
                raise _no_condition(text, f"{rest!r} is no number")
            kind = "at_event_index" if word == "index" else "on_causality_depth"
            return {"kind": kind, word: int(rest)}


def _on_state(text: str) -> dict[str, Any]:
    if exists := _EXISTS.fullmatch(text):
        return {"kind": "on_state", "path": exists["path"], "op": "exists"}
    found = _COMPARED.fullmatch(text)
    if found is None:
        raise _no_condition(text)
    op = OPS[found["sign"] or found["word"]]
    return {"kind": "on_state", "path": found["path"], "op": op, "value": _value(found["value"])}


def _value(text: str) -> Any:
    """JSON; a text that is none stands for itself."""
    try:
        return _read(text)
    except ValueError:
        return text.strip()


def _json(text: str) -> Any:
    try:
        return _read(text)
    except ValueError as error:
        raise _no_condition(text, f"it is no JSON: {error}") from error


def _read(text: str) -> Any:
    """What a JSON text says; ValueError where it is none, UsageFault where it can't be sent."""
    endless: list[str] = []

    def number(digits: str) -> float:
        # Told behind the text's end: `NaNny` is a text that begins as one.
        found = float(digits)
        if not isfinite(found):
            endless.append(digits)
        return found

    try:
        value = json.loads(text, parse_float=number, parse_constant=number)
    except RecursionError as error:
        raise _no_condition(text, "it is nested too deeply") from error
    if endless:
        raise _no_condition(text, f"{endless[0]} is no finite number; a text has quotes")
    return value


def _checked(text: str, value: Any) -> Condition:
    try:
        return _CONDITION.validate_python(value)
    except ValidationError as error:
        found = "; ".join(f"{field}: {said}" for field, said in field_errors(error))
        raise _no_condition(text, found) from error


def _no_condition(text: str, why: str = "") -> UsageFault:
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    said = f"{shown!r} is no condition" + (f": {why}" if why else "")
    return UsageFault(said, f"a condition is {FORMS}")
