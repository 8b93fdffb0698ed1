"""The words of the wire: what a space, an agent, a type, an id and a time may look like.

Everything that is one value lives here, with the limits that bind it, so that a rule stands in
one place for the record that carries it, the request that asks for it and the intake that judges
it. The types are checked in Rust: a service reads tens of thousands of records a second through
them, and a Python validator on that path would cost more than all the rest of the parsing.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

DEFAULT_SPACE: Final = "default"
PARTITIONS: Final = 16

STREAM_RECORD: Final = "STRATO_RECORD"
STREAM_DLQ: Final = "STRATO_DLQ"
STREAM_HITS: Final = "STRATO_HITS"
# Of the services alone: shows that the broker's disk takes writes.
STREAM_PROBE: Final = "STRATO_PROBE"
SUBJECT_PROBE: Final = "strato._probe"
NAVIGATOR_SERVICE: Final = "stratoscope-navigator"
NAVIGATOR_QUEUE: Final = "navigator"

# Headers, as they are spelled on the wire.
HEADER_MESSAGE_ID: Final = "Nats-Msg-Id"
HEADER_TRACEPARENT: Final = "traceparent"
HEADER_ENCODING: Final = "Content-Encoding"
HEADER_ERROR: Final = "Nats-Service-Error"
HEADER_ERROR_NUMBER: Final = "Nats-Service-Error-Code"
HEADER_REASON: Final = "Strato-Reason"
HEADER_STREAM_SEQ: Final = "Strato-Stream-Seq"
# Of a dead letter: a header block that could not be read, as base64, cut at 16 KiB.
HEADER_UNREAD: Final = "Strato-Header-Block"
HEADER_IMPORT: Final = "Strato-Import"
HEADER_REPLAY_END: Final = "Strato-Replay-End"
HEADER_REQUEST: Final = "Strato-Request"
HEADER_FLOW: Final = "Strato-Flow"
HEADER_PROGRESS: Final = "Strato-Progress"
# Who asks, in his own words.
HEADER_OPERATOR: Final = "Strato-Operator"
ENCODING_ZSTD: Final = "zstd"
# The requester answers each message of a replay that has a reply subject.
FLOW_ANSWERED: Final = "answered"

KIB: Final = 1024
MIB: Final = 1024 * KIB

# Limits of the contract (section 4). Those in bytes, levels and number ranges depend on how a
# document is spelled and are judged by the intake and the recorder, not by the models.
MAX_BATCH_RECORDS: Final = 10_000
MAX_CAUSES: Final = 64
MAX_PATCH_OPERATIONS: Final = 1_000
MAX_METADATA_BYTES: Final = 16 * KIB
MAX_STATE_BYTES: Final = 32 * MIB
MAX_UNPACKED_BYTES: Final = 32 * MIB
MAX_DEPTH: Final = 64
# JSON values of a message: a record, or a batch of them.
MAX_JSON_VALUES: Final = 1_000_000
MAX_EXPRESSION_BYTES: Final = 1 * KIB
MAX_BREAKPOINTS_AN_AGENT: Final = 10_000
MAX_HOLDS_A_SPACE: Final = 10_000
MAX_REQUESTS_AT_A_TIME: Final = 64
MIN_INTEGER: Final = -(2**63)
MAX_INTEGER: Final = 2**64 - 1
MAX_MEMORY_USAGE: Final = 2**63 - 1

# Limits on texts and lists. Lengths are in characters where they are not in bytes.
MAX_PATH_BYTES: Final = 4_096
# A document has at most so many levels: a longer path names nothing.
MAX_PATH_SEGMENTS: Final = MAX_DEPTH
MAX_PATTERN_BYTES: Final = 1_024
MAX_PATTERNS: Final = 100
MAX_LABEL_LENGTH: Final = 1_024
MAX_NAME_LENGTH: Final = 256
MAX_DESCRIPTION_LENGTH: Final = 16_384
MAX_NOTE_LENGTH: Final = 65_536
MAX_TAG_LENGTH: Final = 256
MAX_TAGS: Final = 100
MAX_KEY_LENGTH: Final = 256
MAX_TEMPLATE_LENGTH: Final = 4_096
# What a template gives, and each value in it, is cut at these.
MAX_RENDERED_LENGTH: Final = 2_000
MAX_RENDERED_VALUE_LENGTH: Final = 200
MAX_OPERATOR_LENGTH: Final = 200
MAX_CONDITION_BYTES: Final = 64 * KIB
MAX_CONDITION_VALUE_BYTES: Final = 16 * KIB
MAX_CONDITION_VALUES: Final = 1_000
MAX_CONDITIONS: Final = 100
MAX_TYPES: Final = 100
MAX_AGENTS_NAMED: Final = 10_000
MAX_CURSOR_LENGTH: Final = 1_024
MAX_PREFIX_LENGTH: Final = 128
MAX_OBJECT_NAME_LENGTH: Final = 256
MAX_TIME_LENGTH: Final = 64

# Limits on numbers: what JSON readers of any language keep exact, and what a database column of
# four bytes holds. All of them leave room for one more, and for the sum of two.
MAX_NUMBER: Final = 2**53 - 1
MAX_SMALL_NUMBER: Final = 2**31 - 1
# Finite: where time ends is where the calendar does.
MAX_SECONDS: Final = 1e308
MAX_FACTOR: Final = 1e9
MAX_DIGITS: Final = 324
MAX_THRESHOLD: Final = 1e308
MAX_CLOCK_AHEAD_SECONDS: Final = 24 * 60 * 60

# A message is body plus headers; the server closes a client whose message is over `max_payload`.
MAX_MESSAGE_BYTES: Final = 8 * MIB
# A value of 1 MiB, each letter of it escaped, and what is around it.
MAX_REQUEST_BYTES: Final = 4 * MIB
# Decoding more of them in one call would hold the process for longer than 50 ms.
MAX_REQUEST_VALUES: Final = 100_000
SERVER_MAX_PAYLOAD: Final = 9 * MIB

# The smallest window that nats-server takes. Nothing in STRATO_RECORD relies on it: a message id is
# stream-wide, so an agent of another space could use it first.
RECORD_DEDUPLICATION_SECONDS: Final = 0.1
DEAD_LETTER_DEDUPLICATION_SECONDS: Final = 2 * 60
SPILL_KEPT_SECONDS: Final = 60 * 60
# Long enough to be taken elsewhere.
EXPORTS_KEPT_SECONDS: Final = 7 * 24 * 60 * 60
MAX_SESSION_SECONDS: Final = 24 * 60 * 60
MAX_NAVIGATION_PLACES: Final = 100
MAX_REPLAY_GAP_SECONDS: Final = 10
DEFAULT_WAIT_MS: Final = 2_000
MAX_WAIT_MS: Final = 30_000
# What a held agent may be let record, all its steps together.
MAX_STEP_EVENTS: Final = 1_000_000_000
DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1_000

BEFORE_FIRST: Final = -1
ANY_AGENT: Final = "*"

SPACE_PATTERN: Final = r"^[a-z0-9-]{1,32}$"
AGENT_PATTERN: Final = r"^[A-Za-z0-9_-]{1,128}$"
AGENT_OR_ANY_PATTERN: Final = r"^([A-Za-z0-9_-]{1,128}|\*)$"
TYPE_PATTERN: Final = r"^[a-z][a-z0-9_.]{0,63}$"
POINTER_PATTERN: Final = r"^(/([^/~]|~[01])*)*$"
TIME_PATTERN: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})$"
)


# A key in brackets may hold what separates segments elsewhere.
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.?)*+"?', re.DOTALL)

JsonObject = dict[str, Any]

# The words by which unions of models are told apart.
RecordKind = Literal["event", "snapshot"]
PatchOp = Literal["add", "replace", "test", "remove", "move", "copy"]
ConditionKind = Literal[
    "at_time",
    "at_event_index",
    "on_event_type",
    "on_state",
    "on_change",
    "on_causality_depth",
    "expression",
    "all_of",
    "any_of",
    "not",
]


class KnownType(StrEnum):
    """The event types that every agent shares; a user's own stand beside them."""

    STATE_CHANGE = "state_change"
    ACTION_EXECUTION = "action_execution"
    MESSAGE_RECEIVED = "message_received"
    MESSAGE_SENT = "message_sent"
    ERROR_OCCURRED = "error_occurred"
    DECISION_MADE = "decision_made"
    MEMORY_UPDATE = "memory_update"
    NETWORK_ACTIVITY = "network_activity"


