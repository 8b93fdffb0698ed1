"""The three streams of the contract: made where missing, verified where present.

A stream that is there and differs is reported, never changed: in production its owner has his
reasons. Only what would make the log lie (other subjects, another order of partitions, messages
that leave by being read) is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

from nats.errors import NoRespondersError
from nats.js import JetStreamContext
from nats.js.api import (
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    SubjectTransform,
)
from nats.js.errors import APIError, BadRequestError, NotFoundError, ServiceUnavailableError

from stratoscope.broker.connection import BrokerError
from stratoscope_contracts import subjects
from stratoscope_contracts.words import (
    DEAD_LETTER_DEDUPLICATION_SECONDS,
    MAX_MESSAGE_BYTES,
    RECORD_DEDUPLICATION_SECONDS,
    STREAM_DLQ,
    STREAM_HITS,
    STREAM_RECORD,
)

UNLIMITED: Final = -1
DAY: Final = 24 * 60 * 60.0
DEAD_LETTERS_KEPT: Final = 30 * DAY
HITS_KEPT: Final = 7 * DAY
DEAD_LETTERS_BYTES: Final = 512 << 20
HITS_BYTES: Final = 512 << 20
# A hit is published again after a crash: the window outlasts a restart and a failover.
HITS_DEDUPLICATION: Final = 15 * 60.0

_ALREADY_IN_USE: Final = 10058
_OVERLAP: Final = 10065


class StreamsUnusable(BrokerError):
    """A stream is not what the log needs; `details.differences` names each field."""


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """What an operator decides about the streams that are made for him."""

    max_bytes: int = UNLIMITED
    """Bytes after which STRATO_RECORD refuses new records."""
    max_age: float | None = None
    """Seconds after which STRATO_RECORD drops records; None keeps them."""
    replicas: int = 1


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of a stream that is not as the contract has it."""

    stream: str
    field: str
    expected: Any
    found: Any
    breaking: bool

    def __str__(self) -> str:
        return f"{self.stream}.{self.field} is {self.found!r}, not {self.expected!r}"


