"""From what an agent says to the bytes that will be sent, or an error in its face.

A record is spelled while the agent waits: what it changes in its state afterwards is another
record's business. It is judged as intake will judge it, by the same rules for JSON and the same
models, because one bad record in a batch makes a dead letter of all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypedDict
from uuid import UUID

import orjson
from pydantic import ValidationError

from stratoscope.broker.payload import (
    PayloadRejected,
    Reason,
    check_value_count,
    encode_canonical,
)
from stratoscope.recorder import causes as cause_context
from stratoscope.recorder.causes import CauseIds
from stratoscope.recorder.compression import compress
from stratoscope.recorder.errors import InvalidRecord
from stratoscope.recorder.ids import new_id
from stratoscope.recorder.redaction import RecordFields, RedactFunction, redact_paths
from stratoscope.recorder.settings import HEADER_ROOM, RecorderSettings
from stratoscope_contracts.errors import field_errors
from stratoscope_contracts.records import EventRecord, SnapshotRecord
from stratoscope_contracts.words import (
    MAX_DEPTH,
    MAX_JSON_VALUES,
    MAX_MESSAGE_BYTES,
    MAX_METADATA_BYTES,
    MAX_PATCH_OPERATIONS,
    MAX_UNPACKED_BYTES,
    RecordKind,
    render_time,
)

if TYPE_CHECKING:
    from stratoscope.recorder.gap import Gap

Moment = datetime | str
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
# Spelled apart from the rest: a model would only read them again to find an object.
_DOCUMENTS: Final = ("data", "metadata", "state")
# The list of operations, and each of them.
_PATCH_LEVELS: Final = 2


class RecordOptions(TypedDict, total=False):
    """What may be said of any record.

    `metadata`: an object of at most 16 KiB. `occurred_at`: the agent's clock, an aware datetime
    or RFC 3339 text; by default now. `id`: a UUID of the caller's own; by default a new one.
    `traceparent`: the W3C trace context that the record belongs to.
    """

    metadata: Mapping[str, Any] | None
    occurred_at: Moment | None
    id: str | UUID | None
    traceparent: str | None


class EventOptions(RecordOptions, total=False):
    """What may be said of an event.

    `causes`: ids of the events that led to it, in place of those of `causing`; `[]` for none.
    `patch`: RFC 6902 operations that the event does to the agent's state.
    """

    causes: CauseIds | None
    patch: Iterable[Mapping[str, Any]] | None


class SnapshotOptions(RecordOptions, total=False):
    """What may be said of a snapshot.

    `label`: a name for people. `memory_usage`: the agent's, in bytes.
    """

    label: str | None
    memory_usage: int | None


# Not frozen: setting each field through `object` would cost a microsecond a record.
@dataclass(slots=True)
class Prepared:
    """A record as it will be sent: judged, redacted and spelled."""

    kind: RecordKind
    id: str
    body: bytes
    packed: bool = False
    """Whether the body is zstd, and so goes alone."""
    traceparent: str | None = None
    occurred_at: str = ""
    """The agent's clock, for the gap that dropping it would leave."""
    before: bytes = b""
    """The member of a batch that is sent with it, right before it."""
    gap: Gap | None = None
    """What it says was dropped before it."""
    is_notice: bool = False
    """Whether it is the recorder's own, and only says what was dropped."""

    @property
    def member(self) -> bytes:
        """The record as a member of a batch, after the one that comes with it."""
        own = b'{"kind":"%b",%b' % (self.kind.encode(), self.body[1:])
        return b"%b,%b" % (self.before, own) if self.before else own

    @property
    def size(self) -> int:
        """The bytes of what is sent."""
        return len(self.body) + len(self.before)


