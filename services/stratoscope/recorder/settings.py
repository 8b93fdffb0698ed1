"""What a recorder is told when it is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args
from urllib.parse import urlsplit

from stratoscope.broker.login import Login
from stratoscope.recorder.compression import compress
from stratoscope.recorder.errors import InvalidName
from stratoscope.recorder.redaction import Redact
from stratoscope_contracts import subjects
from stratoscope_contracts.words import (
    DEFAULT_SPACE,
    KIB,
    MAX_BATCH_RECORDS,
    MAX_MESSAGE_BYTES,
    MIB,
)

OnFull = Literal["drop_oldest", "drop_newest", "wait", "drop"]
Compression = Literal["auto", "always", "never"]

_SCHEMES: Final = ("nats", "tls", "ws", "wss")
DEFAULT_URL: Final = "nats://127.0.0.1:4222"
# Room for the id, a traceparent and the encoding beside a body of the largest size.
HEADER_ROOM: Final = KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderSettings:
    """How a recorder buffers and sends; `stratoscope.connect` explains each."""

    url: str = DEFAULT_URL
    space: str = DEFAULT_SPACE
    name: str = "stratoscope-recorder"
    queue_size: int = 50_000
    queue_bytes: int = 64 * MIB
    on_full: OnFull = "drop_oldest"
    full_wait: float = 0.25
    batch_records: int = 1_000
    batch_bytes: int = 512 * KIB
    batch_age: float = 0.05
    in_flight: int = 16
    ack_timeout: float = 5.0
    redact: Redact | None = None
    compression: Compression = "auto"
    wait_connected: float | None = None
    close_timeout: float = 10.0
    gate_patience: float | None = 10.0
    login: Login | None = None

    def __post_init__(self) -> None:
        check_name(self.space, "a")
        _check_url(self.url)
        if self.login is not None:
            # A file that can't be read is told here, not by a connection that never comes.
            self.login.options()
        _check_word("on_full", self.on_full, get_args(OnFull))
        _check_word("compression", self.compression, get_args(Compression))
        if self.compression == "always" and compress(b"") is None:
            raise ValueError('compression="always" needs stratoscope[zstd]')
        _check_range("queue_size", self.queue_size, 1, None)
        _check_range("full_wait", self.full_wait, 0, None)
        _check_range("queue_bytes", self.queue_bytes, 1, None)
        _check_range("batch_records", self.batch_records, 1, MAX_BATCH_RECORDS)
        _check_range("batch_bytes", self.batch_bytes, 1, MAX_MESSAGE_BYTES - HEADER_ROOM)
        _check_range("batch_age", self.batch_age, 0, None)
        _check_range("in_flight", self.in_flight, 1, None)
        _check_range("ack_timeout", self.ack_timeout, 0.001, None)
        if self.wait_connected is not None:
            _check_range("wait_connected", self.wait_connected, 0, None)
        _check_range("close_timeout", self.close_timeout, 0, None)
        if self.gate_patience is not None:
            _check_range("gate_patience", self.gate_patience, 0, None)


def check_name(space: str, agent: str) -> None:
    """Raise InvalidName where a subject could not hold the two."""
    try:
        subjects.record(space, agent, "batch")
    except subjects.SubjectError as error:
        raise InvalidName(str(error), {"space": space, "agent": agent}) from None


def _check_url(url: str) -> None:
    """Raise ValueError where it names no servers; never with a password in it."""
    for part in url.split(","):
        server = part.strip()
        found = urlsplit(server if "://" in server else f"nats://{server}")
        shown = server.rpartition("@")[2]
        try:
            is_right = found.scheme in _SCHEMES and bool(found.hostname) and found.port != 0
        except ValueError:  # a port that is no number
            is_right = False
        if not is_right:
            raise ValueError(
                f"url names servers as {'://, '.join(_SCHEMES)}://host:port, not {shown!r}"
            )


def _check_word(name: str, value: object, words: tuple[str, ...]) -> None:
    if value not in words:
        raise ValueError(f"{name} is one of {', '.join(words)}, not {value!r}")


def _check_range(name: str, value: float, low: float, high: float | None) -> None:
    # Not `value < low`, which is false of NaN.
    if not value >= low or (high is not None and value > high):
        wanted = f"at least {low}" if high is None else f"{low} to {high}"
        raise ValueError(f"{name} is {wanted}, not {value}")
