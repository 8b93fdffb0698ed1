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
from stratoscope.broker.protocol import has_unread_headers
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
# What no rule foresees: the message is kept whole, and its error's kind is named.
UNREADABLE = "unreadable"

# What of an event bears on the state.
_STATE_KEYS = frozenset({"patch", "gap"})
# Of a document that was not read as far as that.
_UNREAD = object()
_TRACEPARENT = re.compile(r"[!-~]{1,256}\Z").match

_PARSERS: dict[Kind, Callable[[bytes], Sequence[EventRecord | SnapshotRecord]]] = {
    "event": lambda body: (EventRecord.model_validate_json(body),),
    "snapshot": lambda body: (SnapshotRecord.model_validate_json(body),),
    "batch": lambda body: BatchMessage.model_validate_json(body).records,
}


def decode(message: Delivered) -> Message | Rejection:
    """Read a message of the log.

    What can't be read is a rejection where it can't have changed a state, and else a `Message`
    without records that says what it is refused for: its agent's state is in doubt from there.
    """
    try:
        subject = _stored(message.subject)
    except SubjectError as error:
        return Rejection(message.stream_seq, None, BAD_SUBJECT, str(error))
    document: Any = _UNREAD
    try:
        body = _unpacked(message) if message.headers else message.data
        document = decode_record_json(body)
        records = plain_records(subject.kind, document)
        if records is None:
            # The models read the body anew: two copies of a large document would be too many.
            document = _outline(subject.kind, document)
            records = _modelled(subject.kind, body)
    except PayloadRejected as error:
        rejection = Rejection(message.stream_seq, None, error.reason, error.detail)
        return _refused(message, subject, document, rejection)
    except ValidationError as error:
        return _refused(message, subject, document, _misshapen(message.stream_seq, error))
    except MemoryError:
        # The next start knows by its marker which message it was.
        raise
    except Exception as error:
        detail = f"it could not be read: {type(error).__name__}"
        rejection = Rejection(message.stream_seq, None, UNREADABLE, detail)
        return _refused(message, subject, document, rejection)
    return Message(
        message.stream_seq,
        message.recorded_at,
        subject.space,
        subject.agent,
        subject.partition,
        records,
        _traceparent(message.headers) if message.headers else None,
    )


def _unpacked(message: Delivered) -> bytes:
    """The body of a message with headers. Raises PayloadRejected."""
    if has_unread_headers(message.headers):
        raise PayloadRejected(Reason.BAD_HEADERS, "its header block can't be read")
    return unpack(message.data, message.headers or {})


def refuse(message: Delivered, rejection: Rejection) -> Message | Rejection:
    """A message that is refused without being read."""
    try:
        subject = _stored(message.subject)
    except SubjectError:
        return rejection
    return _refused(message, subject, _UNREAD, rejection)


def _refused(
    message: Delivered, subject: Stored, document: Any, rejection: Rejection
) -> Message | Rejection:
    if document is not _UNREAD and not _may_set_state(subject.kind, document):
        return rejection
    return Message(
        message.stream_seq,
        message.recorded_at,
        subject.space,
        subject.agent,
        subject.partition,
        (),
        refused=rejection,
    )


def _outline(kind: Kind, document: Any) -> Any:
    """Of a document, only what says whether it may set a state."""
    return {"patch": None} if _may_set_state(kind, document) else {}


def _may_set_state(kind: Kind, document: Any) -> bool:
    """Whether what was sent, well-formed or not, was to change its agent's state."""
    if not isinstance(document, dict):
        return True
    if kind == "snapshot" or not _STATE_KEYS.isdisjoint(document):
        return True
    if kind == "event":
        return False
    records = document.get("records", [])
    return not isinstance(records, list) or any(
        not isinstance(record, dict)
        or record.get("kind") != "event"
        or not _STATE_KEYS.isdisjoint(record)
        for record in records
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