class Preparer:
    """Prepares the records of one recorder, in whatever thread the agent runs."""

    def __init__(self, settings: RecorderSettings) -> None:
        self._space = settings.space
        self._compression = settings.compression
        self._redact = _redact_function(settings)
        self.message_limit = MAX_MESSAGE_BYTES
        """What the connected broker takes; the contract's limit until one is."""

    def event(
        self, agent: str, type: str, data: Mapping[str, Any] | None, options: EventOptions
    ) -> Prepared:
        """An event of `agent`; InvalidRecord where the service would not take it."""
        _refuse_unknown(options, EventOptions)
        given = options.get("causes")
        causes = cause_context.current(self._space) if given is None else given
        patch = options.get("patch")
        fields = {"type": type.value if isinstance(type, Enum) else type, "data": data}
        try:
            fields["causes"] = cause_context.spelled(causes) or None
            # One more than is taken: a generator may have no end.
            whole = None if patch is None else list(islice(patch, MAX_PATCH_OPERATIONS + 1))
            fields["patch"] = whole
        except Exception as error:
            raise _unreadable("event", agent, fields, error) from error
        return self._prepared("event", agent, fields, options)

    def snapshot(self, agent: str, state: Mapping[str, Any], options: SnapshotOptions) -> Prepared:
        """A snapshot of `agent`; InvalidRecord where the service would not take it."""
        _refuse_unknown(options, SnapshotOptions)
        fields = {
            "label": options.get("label"),
            "memory_usage": options.get("memory_usage"),
            "state": state,
        }
        return self._prepared("snapshot", agent, fields, options)

    def _prepared(
        self, kind: RecordKind, agent: str, fields: RecordFields, options: RecordOptions
    ) -> Prepared:
        given_id = options.get("id")
        whole = {"id": new_id() if given_id is None else given_id, **fields}
        try:
            whole["id"] = str(whole["id"])
            traceparent = _checked(options.get("traceparent"))
            whole["occurred_at"] = _moment(options.get("occurred_at"))
            whole["metadata"] = options.get("metadata")
            id_, body = _spelled(kind, self._redacted(kind, _present(whole)))
            body, packed = self._fitted(body)
        except PayloadRejected as refusal:
            rejected = _invalid(kind, agent, whole, refusal.reason, refusal.detail)
            raise rejected from refusal.__cause__
        except ValidationError as error:
            found = "; ".join(f"{name}: {message}" for name, message in field_errors(error))
            raise _invalid(kind, agent, whole, Reason.WRONG_SHAPE, found) from None
        except Exception as error:
            raise _unreadable(kind, agent, whole, error) from error
        return Prepared(kind, id_, body, packed, traceparent, whole["occurred_at"])

    def _redacted(self, kind: RecordKind, given: RecordFields) -> RecordFields:
        if self._redact is None:
            return given
        # A copy: a function may change what it is given without changing the agent's state.
        copied = {
            name: orjson.loads(encode_canonical(value, at=name)) for name, value in given.items()
        }
        try:
            redacted = self._redact(kind, copied)
        except Exception as error:
            # Its text may hold the very secret that it failed at.
            detail = f"redact= failed with {type(error).__name__}"
            raise PayloadRejected(Reason.WRONG_SHAPE, detail) from error
        if not isinstance(redacted, dict):
            raise PayloadRejected(Reason.WRONG_SHAPE, "redact= gives back the record, a dict")
        return {**redacted, "id": given["id"]}

    def _fitted(self, body: bytes) -> tuple[bytes, bool]:
        """The body as it fits into a message, and whether it had to be packed for that."""
        if len(body) > MAX_UNPACKED_BYTES:
            raise PayloadRejected(
                Reason.TOO_LARGE, f"{len(body)} bytes of JSON, at most {MAX_UNPACKED_BYTES}"
            )
        room = self.message_limit - HEADER_ROOM
        if len(body) <= room:
            return body, False
        packed = None if self._compression == "never" else compress(body)
        if packed is None:
            hint = "allow compression and install stratoscope[zstd], or record less of it"
            raise PayloadRejected(
                Reason.TOO_LARGE, f"{len(body)} bytes of JSON, at most {room} unpacked: {hint}"
            )
        if len(packed) > room:
            raise PayloadRejected(
                Reason.TOO_LARGE, f"{len(packed)} bytes even as zstd, at most {room}"
            )
        return packed, True


def _redact_function(settings: RecorderSettings) -> RedactFunction | None:
    if settings.redact is None:
        return None
    return settings.redact if callable(settings.redact) else redact_paths(settings.redact)


