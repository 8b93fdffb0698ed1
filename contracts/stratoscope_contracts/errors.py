"""Every way a request can fail, as one tree of exceptions with the codes of the wire.

A service raises them and `to_body` puts them into a reply; a client reads a reply and
`from_body` raises the same again. `details` is for machines, `message` for people; neither ever
holds a driver's text or what a stranger sent.

    StratoError
      BadRequest, InvalidExpression                                    400
      NotFound: AgentNotFound, EventNotFound, SnapshotNotFound,
        SessionNotFound, BreakpointNotFound, ObjectNotFound,
        EmptyEventLog                                                  404
      ConcurrentAccess                                                 409
      NavigationOutOfBounds                                            416
      ComparisonFailed, ReplayFailed, InvalidDiff, ImportFailed        422
      NotProjectedYet                                                  425
      OverBudget                                                       429
      Internal                                                         500
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, Final, Self, get_args

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from stratoscope_contracts.envelopes import ValueModel
from stratoscope_contracts.words import (
    HEADER_ERROR,
    HEADER_ERROR_NUMBER,
    ConditionKind,
    JsonObject,
    PatchOp,
    RecordKind,
)


class Code(StrEnum):
    """The codes of the wire."""

    BAD_REQUEST = "bad_request"
    INVALID_EXPRESSION = "invalid_expression"
    AGENT_NOT_FOUND = "agent_not_found"
    EVENT_NOT_FOUND = "event_not_found"
    SNAPSHOT_NOT_FOUND = "snapshot_not_found"
    SESSION_NOT_FOUND = "session_not_found"
    BREAKPOINT_NOT_FOUND = "breakpoint_not_found"
    OBJECT_NOT_FOUND = "object_not_found"
    EMPTY_EVENT_LOG = "empty_event_log"
    NAVIGATION_OUT_OF_BOUNDS = "navigation_out_of_bounds"
    CONCURRENT_ACCESS = "concurrent_access"
    COMPARISON_FAILED = "comparison_failed"
    REPLAY_FAILED = "replay_failed"
    INVALID_DIFF = "invalid_diff"
    IMPORT_FAILED = "import_failed"
    NOT_PROJECTED_YET = "not_projected_yet"
    OVER_BUDGET = "over_budget"
    INTERNAL = "internal"


NUMBERS: Final[Mapping[Code, int]] = {
    Code.BAD_REQUEST: 400,
    Code.INVALID_EXPRESSION: 400,
    Code.AGENT_NOT_FOUND: 404,
    Code.EVENT_NOT_FOUND: 404,
    Code.SNAPSHOT_NOT_FOUND: 404,
    Code.SESSION_NOT_FOUND: 404,
    Code.BREAKPOINT_NOT_FOUND: 404,
    Code.OBJECT_NOT_FOUND: 404,
    Code.EMPTY_EVENT_LOG: 404,
    Code.NAVIGATION_OUT_OF_BOUNDS: 416,
    Code.CONCURRENT_ACCESS: 409,
    Code.COMPARISON_FAILED: 422,
    Code.REPLAY_FAILED: 422,
    Code.INVALID_DIFF: 422,
    Code.IMPORT_FAILED: 422,
    Code.NOT_PROJECTED_YET: 425,
    Code.OVER_BUDGET: 429,
    Code.INTERNAL: 500,
}


class ErrorBody(ValueModel):
    """The body of an error reply; `code` stays text, since a later navigator may know more."""

    code: str
    message: str
    details: JsonObject = Field(default_factory=dict)


class StratoError(Exception):
    """Anything that a request can end in other than its reply."""

    code: ClassVar[Code] = Code.INTERNAL

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, Any] = dict(details or {})

    @property
    def number(self) -> int:
        """The HTTP-like number that goes into the header."""
        return NUMBERS[self.code]

    def to_body(self) -> ErrorBody:
        """The reply's body."""
        return ErrorBody(code=self.code.value, message=self.message, details=self.details)

    def to_headers(self) -> dict[str, str]:
        """The reply's headers; the text is one line and never empty, as NATS services need."""
        text = " ".join(self.message.split()) or self.code.value
        return {HEADER_ERROR: text, HEADER_ERROR_NUMBER: str(self.number)}

    @staticmethod
    def from_body(body: ErrorBody) -> "StratoError":
        """The exception that a reply stands for; a code not known here is Internal, named."""
        found = _BY_CODE.get(body.code)
        if found is None:
            return Internal(body.message, {**body.details, "code": body.code})
        return found(body.message, body.details)

    @staticmethod
    def from_reply(body: bytes | str) -> "StratoError":
        """The exception in the bytes of an error reply, whatever came."""
        try:
            return StratoError.from_body(ErrorBody.model_validate_json(body))
        except ValidationError:
            return Internal("the service answered with an error that can't be read")


