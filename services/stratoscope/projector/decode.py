"""From a stored message to records, or to the reason why it can't be taken.

Two gates: `broker.payload` judges the bytes (JSON, depth, numbers, NUL), the contract's models
the shape. Whatever fails either is a rejection, never an exception, so that one bad message
cannot stop a timeline.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
from pydantic import ValidationError

from stratoscope.broker.payload import PayloadRejected, Reason, decode_record_json, unpack
from stratoscope.broker.puller import Delivered
from stratoscope.domain.records import EventIn, Rejection, SnapshotIn
from stratoscope_contracts import words
from stratoscope_contracts.records import (
    BatchMessage,
    EventRecord,
    PatchOperation,
    SnapshotRecord,
)
from stratoscope_contracts.subjects import Kind, Stored, SubjectError, parse

# The rules that a message is judged by; a dead letter keeps the version of its verdict.
RULE_VERSION = 1

_SORTED = orjson.OPT_SORT_KEYS


@dataclass(slots=True)
class Decoded:
    """A message whose records could be read."""

    stream_seq: int
    recorded_at: datetime
    space: str
    partition: int
    agent: str
    records: Sequence[EventRecord | SnapshotRecord]
    traceparent: str | None


_PARSERS: dict[Kind, Callable[[bytes], Sequence[EventRecord | SnapshotRecord]]] = {
    "event": lambda body: (EventRecord.model_validate_json(body),),
    "snapshot": lambda body: (SnapshotRecord.model_validate_json(body),),
    "batch": lambda body: BatchMessage.model_validate_json(body).records,
}


def decode(message: Delivered) -> Decoded | Rejection:
    """Read a message of the log."""
    try:
        subject = parse(message.subject)
    except SubjectError as error:
        return Rejection(message.stream_seq, None, "bad_subject", str(error))
    if not isinstance(subject, Stored):
        return Rejection(message.stream_seq, None, "bad_subject", "not a stored record")
    try:
        body = unpack(message.data, message.headers) if message.headers else message.data
        decode_record_json(body)
        records = _PARSERS[subject.kind](body)
        _check_metadata(records)
    except PayloadRejected as error:
        return Rejection(message.stream_seq, None, error.reason, error.detail)
    except ValidationError as error:
        return _misshapen(message.stream_seq, error)
    trace = message.headers.get(words.HEADER_TRACEPARENT) if message.headers else None
    return Decoded(
        message.stream_seq,
        message.recorded_at,
        subject.space,
        subject.partition,
        subject.agent,
        records,
        trace,
    )


def _check_metadata(records: Sequence[EventRecord | SnapshotRecord]) -> None:
    for record in records:
        metadata = record.metadata
        if metadata and len(orjson.dumps(metadata)) > words.MAX_METADATA_BYTES:
            raise PayloadRejected(
                Reason.METADATA_TOO_LARGE, f"metadata of more than {words.MAX_METADATA_BYTES} bytes"
            )


def _misshapen(stream_seq: int, error: ValidationError) -> Rejection:
    """Name the first fields that do not fit; their values stay in the dead letter's body."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    ordinal = next(
        (p["loc"][1] for p in problems if p["loc"][:1] == ("records",) and len(p["loc"]) > 1), None
    )
    detail = "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'the body'}: {problem['msg']}"
        for problem in problems[:5]
    )
    return Rejection(
        stream_seq, ordinal if isinstance(ordinal, int) else None, Reason.WRONG_SHAPE, detail
    )


def spelled(record: EventRecord | SnapshotRecord, types: dict[str, int]) -> EventIn | SnapshotIn:
    """A record as the fold takes it: its type as a number, its JSON parts as text."""
    metadata = orjson.dumps(record.metadata).decode() if record.metadata else None
    if isinstance(record, SnapshotRecord):
        raw = orjson.dumps(record.state, option=_SORTED)
        return SnapshotIn(
            record.id,
            record.occurred_at,
            record.state,
            raw,
            record.memory_usage,
            metadata,
            record.label,
        )
    patch = _operations(record.patch) if record.patch else None
    return EventIn(
        record.id,
        types[record.type],
        record.occurred_at,
        orjson.dumps(record.data).decode(),
        metadata,
        record.causes,
        patch,
        orjson.dumps(patch).decode() if patch else None,
    )


def _operations(patch: Sequence[PatchOperation]) -> list[dict[str, object]]:
    return [operation.model_dump(by_alias=True) for operation in patch]


def named_ids(message: Decoded) -> list[UUID]:
    """The ids that a message's records came with."""
    return [record.id for record in message.records if record.id is not None]
