"""Taking secrets out of a record before anything of it is kept.

A path is looked for in the record itself (`state.user.token`) and in each of its `data`,
`metadata` and `state` (`user.token`), and a patch that would write there is redacted as well: the
worst that a path too many does is to hide something. What is found becomes `[redacted]`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from stratoscope_contracts.words import RecordKind

REDACTED: Final = "[redacted]"
ANY: Final = "*"

RecordFields = dict[str, Any]
RedactFunction = Callable[[RecordKind, RecordFields], RecordFields]
Redact = RedactFunction | Iterable[str]

_Segments = tuple[str, ...]
_DOCUMENTS: Final = ("data", "metadata", "state")
_SEGMENT: Final = re.compile(
    r"""(?P<name>[^.\[\]"]+) | \[(?P<index>[0-9]+|\*)\] | \[(?P<quoted>"(?:[^"\\]|\\.)*")\]""",
    re.VERBOSE,
)


def parse_path(text: str) -> _Segments:
    """The segments of a dotted path or an RFC 6901 pointer; `*` stands for any one of them."""
    if text.startswith("/"):
        return _pointer(text)
    segments = tuple(_segments(text))
    if not segments:
        raise ValueError("the empty path would redact whole records")
    return segments


def redact_paths(paths: Iterable[str]) -> RedactFunction:
    """The function that takes out what stands at any of the paths."""
    if isinstance(paths, str):
        raise ValueError("redact= takes a list of paths, or a function")
    parsed = [parse_path(path) for path in paths]

    def redact(kind: RecordKind, record: RecordFields) -> RecordFields:
        redacted = dict(record)
        for segments in parsed:
            _redact_record(redacted, segments)
        return redacted

    return redact


def _segments(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        if at and text[at] == ".":
            at += 1
        found = _SEGMENT.match(text, at)
        if found is None:
            raise ValueError(f"not a path: {text!r}")
        yield json.loads(found["quoted"]) if found["quoted"] else found["name"] or found["index"]
        at = found.end()


def _pointer(text: str) -> _Segments:
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])


def _redact_record(record: RecordFields, segments: _Segments) -> None:
    head, rest = segments[0], segments[1:]
    for name in _DOCUMENTS:
        if name not in record:
            continue
        if head in (name, ANY):
            # A whole document stays one: an empty object, where a text would be refused.
            record[name] = _without(record[name], rest) if rest else {}
        record[name] = _without(record[name], segments)
    if record.get("label") is not None and segments in ((ANY,), ("label",)):
        record["label"] = REDACTED
    if record.get("patch"):
        within = [segments, rest] if head in ("state", ANY) and rest else [segments]
        record["patch"] = [_redact_operation(operation, within) for operation in record["patch"]]


def _without(value: Any, segments: _Segments) -> Any:
    """`value` with what stands at `segments` taken out: a copy of what changes, the rest shared."""
    if not segments:
        return REDACTED
    head, rest = segments[0], segments[1:]
    if isinstance(value, Mapping):
        matching = list(value) if head == ANY else [head] if head in value else []
        return {**value, **{key: _without(value[key], rest) for key in matching}}
    if isinstance(value, list | tuple):
        return [
            _without(item, rest) if _matches(str(index), head) else item
            for index, item in enumerate(value)
        ]
    return value


def _redact_operation(operation: Any, within: list[_Segments]) -> Any:
    if not isinstance(operation, Mapping) or "value" not in operation:
        return operation
    path = _pointer(str(operation.get("path")))
    value = operation["value"]
    for segments in within:
        if all(map(_matches, path, segments)):
            # At or below the secret the value is one; above it the value may hold one.
            value = _without(value, segments[len(path) :])
    return {**operation, "value": value}


def _matches(segment: str, pattern: str) -> bool:
    # "-" appends to a list, at an index that only the state knows.
    return pattern in (ANY, segment) or (segment == "-" and pattern.isdigit())
