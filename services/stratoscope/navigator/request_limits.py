"""Limits on a request's body before the models read it.

A model names every fault that it finds: four megabytes of unknown fields took it five seconds and
half a gigabyte, in one call that lets nothing else run. So what is large is looked through first,
in a bounded number of steps, and refused at the first list or object that no request has. Values
are counted before that: one call that decodes a million of them lets nothing else run for a second.
"""

from typing import Any, Final

import orjson

from stratoscope_contracts.errors import BadRequest
from stratoscope_contracts.value_count import has_too_many_values
from stratoscope_contracts.words import (
    KIB,
    MAX_AGENTS_NAMED,
    MAX_REQUEST_BYTES,
    MAX_REQUEST_VALUES,
)

# What is smaller has too few faults to matter.
_SMALL: Final = 16 * KIB
_DECODING_FACTOR: Final = 8
_MOST_MEMBERS: Final = 100
_MOST_CONTAINERS: Final = 10_000
# JSON of any shape: read as it is, and so without a fault for each part of it.
_FREE: Final = frozenset({"value", "metadata"})


def check_body(body: bytes) -> None:
    """Raise BadRequest for a body that is too large, or has more in it than any request."""
    if len(body) > MAX_REQUEST_BYTES:
        raise BadRequest.of_whole(f"a request has at most {MAX_REQUEST_BYTES} bytes")
    # Without so many separators, in texts too, nothing in it is too much: that of an upload is
    # one long text, which is not decoded twice.
    if len(body) > _SMALL and sum(map(body.count, (b"{", b"[", b","))) > _MOST_MEMBERS:
        _look_through(body)


def decoding_size(body: bytes) -> int:
    """The work that decoding a body is, in bytes that are only gone through."""
    return len(body) * _DECODING_FACTOR


def _look_through(body: bytes) -> None:
    if has_too_many_values(body, MAX_REQUEST_VALUES):
        raise BadRequest.of_whole(f"a request has at most {MAX_REQUEST_VALUES} JSON values")
    try:
        left: list[tuple[str, Any]] = [("", orjson.loads(body))]
    except ValueError:
        # The model says what is wrong.
        return
    containers = 0
    while left:
        where, value = left.pop()
        containers += 1
        if containers > _MOST_CONTAINERS:
            raise BadRequest.of_whole(f"more than {_MOST_CONTAINERS} lists and objects")
        left += _containers_in(where, value)


def _containers_in(where: str, value: Any) -> list[tuple[str, Any]]:
    """The lists and objects right below one. Raises BadRequest where it has too many parts."""
    most = _MOST_MEMBERS if isinstance(value, dict) else MAX_AGENTS_NAMED
    if isinstance(value, dict | list) and len(value) > most:
        raise BadRequest.of_fields((where, f"more than {most} of them"))
    if isinstance(value, dict):
        named = ((key, one) for key, one in value.items() if key not in _FREE)
        below = [(f"{where}.{key[:64]}" if where else key[:64], one) for key, one in named]
    else:
        below = [(f"{where}[{n}]", one) for n, one in enumerate(value or ())] if where else []
    return [(name, one) for name, one in below if isinstance(one, dict | list)]