@dataclass(frozen=True, slots=True)
class StreamsReport:
    """What was made and what differs, though not so much that the log would lie."""

    made: tuple[str, ...]
    differences: tuple[Difference, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """The differences in words, one each."""
        return tuple(str(difference) for difference in self.differences)


def definitions(settings: StreamSettings) -> tuple[StreamConfig, ...]:
    """The streams as the contract has them."""
    common = StreamConfig(
        storage=StorageType.FILE,
        retention=RetentionPolicy.LIMITS,
        num_replicas=settings.replicas,
        duplicate_window=float(DEAD_LETTER_DEDUPLICATION_SECONDS),
    )
    return (
        replace(
            common,
            name=STREAM_RECORD,
            description="The log: what agents record",
            subjects=[subjects.RECORDED],
            subject_transform=SubjectTransform(
                src=subjects.RECORDED, dest=subjects.STORED_TRANSFORM
            ),
            discard=DiscardPolicy.NEW,
            max_msg_size=MAX_MESSAGE_BYTES,
            max_bytes=settings.max_bytes,
            max_age=settings.max_age,
            duplicate_window=RECORD_DEDUPLICATION_SECONDS,
        ),
        replace(
            common,
            name=STREAM_DLQ,
            description="Records that could not be taken, as they came",
            subjects=[subjects.DEAD_LETTERS],
            max_age=DEAD_LETTERS_KEPT,
            # The oldest go: the table has them. Without a bound, refused records fill the broker's
            # disk, and no agent can record.
            max_bytes=DEAD_LETTERS_BYTES,
            discard=DiscardPolicy.OLD,
        ),
        replace(
            common,
            name=STREAM_HITS,
            description="Breakpoint hits",
            subjects=[subjects.HITS],
            max_age=HITS_KEPT,
            max_bytes=HITS_BYTES,
            discard=DiscardPolicy.OLD,
            duplicate_window=HITS_DEDUPLICATION,
        ),
    )


async def ensure_streams(jetstream: JetStreamContext, settings: StreamSettings) -> StreamsReport:
    """Make the missing streams and verify the others; the latter are never changed.

    Raises StreamsUnusable where a stream cannot be made, or is so different that the log would
    lie; every smaller difference is in the report.
    """
    made: list[str] = []
    found_differences: list[Difference] = []
    for expected in definitions(settings):
        found, is_new = await _find_or_make(jetstream, expected)
        if is_new:
            made.append(str(expected.name))
        found_differences.extend(differences(expected, found))
    breaking = [difference for difference in found_differences if difference.breaking]
    if breaking:
        raise StreamsUnusable(
            "; ".join(map(str, breaking)) + ": it was left as it is; give it another name, "
            "or bring it to what the contract says",
            {"differences": [_as_json(difference) for difference in breaking]},
        )
    return StreamsReport(tuple(made), tuple(found_differences))


async def _find_or_make(
    jetstream: JetStreamContext, expected: StreamConfig
) -> tuple[StreamConfig, bool]:
    name = str(expected.name)
    try:
        return (await jetstream.stream_info(name)).config, False
    except NotFoundError:
        pass
    except (ServiceUnavailableError, NoRespondersError) as error:
        raise StreamsUnusable(
            "the broker does not answer for JetStream: start nats-server with -js"
        ) from error
    try:
        return (await jetstream.add_stream(expected)).config, True
    except BadRequestError as error:
        if error.err_code != _ALREADY_IN_USE:
            raise _cannot_make(name, error) from error
        # Somebody else made it meanwhile, with other settings: it is his, and verified like his.
        return (await jetstream.stream_info(name)).config, False
    except APIError as error:
        raise _cannot_make(name, error) from error


def _cannot_make(name: str, error: APIError) -> StreamsUnusable:
    advice = (
        "another stream takes some of its subjects: see `nats stream ls --subjects`"
        if error.err_code == _OVERLAP
        else "see the broker's storage limits and number of servers"
    )
    return StreamsUnusable(f"cannot make the stream {name} ({error.description}): {advice}")


# Of each field, whether the log would lie if it were another.
_FIELDS: Final = {
    "subjects": True,
    "subject_transform": True,
    "retention": True,
    "sealed": True,
    "no_ack": True,
    "mirror": True,
    "sources": True,
    # With these an agent's own headers could empty the log, let records expire, or have the broker
    # record for another agent.
    "allow_rollup_hdrs": True,
    "allow_msg_ttl": True,
    "allow_msg_schedules": True,
    "allow_msg_counter": True,
    "allow_atomic": True,
    "storage": False,
    "discard": False,
    "max_msg_size": False,
    "max_bytes": False,
    "max_age": False,
    "max_msgs": False,
    "max_msgs_per_subject": False,
    "duplicate_window": False,
    "num_replicas": False,
}


def differences(expected: StreamConfig, found: StreamConfig) -> Iterator[Difference]:
    """The fields in which a stream is not as the contract has it."""
    for field, breaking in _FIELDS.items():
        want, have = (_plain(field, getattr(config, field)) for config in (expected, found))
        if want != have:
            yield Difference(str(expected.name), field, want, have, breaking)


_NO_LIMIT: Final = frozenset({"max_msgs", "max_bytes", "max_age", "max_msgs_per_subject"})


def _plain(field: str, value: Any) -> Any:
    """A field in the one spelling that both a wish and a server's answer can be brought to."""
    if field in _NO_LIMIT and value in (None, 0, UNLIMITED):
        return None
    match value:
        case Enum():
            return value.value
        case list():
            return sorted(map(str, value))
        case SubjectTransform():
            return f"{value.src} → {value.dest}"
        case _:
            return value or None


def _as_json(difference: Difference) -> dict[str, Any]:
    return {
        "stream": difference.stream,
        "field": difference.field,
        "expected": difference.expected,
        "found": difference.found,
    }
