"""From a stored message to records, or to the reason why it can't be taken.

Two gates: `broker.payload` judges the bytes (JSON, depth, numbers, NUL), the contract's models
the shape. Whatever fails either is a rejection, never an exception, so that one bad message
cannot stop a timeline. What nearly all messages look like takes a shorter way (`plain`) to the
same result.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
from pydantic import ValidationError

from stratoscope.broker.payload import PayloadRejected, Reason, decode_record_json, unpack
from stratoscope.broker.puller import Delivered
from stratoscope.domain.records import EventIn, Message, Rejection, SnapshotIn
from stratoscope.projector.plain import plain_records
from stratoscope_contracts import words
from stratoscope_contracts.records import (
    BatchMessage,
    EventRecord,
    PatchOperation,
    SnapshotRecord,
)
from stratoscope_contracts.subjects import Kind, Stored, SubjectError, parse

BAD_SUBJECT = "bad_subject"

_TRACEPARENT = re.compile(r"[!-~]{1,256}\Z").match

_PARSERS: dict[Kind, Callable[[bytes], Sequence[EventRecord | SnapshotRecord]]] = {
    "event": lambda body: (EventRecord.model_validate_json(body),),
    "snapshot": lambda body: (SnapshotRecord.model_validate_json(body),),
    "batch": lambda body: BatchMessage.model_validate_json(body).records,
}


def decode(message: Delivered) -> Message | Rejection:
    """Read a message of the log."""
    try:
        subject = _stored(message.subject)
        body = unpack(message.data, message.headers) if message.headers else message.data
        document = decode_record_json(body)
        records = plain_records(subject.kind, document) or _modelled(subject.kind, body)
    except SubjectError as error:
        return Rejection(message.stream_seq, None, BAD_SUBJECT, str(error))
    except PayloadRejected as error:
        return Rejection(message.stream_seq, None, error.reason, error.detail)
    except ValidationError as error:
        return _misshapen(message.stream_seq, error)
    return Message(
        message.stream_seq,
        message.recorded_at,
        subject.space,
        subject.agent,
        subject.partition,
        records,
        _traceparent(message.headers) if message.headers else None,
    )


@lru_cache(maxsize=65_536)
def _stored(subject: str) -> Stored:
    parsed = parse(subject)
    if not isinstance(parsed, Stored):
        raise SubjectError("not a stored record")
    return parsed


def _traceparent(headers: Mapping[str, str]) -> str | None:
    """The trace of a message; one that Postgres can't hold, or that is none, costs no record."""
    trace = headers.get(words.HEADER_TRACEPARENT)
    return trace if trace and _TRACEPARENT(trace) else None


def _modelled(kind: Kind, body: bytes) -> list[EventIn | SnapshotIn]:
    return [_spelled(record) for record in _PARSERS[kind](body)]


def _spelled(record: EventRecord | SnapshotRecord) -> EventIn | SnapshotIn:
    """A record of the models as the fold takes it, its JSON parts as text."""
    metadata = _metadata(record.metadata)
    if isinstance(record, SnapshotRecord):
        return SnapshotIn(
            record.id,
            record.occurred_at,
            record.state,
            orjson.dumps(record.state, option=orjson.OPT_SORT_KEYS),
            record.memory_usage,
            metadata,
            record.label,
        )
    patch = _operations(record.patch) if record.patch else None
    return EventIn(
        record.id,
        record.type,
        record.occurred_at,
        orjson.dumps(record.data).decode(),
        metadata,
        record.causes,
        patch,
        orjson.dumps(patch).decode() if patch else None,
        record.gap.model_dump_json() if record.gap else None,
    )


def _metadata(metadata: dict[str, Any]) -> str | None:
    if not metadata:
        return None
    text = orjson.dumps(metadata)
    if len(text) > words.MAX_METADATA_BYTES:
        raise PayloadRejected(
            Reason.METADATA_TOO_LARGE,
            f"metadata of {len(text)} bytes, at most {words.MAX_METADATA_BYTES}",
        )
    return text.decode()


def _operations(patch: Sequence[PatchOperation]) -> list[dict[str, object]]:
    return [operation.model_dump(by_alias=True) for operation in patch]


def _misshapen(stream_seq: int, error: ValidationError) -> Rejection:
    """Name the first fields that do not fit; their values stay in the dead letter's body."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    places = (problem["loc"] for problem in problems)
    ordinal = next(
        (where[1] for where in places if where[:1] == ("records",) and len(where) > 1), None
    )
    detail = "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'the body'}: {problem['msg']}"
        for problem in problems[:5]
    )
    at = ordinal if isinstance(ordinal, int) else None
    return Rejection(stream_seq, at, Reason.WRONG_SHAPE, detail)
