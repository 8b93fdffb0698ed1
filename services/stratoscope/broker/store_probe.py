"""Whether the broker stores what it is sent: a message that is published again and again.

A broker whose disk is full goes on describing its streams and delivering from them, and answers
no publisher. nats-server closes a stream that it could not write to until it is started again,
also where there is space by then. The probe has a stream of its own on the same disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from stratoscope.broker.ending import end_tasks
from stratoscope_contracts.words import STREAM_PROBE, SUBJECT_PROBE

PROBE_SECONDS: Final = 2.5
# A busy broker answers later than a probe waits, once. Readiness fails after two in a row.
UNSTORED_SECONDS: Final = 6.0
NOT_STORED: Final = (
    "JetStream has stored nothing for {:.0f} s: nothing can be recorded. Where the broker's disk is"
    " full (see its log), free space, then restart the broker: it does not write to a stream again"
    " before. A cluster needs a majority of its servers"
)
# More than a page: a full file system may have room for the rest of a file's last one.
_BODY: Final = b"0" * 8192
_ANSWER_SECONDS: Final = 2.0


async def ensure_probe_stream(jetstream: JetStreamContext, replicas: int) -> None:
    """Make the stream where it is missing. Raises NatsError, as where the disk is full."""
    try:
        await jetstream.stream_info(STREAM_PROBE)
    except NotFoundError:
        await jetstream.add_stream(
            StreamConfig(
                name=STREAM_PROBE,
                description="Shows that the broker's disk takes writes",
                subjects=[SUBJECT_PROBE],
                storage=StorageType.FILE,
                discard=DiscardPolicy.OLD,
                max_msgs=1,
                num_replicas=replicas,
            )
        )


async def is_stored(client: Client) -> bool | None:
    """Whether the broker stores a message now.

    None where no stream takes it, and where JetStream answers nothing else either.
    """
    try:
        reply = await client.request(SUBJECT_PROBE, _BODY, timeout=_ANSWER_SECONDS)
    except NoRespondersError:
        return None
    except NatsError:
        return False if await _is_answered(client) else None
    return "error" not in orjson.loads(reply.data)


async def _is_answered(client: Client) -> bool:
    try:
        await client.request(f"$JS.API.STREAM.INFO.{STREAM_PROBE}", b"", timeout=_ANSWER_SECONDS)
    except NatsError:
        return False
    return True


class StoreProbe:
    """Asks again and again whether the broker stores a message."""

    def __init__(self, client: Client, every: float = PROBE_SECONDS) -> None:
        self._client = client
        self._every = every
        self._since: float | None = None

    @property
    def seconds(self) -> float:
        """Seconds in which no message was stored; 0 where the last one was, or is unknown."""
        return 0.0 if self._since is None else monotonic() - self._since

    async def run(self) -> None:
        """Probe until cancelled."""
        while True:
            began = monotonic()
            # Without a connection nothing is known of the disk.
            stored = await is_stored(self._client) if self._client.is_connected else None
            if stored is not False:
                self._since = None
            elif self._since is None:
                self._since = began
            await asyncio.sleep(self._every)


@asynccontextmanager
async def probing(probe: StoreProbe) -> AsyncIterator[StoreProbe]:
    """Probe as long as the block lasts."""
    task = asyncio.create_task(probe.run(), name="store probe")
    try:
        yield probe
    finally:
        await end_tasks([task])