class BadRequest(StratoError):
    """The body does not fit; `details.errors` names each field."""

    code = Code.BAD_REQUEST

    @classmethod
    def of_fields(cls, *errors: tuple[str, str]) -> Self:
        """From field and message, where the fault is found after the shape."""
        listed = [{"field": field, "message": message} for field, message in errors]
        named = ", ".join(sorted({field for field, _ in errors if field})) or "the body"
        return cls(f"the request does not fit: {named}", {"errors": listed})

    @classmethod
    def of_whole(cls, message: str, **details: Any) -> Self:
        """From what is wrong with a request as a whole, no field being at fault."""
        return cls(message, {"errors": [{"field": "", "message": message}], **details})

    @classmethod
    def from_validation(cls, error: ValidationError) -> Self:
        """From pydantic's findings, without what was sent."""
        return cls.of_fields(*field_errors(error))


class InvalidExpression(StratoError):
    """A condition or a `where` does not compile."""

    code = Code.INVALID_EXPRESSION


class NotFound(StratoError):
    """Something named is not there; raised by its kinds only."""


class AgentNotFound(NotFound):
    """No record of that agent in the space."""

    code = Code.AGENT_NOT_FOUND


class EventNotFound(NotFound):
    """No event with that id."""

    code = Code.EVENT_NOT_FOUND


class SnapshotNotFound(NotFound):
    """No snapshot with that id."""

    code = Code.SNAPSHOT_NOT_FOUND


class SessionNotFound(NotFound):
    """No session with that id."""

    code = Code.SESSION_NOT_FOUND


class BreakpointNotFound(NotFound):
    """No breakpoint with that id."""

    code = Code.BREAKPOINT_NOT_FOUND


class ObjectNotFound(NotFound):
    """No object of that name, or its time is over."""

    code = Code.OBJECT_NOT_FOUND


class EmptyEventLog(NotFound):
    """The agent has no event yet."""

    code = Code.EMPTY_EVENT_LOG


class NavigationOutOfBounds(StratoError):
    """A place outside the timeline; `details` has the index and the bounds."""

    code = Code.NAVIGATION_OUT_OF_BOUNDS

    @classmethod
    def at(cls, index: int, first: int, last: int) -> Self:
        """For an index outside first..last, both ends belonging to the timeline."""
        details = {"index": index, "first": first, "last": last}
        return cls(f"{index} is outside {first} to {last}", details)


class ConcurrentAccess(StratoError):
    """The session's state or version forbids it; `details.state`."""

    code = Code.CONCURRENT_ACCESS


class ComparisonFailed(StratoError):
    """Two states could not be compared."""

    code = Code.COMPARISON_FAILED


class ReplayFailed(StratoError):
    """A replay could not go on."""

    code = Code.REPLAY_FAILED


class InvalidDiff(StratoError):
    """A difference that does not apply or can't be rendered."""

    code = Code.INVALID_DIFF


class ImportFailed(StratoError):
    """An export that can't be taken in; nothing was changed."""

    code = Code.IMPORT_FAILED


class NotProjectedYet(StratoError):
    """`wait_for` was not reached in time."""

    code = Code.NOT_PROJECTED_YET


class OverBudget(StratoError):
    """A query's work limit was reached; `details` says how far it got."""

    code = Code.OVER_BUDGET


class Internal(StratoError):
    """A fault of the service, told without its innards."""

    code = Code.INTERNAL


_KINDS: Final = (
    BadRequest,
    InvalidExpression,
    AgentNotFound,
    EventNotFound,
    SnapshotNotFound,
    SessionNotFound,
    BreakpointNotFound,
    ObjectNotFound,
    EmptyEventLog,
    NavigationOutOfBounds,
    ConcurrentAccess,
    ComparisonFailed,
    ReplayFailed,
    InvalidDiff,
    ImportFailed,
    NotProjectedYet,
    OverBudget,
    Internal,
)
_BY_CODE: Final[Mapping[str, type[StratoError]]] = {kind.code.value: kind for kind in _KINDS}


def field_errors(error: ValidationError) -> list[tuple[str, str]]:
    """Field and message of each finding, the field spelled as a path into the body."""
    found = error.errors(include_url=False, include_input=False)
    return [(_field(item["loc"]), _message(item)) for item in found]


# Pydantic puts the name of the union's member that it chose into a location, where the body has
# no such field: after an index, or after one of these fields. Tags of ours are spelled `<…>`.
_TAGS: Final = frozenset((*get_args(RecordKind), *get_args(PatchOp), *get_args(ConditionKind)))
_TAGGED: Final = frozenset({"condition", "until"})


def _message(found: ErrorDetails) -> str:
    # The one message of pydantic's that repeats what was sent.
    if found["type"] == "union_tag_invalid":
        return f"one of {found['ctx']['expected_tags']}"
    return found["msg"]


def _field(location: tuple[int | str, ...]) -> str:
    spelled = ""
    for before, part in zip((None, *location), location, strict=False):
        if isinstance(part, int):
            spelled += f"[{part}]"
        elif not _is_tag(before, part):
            spelled += f".{part}" if spelled else part
    return spelled


def _is_tag(before: int | str | None, part: str) -> bool:
    return part.startswith("<") or (
        part in _TAGS and (isinstance(before, int) or before in _TAGGED)
    )