def render_time(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds and a Z, the one spelling that replies use."""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="microseconds") + "Z"


class _TimeRule:
    """Reads RFC 3339 text or an aware datetime, wholly in Rust.

    Pydantic's own datetime takes "1234" for seconds since 1970 and a moment that leaves the
    years 1 to 9999 once turned to UTC; the pattern refuses the first, the bounds the second.
    A record's time is neither the first nor the last microsecond of them: those two are how the
    database's driver spells infinity, and it reads them back as times without a zone.
    """

    def __init__(self, *, has_ends: bool) -> None:
        self._has_ends = has_ends

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        text = core_schema.chain_schema(
            [
                core_schema.str_schema(
                    pattern=TIME_PATTERN, max_length=MAX_TIME_LENGTH, strict=True
                ),
                self._aware(strict=False),
            ]
        )
        return core_schema.custom_error_schema(
            core_schema.json_or_python_schema(
                json_schema=text,
                python_schema=core_schema.union_schema([self._aware(strict=True), text]),
            ),
            custom_error_type="time",
            custom_error_message="a time is RFC 3339 with an offset, year 1 to 9999 in UTC"
            + ("" if self._has_ends else ", without their first and last microsecond"),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "format": "date-time", "maxLength": MAX_TIME_LENGTH}

    def _aware(self, *, strict: bool) -> CoreSchema:
        margin = timedelta(microseconds=0 if self._has_ends else 1)
        return core_schema.datetime_schema(
            strict=strict,
            tz_constraint="aware",
            microseconds_precision="truncate",
            ge=datetime.min.replace(tzinfo=UTC) + margin,
            le=datetime.max.replace(tzinfo=UTC) - margin,
        )


def _check_path(most_bytes: int) -> Callable[[str], str]:
    """A validator of a path's bytes and segments; its syntax is the service's to judge."""

    def check(path: str) -> str:
        if len(path.encode(errors="surrogatepass")) > most_bytes:
            raise ValueError(f"a path has at most {most_bytes} bytes")
        if count_segments(path) > MAX_PATH_SEGMENTS:
            raise ValueError(f"a path has at most {MAX_PATH_SEGMENTS} segments")
        return path

    return check


def check_bytes(value: Any, most_bytes: int) -> None:
    """Raise ValueError for a value that is no JSON, or takes more bytes as JSON."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        raise ValueError("it can't be kept as JSON") from None
    if len(text.encode(errors="surrogatepass")) > most_bytes:
        raise ValueError(f"at most {most_bytes} bytes as JSON")


def _check_metadata(metadata: JsonObject) -> JsonObject:
    check_bytes(metadata, MAX_METADATA_BYTES)
    return metadata


def count_segments(path: str) -> int:
    """How many segments a path has, in either spelling; of no path some number near it."""
    if path.startswith("/"):
        return path.count("/")
    bare = _QUOTED.sub("", path)
    return bare.count(".") + bare.count("[") + (bare[:1] not in ("", "["))


_AS_UTC = PlainSerializer(render_time, return_type=str, when_used="json")

Space = Annotated[str, Field(pattern=SPACE_PATTERN)]
AgentName = Annotated[str, Field(pattern=AGENT_PATTERN)]
AgentOrAny = Annotated[str, Field(pattern=AGENT_OR_ANY_PATTERN)]
EventType = Annotated[str, Field(pattern=TYPE_PATTERN)]
Pointer = Annotated[str, Field(pattern=POINTER_PATTERN, max_length=MAX_PATH_BYTES)]
# As a reply has it: what was recorded may have keys of any length.
PathFound = Annotated[
    str, Field(description='dotted, as in `inventory[1]`, or an RFC 6901 pointer; "" is the root')
]
# As a request has it.
Path = Annotated[
    PathFound, Field(max_length=MAX_PATH_BYTES), AfterValidator(_check_path(MAX_PATH_BYTES))
]
PathPattern = Annotated[
    str,
    Field(
        max_length=MAX_PATTERN_BYTES,
        description="a path; `*` stands for any one segment, `**` for any number of them",
    ),
    AfterValidator(_check_path(MAX_PATTERN_BYTES)),
]
PathPatterns = Annotated[tuple[PathPattern, ...], Field(strict=False, max_length=MAX_PATTERNS)]
EventTypes = Annotated[list[EventType], Field(max_length=MAX_TYPES)]
Name = Annotated[str, Field(max_length=MAX_NAME_LENGTH)]
Description = Annotated[str, Field(max_length=MAX_DESCRIPTION_LENGTH)]
Note = Annotated[str, Field(max_length=MAX_NOTE_LENGTH)]
Tags = Annotated[list[Annotated[str, Field(max_length=MAX_TAG_LENGTH)]], Field(max_length=MAX_TAGS)]
Key = Annotated[str, Field(min_length=1, max_length=MAX_KEY_LENGTH)]
Template = Annotated[str, Field(max_length=MAX_TEMPLATE_LENGTH)]
# As a request has it; that of a record is judged with its bytes.
Metadata = Annotated[JsonObject, AfterValidator(_check_metadata)]
Label = Annotated[str, Field(max_length=MAX_LABEL_LENGTH)]
Expression = Annotated[str, Field(min_length=1, max_length=MAX_EXPRESSION_BYTES)]
# Lax on its own, so that a strict record built in Python may be given its id as text.
Id = Annotated[UUID, Field(strict=False)]
Time = Annotated[datetime, _TimeRule(has_ends=True), _AS_UTC]
# Of a record: it is kept in the database.
RecordedTime = Annotated[datetime, _TimeRule(has_ends=False), _AS_UTC]
EventIndex = Annotated[int, Field(ge=BEFORE_FIRST, le=MAX_NUMBER)]
StreamSeq = Annotated[int, Field(ge=0, le=MAX_NUMBER)]
Partition = Annotated[int, Field(ge=0, lt=PARTITIONS)]
Count = Annotated[int, Field(ge=0)]
# A count that a request names.
Number = Annotated[int, Field(ge=0, le=MAX_NUMBER)]
PositiveNumber = Annotated[int, Field(ge=1, le=MAX_NUMBER)]
Depth = Annotated[int, Field(ge=1, le=MAX_SMALL_NUMBER)]
Seconds = Annotated[float, Field(gt=0, le=MAX_SECONDS)]


def spill_bucket(space: str) -> str:
    """The object store bucket that keeps replies too large for a message, for an hour."""
    return f"strato-spill-{space}"


def exports_bucket(space: str) -> str:
    """The object store bucket that keeps exported sessions."""
    return f"strato-exports-{space}"
