"""The two ways in: `stratoscope.connect` and `stratoscope.connect_sync`."""

from __future__ import annotations

from typing import TypedDict, Unpack

from stratoscope.broker.login import Login
from stratoscope.recorder.recorder import Recorder
from stratoscope.recorder.redaction import Redact
from stratoscope.recorder.settings import DEFAULT_URL, Compression, OnFull, RecorderSettings
from stratoscope.recorder.sync import SyncRecorder
from stratoscope_contracts.words import DEFAULT_SPACE


class RecorderOptions(TypedDict, total=False):
    """How a recorder buffers and sends; see `connect`."""

    name: str
    queue_size: int
    queue_bytes: int
    on_full: OnFull
    full_wait: float
    batch_records: int
    batch_bytes: int
    batch_age: float
    in_flight: int
    ack_timeout: float
    redact: Redact | None
    compression: Compression
    wait_connected: float | None
    close_timeout: float
    gate_patience: float | None
    login: Login | None


def connect(
    url: str = DEFAULT_URL, space: str = DEFAULT_SPACE, **options: Unpack[RecorderOptions]
) -> Recorder:
    """A recorder for agents that use asyncio, to be entered with `async with`.

    It connects in the background: without a broker, recording goes on into memory until there is
    one. `wait_connected=seconds` waits for it instead, and raises BrokerUnreachable.

    - `url`: one server or several, parted by commas; `login`: a credentials file, a TLS
      context; `Login.from_environment()` takes them from `STRATO_NATS_CREDS` and its like.
    - `space`: the tenant, `[a-z0-9-]{1,32}`. `name`: how the connection is called at the broker.
    - `queue_size`, `queue_bytes`: how many records, and bytes of them, are buffered at most (50,000
      and 64 MiB).
    - `on_full`, where there is no room: "drop_oldest" (the default) waits for `full_wait` seconds
      (0.25) and then drops the oldest records that are not under way, "drop_newest" (formerly
      "drop") drops the new one, "wait" makes the agent wait for as long as it takes. Nothing waits
      again after a wait in vain until the broker has taken something, nor does a synchronous
      recorder in the thread of an event loop. `stats.dropped` counts what is dropped, and the
      agent's next event carries the number as its `gap`.
    - `batch_records`, `batch_bytes`, `batch_age`: a batch goes out when it has that many records
      (1,000) or bytes (512 KiB), or its oldest record is that many seconds old (0.05).
    - `in_flight`: how many agents' batches are under way at a time (16); `ack_timeout`: seconds
      after which an unacknowledged one is sent again (5).
    - `redact`: paths (`user.token`, `messages[*].content`, `state.keys.*`), or a function of kind
      and record that gives back the record; done before anything is kept.
    - `compression`: "auto" packs only what would not fit into a message, "always" whatever is
      worth it, "never" nothing. It needs `stratoscope[zstd]`.
    - `close_timeout`: how many seconds leaving the context may take to flush (10).
    - `gate_patience`: how many seconds an exact gate waits where nobody ever answered one (10),
      before the agent goes on without an answer; None to wait for ever.

    Raises ValueError for an option that makes no sense, InvalidName for a space that can't be.
    """
    return Recorder(RecorderSettings(url=url, space=space, **options))


def connect_sync(
    url: str = DEFAULT_URL, space: str = DEFAULT_SPACE, **options: Unpack[RecorderOptions]
) -> SyncRecorder:
    """A recorder for agents without asyncio, to be entered with `with`; options as for `connect`.

    It can be used without `with` as well: it starts at the first record, and what is buffered
    when the interpreter exits is flushed for at most `close_timeout` seconds.
    """
    return SyncRecorder(RecorderSettings(url=url, space=space, **options))
