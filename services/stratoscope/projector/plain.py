"""The short way for the messages that nearly all are: events without a patch, and snapshots.

It says nothing about what is wrong: whatever it does not know at a glance it leaves to the
contract's models, whose verdict counts. What it takes, they take too, with the same result,
which a test holds over generated records. It halves the cost of reading a message, and a large
state is in memory once.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import orjson
from asyncpg.pgproto.pgproto import UUID

from stratoscope.domain.records import EventIn, SnapshotIn
from stratoscope_contracts import words
from stratoscope_contracts.subjects import Kind

_KEYS: Final = frozenset({"id", "type", "occurred_at", "data", "metadata", "causes"})
_BATCH_KEYS: Final = _KEYS | {"kind"}
_SNAPSHOT_KEYS: Final = frozenset(
    {"id", "occurred_at", "state", "memory_usage", "metadata", "label"}
)
_SHORT: Final = 100
_TYPE: Final = re.compile(words.TYPE_PATTERN[:-1] + r"\Z").match
# The first and the last year are left to the models, which refuse their ends.
_TIME: Final = re.compile(
    r"(?!0001|9999)[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"T([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(\.([0-9]{3}|[0-9]{6}))?Z\Z"
).match


class _NotPlain(Exception):
    """Left to the models."""


def plain_records(kind: Kind, document: Any) -> Sequence[EventIn | SnapshotIn] | None:
    """The records of a plain message; None for any other, right or wrong."""
    try:
        if kind == "event":
            return (_event(document, _KEYS),)
        if kind == "batch":
            return _batch(document)
        if kind == "snapshot":
            return (_snapshot(document),)
    except _NotPlain:
        return None
    return None


def _batch(document: Any) -> list[EventIn]:
    records = document.get("records") if type(document) is dict else None
    if type(records) is not list or not 0 < len(records) <= words.MAX_BATCH_RECORDS:
        raise _NotPlain
    return [_batched(record) for record in records]


def _batched(record: Any) -> EventIn:
    if type(record) is not dict or record.get("kind") != "event":
        raise _NotPlain
    return _event(record, _BATCH_KEYS)


def _event(record: Any, keys: frozenset[str]) -> EventIn:
    if type(record) is not dict or not record.keys() <= keys:
        raise _NotPlain
    return EventIn(
        _id(record["id"]) if "id" in record else None,
        _type(record.get("type")),
        _time(record["occurred_at"]) if "occurred_at" in record else None,
        _object(record["data"]) if "data" in record else "{}",
        _metadata(record["metadata"]) if "metadata" in record else None,
        _causes(record["causes"]) if "causes" in record else (),
        None,
        None,
    )


def _snapshot(record: Any) -> SnapshotIn:
    if type(record) is not dict or not record.keys() <= _SNAPSHOT_KEYS:
        raise _NotPlain
    state = record.get("state")
    if type(state) is not dict:
        raise _NotPlain
    return SnapshotIn(
        _id(record["id"]) if "id" in record else None,
        _time(record["occurred_at"]) if "occurred_at" in record else None,
        state,
        orjson.dumps(state, option=orjson.OPT_SORT_KEYS),
        _memory(record["memory_usage"]) if "memory_usage" in record else None,
        _metadata(record["metadata"]) if "metadata" in record else None,
        _label(record["label"]) if "label" in record else None,
    )


def _memory(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= words.MAX_MEMORY_USAGE:
        raise _NotPlain
    return value


def _label(value: Any) -> str:
    # Any limit of the contract's is above that.
    if type(value) is not str or len(value) > _SHORT:
        raise _NotPlain
    return value


def _type(value: Any) -> str:
    if type(value) is not str or not _TYPE(value):
        raise _NotPlain
    return value


def _id(value: Any) -> UUID:
    # Hyphens where they belong, and no others: there is no room for 32 digits else.
    if type(value) is not str or len(value) != 36 or value[8:24:5] != "----":
        raise _NotPlain
    try:
        # asyncpg's own kind: it is made, hashed and written several times as fast.
        return UUID(value)
    except ValueError:
        raise _NotPlain from None


def _time(value: Any) -> datetime:
    if type(value) is not str or not _TIME(value):
        raise _NotPlain
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise _NotPlain from None


def _object(value: Any) -> str:
    if type(value) is not dict:
        raise _NotPlain
    return orjson.dumps(value).decode()


def _metadata(value: Any) -> str | None:
    text = _object(value)
    if len(text) * 4 > words.MAX_METADATA_BYTES:
        raise _NotPlain
    return text if value else None


def _causes(value: Any) -> list[UUID]:
    if type(value) is not list or len(value) > words.MAX_CAUSES:
        raise _NotPlain
    return [_id(cause) for cause in value]
