"""How objects of LangGraph and LangChain become JSON, losing no field.

What JSON has stays itself: null, booleans, finite numbers within 64 bits, text, lists, and
objects with text keys. A tuple is a list, and a `Counter`, a `defaultdict` or another subclass of
`dict` is an object, as in the checkpoint savers. Everything else is an object with "$type", the
class it came from:

    messages, pydantic models, dataclasses,     {"$type": "module.Class", field: value, ...}
    named tuples, Command, Send, Interrupt
    enums                                       {"$type", "$name", "$value"}
    UUID, datetime, date, time, Decimal, paths  {"$type", "$value": text}
    bytes                                       {"$type", "$base64"}
    arrays, tensors, tables                     {"$type", "$shape", "$dtype", "$value"}, and of more
                                                than 1,000 values "$sha256" in place of "$value"
    sets, deques, objects with other keys       {"$type", "$items": [...]}
    exceptions                                  {"$type", "$message", "$args", attribute: value}
    nan, infinities, larger integers            {"$type", "$value": text}
    text with NUL or lone surrogates            {"$type": "str", "$json": JSON text}
    what is nested deeper than a record may be  {"$type": "json", "$json": JSON text}
    anything else                               {"$type", "$repr"}

A key that starts with "$" in the user's own data makes its object an "$items" list of pairs, so
a tag is never mistaken for data. The mapping never raises: recording must not fail the agent.
"""

import base64
import dataclasses
import datetime as dt
import decimal
import ipaddress
import json
import math
import pathlib
import re
import uuid
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Final

from langchain_core.messages import BaseMessage
from langgraph.types import Send
from pydantic import BaseModel

from stratoscope.adapters.langgraph.arrays import array_fields, is_array
from stratoscope.adapters.langgraph.messages import KnownMessages
from stratoscope_contracts.words import MAX_INTEGER, MIN_INTEGER

Json = Any

# A record may be 64 levels deep; the rest is for the record, its batch and the event's data.
MAX_LEVELS: Final = 48
# A message further inside may be cut where another place would not cut it.
_SHALLOW: Final = 4

_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")
_TEXTUAL: Final = (
    uuid.UUID,
    decimal.Decimal,
    pathlib.PurePath,
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
)


def to_json(value: object, known: KnownMessages | None = None) -> Json:
    """The JSON of any Python value; equal values give equal JSON.

    Messages that are `known` are not mapped again; their JSON is shared and not to be changed.
    """
    return _Mapping(known).of(value)


def to_state(values: object, known: KnownMessages | None = None) -> dict[str, Json]:
    """The state of a checkpoint's `values`: its channels, or {"$value": ...} where there is one."""
    mapped = to_json(values, known)
    return mapped if isinstance(values, Mapping) else {"$value": mapped}


class _Mapping:
    """One walk through a value, knowing how deep it is and what it stands inside."""

    def __init__(self, known: KnownMessages | None) -> None:
        self._inside: list[int] = []
        self._known = known

    def of(self, value: object) -> Json:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, (str, int, float)) and not isinstance(value, Enum):
            return _scalar(value)
        if id(value) in self._inside:
            return {"$type": _type_name(value), "$cycle": True}
        if len(self._inside) >= MAX_LEVELS:
            return _as_text(value)
        self._inside.append(id(value))
        try:
            return self._compound(value)
        except Exception:  # a property or a repr of the user's that fails
            return _by_repr(value)
        finally:
            self._inside.pop()

    def _compound(self, value: object) -> Json:
        if isinstance(value, Enum):
            return {
                "$type": _type_name(value),
                "$name": _scalar(value.name),
                "$value": self.of(value.value),
            }
        if isinstance(value, Mapping):
            return self._object(value)
        if (fields := _fields(value)) is not None:
            return self._tagged(value, fields)
        if isinstance(value, (list, tuple)):
            if self._known and len(self._inside) <= _SHALLOW and _are_messages(value):
                return self._known.json_of(value, self.of)
            return [self.of(item) for item in value]
        if isinstance(value, (set, frozenset)):
            # Ordered by their JSON, as a set has no order of its own to be compared by.
            return _items(value, sorted((self.of(item) for item in value), key=json.dumps))
        if isinstance(value, deque):
            return _items(value, [self.of(item) for item in value])
        if isinstance(value, BaseException):
            return self._exception(value)
        if is_array(value):
            return {"$type": _type_name(value), **self._plain(array_fields(value, self._text_of))}
        return _leaf(value)

    def _text_of(self, value: object) -> str:
        return json.dumps(self.of(value))

    def _plain(self, fields: Mapping[str, object]) -> Json:
        return {name: self.of(item) for name, item in fields.items()}

    def _object(self, value: Mapping[Any, Any]) -> Json:
        if not all(map(_is_plain_key, value)):
            return _items(value, self._pairs(value))
        mapped = {str(key): self.of(item) for key, item in value.items()}
        return mapped if isinstance(value, dict) else {"$type": _type_name(value), **mapped}

    def _tagged(self, value: object, fields: Mapping[str, object]) -> Json:
        if all(map(_is_plain_key, fields)):
            mapped = {name: self.of(item) for name, item in fields.items()}
            return {"$type": _type_name(value), **mapped}
        return _items(value, self._pairs(fields))

    def _pairs(self, value: Mapping[Any, Any]) -> list[Json]:
        return [[self.of(key), self.of(item)] for key, item in value.items()]

    def _exception(self, value: BaseException) -> Json:
        tagged = self._tagged(value, vars(value))
        return {"$message": _scalar(str(value)), "$args": self.of(value.args), **tagged}


