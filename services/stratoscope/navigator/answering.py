"""From a subject and a body to what is sent back: whatever happens, a reply.

An error of the contract is told as it is. Anything else is `internal`, with an id that stands in
the log beside what really happened, and without a word of it.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Final

import asyncpg
import nats.errors
import nats.js.errors
import structlog

from stratoscope.domain.delta import DamagedChain
from stratoscope.navigator.document_budget import DocumentBudget
from stratoscope.navigator.metrics import UNKNOWN, Metrics
from stratoscope.navigator.spill import Spills
from stratoscope_contracts.errors import BadRequest, Code, Internal, StratoError
from stratoscope_contracts.subjects import ROOT, Cancel, Nav, SubjectError, parse
from stratoscope_contracts.verbs import VERBS

Dispatched = Callable[[str, str, bytes], Awaitable[bytes]]
# What a reply's headers and the broker's own framing take at most.
_MARGIN: Final = 4096
_MESSAGE_LETTERS: Final = 500
_ERROR_BYTES: Final = 64 * 1024
_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    OSError,
    TimeoutError,
)
# Before those of the database: nats-py's time-out is a TimeoutError as well.
_LOST_BROKER = (
    nats.errors.TimeoutError,
    nats.errors.NoRespondersError,
    nats.errors.ConnectionClosedError,
    nats.errors.OutboundBufferLimitError,
    nats.js.errors.NoStreamResponseError,
    nats.js.errors.ServiceUnavailableError,
    nats.js.errors.ServerError,
)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What is sent back."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Answering:
    """Requests in, replies out, each counted."""

    def __init__(
        self,
        dispatch: Dispatched,
        spills: Spills,
        metrics: Metrics,
        message_limit: int,
        documents: DocumentBudget | None = None,
    ) -> None:
        self._documents = documents or DocumentBudget()
        self._dispatch = dispatch
        self._spills = spills
        self._metrics = metrics
        self._limit = message_limit - _MARGIN

    async def reply(self, subject: str, body: bytes) -> Outgoing | None:
        """The reply to a request; None where nobody waits for one."""
        started = perf_counter_ns()
        verb = verb_in(subject)
        error: StratoError | None = None
        try:
            named = parse(subject)
            if isinstance(named, Cancel):
                return None
            if not isinstance(named, Nav):
                raise BadRequest.of_whole("not a request to the navigator")
            outgoing = await self._answered(named.space, named.verb, body)
        except Exception as unexpected:
            error, outgoing = as_told(verb, unexpected)
        code = error.code.value if error else None
        self._metrics.answered(verb, code, perf_counter_ns() - started)
        return outgoing

    def count_refusal(self, subject: str, code: Code) -> None:
        """Count a request that is not admitted."""
        self._metrics.answered(verb_in(subject), code.value, 0)

    async def _answered(self, space: str, verb: str, body: bytes) -> Outgoing:
        async with self._documents.request(space):
            reply = await self._dispatch(space, verb, body)
            if len(reply) > self._limit:
                reply = await self._spills.keep(space, reply)
            return Outgoing(reply)


def verb_in(subject: str) -> str:
    """The verb as a label: one of the contract's, or `unknown`."""
    verb = subject.partition(".nav.")[2] if subject.startswith(f"{ROOT}.") else ""
    return verb if verb in VERBS else UNKNOWN


def refused(over: StratoError) -> Outgoing:
    """The reply to what is not admitted."""
    return Outgoing(_body(over), over.to_headers())


def as_told(verb: str, error: Exception) -> tuple[StratoError, Outgoing]:
    """Whatever went wrong as an error of the contract, and as what is sent back."""
    match error:
        case SubjectError():
            told: StratoError = BadRequest.of_whole(f"the subject can't be read: {error}")
        case StratoError():
            told = error
        case _:
            told = _internal(verb, error)
    told = _shortened(told)
    return told, Outgoing(_body(told), told.to_headers())


def _shortened(error: StratoError) -> StratoError:
    """An error that fits into headers and a message: megabytes can have as many faults."""
    message, details = error.message, error.details
    if len(message) > _MESSAGE_LETTERS:
        message = f"{message[:_MESSAGE_LETTERS]}…"
    if len(_body(error)) > _ERROR_BYTES:
        details = {}
    return type(error)(message, details)


def _body(error: StratoError) -> bytes:
    return error.to_body().model_dump_json().encode()


def _internal(verb: str, error: Exception) -> Internal:
    number = secrets.token_hex(4)
    # An outage fails every request: its trace says nothing, and the error is enough.
    trace: BaseException | None = error
    match error:
        case DamagedChain():
            said = "the state that is stored there is damaged"
        case _ if isinstance(error, _LOST_BROKER):
            said, trace = "the broker does not answer just now", None
        case _ if isinstance(error, _LOST):
            said, trace = "the database does not answer just now", None
        case _:
            said = "something went wrong here"
    what = f"{type(error).__name__}: {error}"
    told = {"error_id": number, "verb": verb, "said": said}
    log.error("a request failed", **told, error=what, exc_info=trace)
    return Internal(f"{said}; the navigator's log has it as {number}", {"error_id": number})