def _refuse_unknown(options: Mapping[str, object], known: type) -> None:
    unknown = options.keys() - known.__annotations__.keys()
    if unknown:
        raise TypeError(f"no such option: {', '.join(sorted(unknown))}")


def _present(fields: RecordFields) -> RecordFields:
    """The fields that were given; the state always, which has to be."""
    return {
        name: _object_of(value) if isinstance(value, Mapping) else value
        for name, value in fields.items()
        if value is not None or name == "state"
    }


def _object_of(given: Mapping[Any, Any]) -> dict[Any, Any]:
    """A copy of an object, one member more than a record takes at most."""
    if isinstance(given, dict):
        return dict(given)
    return {key: given[key] for key in islice(given.keys(), MAX_JSON_VALUES + 1)}


def _moment(given: Moment | None) -> str:
    # The agent's clock is read now; the record may wait for the broker long after.
    moment = datetime.now(UTC) if given is None else given
    if isinstance(moment, str):
        return moment
    if moment.tzinfo is None:
        raise PayloadRejected(
            Reason.WRONG_SHAPE, "occurred_at needs its time zone: datetime.now(UTC), for one"
        )
    return render_time(moment)


def _spelled(kind: RecordKind, given: RecordFields) -> tuple[str, bytes]:
    """The record's id and its JSON, judged as intake will."""
    parts = {name: _part(name, value) for name, value in given.items()}
    for name in _DOCUMENTS:
        if not parts.get(name, b"{").startswith(b"{"):
            raise PayloadRejected(Reason.WRONG_SHAPE, f"{name} is an object")
    if len(parts.get("metadata", b"")) > MAX_METADATA_BYTES:
        raise PayloadRejected(
            Reason.METADATA_TOO_LARGE,
            f"metadata of {len(parts['metadata'])} bytes, at most {MAX_METADATA_BYTES}",
        )
    head = _object((name, part) for name, part in parts.items() if name not in _DOCUMENTS)
    body = _object(parts.items())
    check_value_count(body)
    return _judged(kind, head), body


def _part(name: str, value: Any) -> bytes:
    # The list of a patch and its operations are no levels of the values in them.
    depth = MAX_DEPTH + _PATCH_LEVELS if name == "patch" else MAX_DEPTH
    return encode_canonical(value, at=name, max_depth=depth)


def _judged(kind: RecordKind, head: bytes) -> str:
    """The id of a record whose shape the contract's model takes; ValidationError else."""
    if kind == "event":
        return str(EventRecord.model_validate_json(head).id)
    return str(SnapshotRecord.model_validate_json(head[:-1] + b',"state":{}}').id)


def _object(members: Iterable[tuple[str, bytes]]) -> bytes:
    return b"{%b}" % b",".join(b'"%b":%b' % (name.encode(), part) for name, part in members)


def _checked(traceparent: str | None) -> str | None:
    if traceparent is not None and not _TRACEPARENT.fullmatch(traceparent):
        raise PayloadRejected(
            Reason.WRONG_SHAPE, "traceparent is 00-<32 hex>-<16 hex>-<2 hex>, as W3C has it"
        )
    return traceparent


def _invalid(
    kind: RecordKind, agent: str, fields: RecordFields, reason: Reason, detail: str
) -> InvalidRecord:
    given, id_ = fields.get("type"), fields.get("id")
    # Of other things the text may be anything, or fail.
    which = f"event {given:.64}" if isinstance(given, str) else kind
    return InvalidRecord(
        f"{which} of agent {agent} can't be recorded: {detail}",
        {
            "reason": reason.value,
            "agent": agent,
            "kind": kind,
            "id": id_ if isinstance(id_, str) else None,
        },
    )


def _unreadable(
    kind: RecordKind, agent: str, fields: RecordFields, error: Exception
) -> InvalidRecord:
    """The refusal of a record whose own objects fail when they are read."""
    # Its text may hold what is to be redacted.
    detail = f"reading it failed with {type(error).__name__}"
    return _invalid(kind, agent, fields, Reason.WRONG_SHAPE, detail)
