"""Cursors: where the next page of a list starts, opaque to whoever carries them.

A cursor belongs to the request that it came from: with another filter it would start nowhere in
particular, so that is refused.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Any, Final, TypeGuard
from uuid import UUID

import orjson

from stratoscope_contracts.envelopes import ListRequest
from stratoscope_contracts.errors import BadRequest
from stratoscope_contracts.words import AGENT_PATTERN

_MOST_BIGINT: Final = 2**63 - 1
_MOST_INT: Final = 2**31 - 1
_NOT_THE_QUESTION = {"cursor", "limit", "wait_for", "wait_ms"}


def spell(request: ListRequest, key: int | str | list[int]) -> str:
    """The cursor behind a key."""
    return urlsafe_b64encode(orjson.dumps([_fingerprint(request), key])).decode().rstrip("=")


def number_in(request: ListRequest) -> int | None:
    """The number in a request's cursor, None at the start. Raises BadRequest."""
    key = _key_in(request)
    if key is not None and not _is_number(key, _MOST_BIGINT):
        raise _refused()
    return key


def name_in(request: ListRequest) -> str | None:
    """The agent's name in a request's cursor, None at the start. Raises BadRequest."""
    key = _key_in(request)
    if key is not None and not (isinstance(key, str) and re.fullmatch(AGENT_PATTERN, key)):
        raise _refused()
    return key


def id_in(request: ListRequest) -> UUID | None:
    """The id in a request's cursor, None at the start. Raises BadRequest."""
    key = _key_in(request)
    try:
        return None if key is None else UUID(key)
    except (ValueError, TypeError, AttributeError) as error:
        raise _refused() from error


def place_in(request: ListRequest) -> tuple[int, int] | None:
    """The place in a request's cursor, None at the start. Raises BadRequest."""
    match _key_in(request):
        case None:
            return None
        case [seq, ordinal] if _is_number(seq, _MOST_BIGINT) and _is_number(ordinal, _MOST_INT):
            return seq, ordinal
        case _:
            raise _refused()


def _key_in(request: ListRequest) -> Any:
    if request.cursor is None:
        return None
    try:
        raw = urlsafe_b64decode(request.cursor.encode("ascii") + b"===")
        fingerprint, key = orjson.loads(raw)
    except (ValueError, TypeError) as error:
        raise _refused() from error
    if fingerprint != _fingerprint(request):
        raise _refused()
    return key


def _is_number(key: Any, most: int) -> TypeGuard[int]:
    """Whether a column of the database holds it: who carries a cursor can write one as well."""
    return type(key) is int and -most - 1 <= key <= most


def _fingerprint(request: ListRequest) -> str:
    asked = request.model_dump_json(exclude=_NOT_THE_QUESTION)
    return blake2b(f"{type(request).__name__}{asked}".encode(), digest_size=6).hexdigest()


def _refused() -> BadRequest:
    return BadRequest.of_fields(("cursor", "not a cursor that this request was given"))