def _are_messages(items: Sequence[object]) -> bool:
    return bool(items) and all(isinstance(item, BaseMessage) for item in items)


def _fields(value: object) -> dict[str, object] | None:
    """The named fields of a value that has them."""
    if isinstance(value, type):
        return None
    if isinstance(value, BaseModel):
        # Not model_dump(): it would flatten the messages and models inside to bare objects.
        declared = {name: getattr(value, name) for name in type(value).model_fields}
        return declared | (value.model_extra or {})
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: getattr(value, name) for name in names if hasattr(value, name)}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, value, strict=True))
    if isinstance(value, Send):
        names = ["node", "arg", "timeout"]
        return {name: getattr(value, name) for name in names if hasattr(value, name)}
    return None


def _leaf(value: object) -> Json:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$type": _type_name(value), "$base64": base64.b64encode(value).decode()}
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return {"$type": _type_name(value), "$value": value.isoformat()}
    if isinstance(value, dt.timedelta):
        parts = {"days": value.days, "seconds": value.seconds, "microseconds": value.microseconds}
        return {"$type": _type_name(value), **parts}
    if isinstance(value, _TEXTUAL):
        return {"$type": _type_name(value), "$value": _scalar(str(value))}
    return _by_repr(value)


def _scalar(value: str | int | float) -> Json:
    if isinstance(value, str):
        plain = str(value)
        return plain if _is_storable(plain) else {"$type": "str", "$json": json.dumps(plain)}
    if isinstance(value, int):
        whole = int(value)
        if MIN_INTEGER <= whole <= MAX_INTEGER:
            return whole
        # In hexadecimal, since Python refuses to write very large integers in decimal.
        return {"$type": "int", "$value": hex(whole)}
    real = float(value)
    return real if math.isfinite(real) else {"$type": "float", "$value": str(real)}


def _as_text(value: object) -> Json:
    try:
        return {"$type": "json", "$json": json.dumps(to_json(value))}
    except RecursionError:
        return {"$type": _type_name(value), "$repr": "nested too deep to be recorded"}


def _by_repr(value: object) -> Json:
    try:
        # Without the address, two looks at the same thing are equal.
        text = _ADDRESS.sub("", repr(value))
    except Exception as failure:  # a repr of the user's that fails
        text = f"<no repr: {type(failure).__name__}>"
    return {"$type": _type_name(value), "$repr": _scalar(text)}


def _items(value: object, items: Iterable[Json]) -> Json:
    return {"$type": _type_name(value), "$items": list(items)}


def _is_plain_key(key: object) -> bool:
    return type(key) is str and not key.startswith("$") and _is_storable(key)


def _is_storable(text: str) -> bool:
    return "\0" not in text and (text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text))


def _type_name(value: object) -> str:
    cls = type(value)
    return (
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    )
