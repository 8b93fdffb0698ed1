"""Whether the log is still the one that was projected.

A stream that was purged and made anew, restored from an older backup or swapped for another has
other messages under the same numbers. Projecting on would mix two histories, so it is found out
before the first message is taken, and the projector halts.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from time import monotonic
from typing import Final

import asyncpg
from nats.aio.client import Client
from nats.js.api import StreamInfo

from stratoscope.broker.front import read_message
from stratoscope.projector.pipeline import fingerprint
from stratoscope.store.leases import Held
from stratoscope.store.sql import queries

_SQL = queries("intake")
# In a cluster a deposed leader answers until it misses its followers, for some ten seconds, and
# what it says is old. An end that is believed has been the end for longer.
_DEPOSED_SECONDS: Final = 15.0
_ASK_EVERY: Final = 0.5
_REMEDY = (
    "restore the stream that this database was made from, or point the projector at an empty"
    " database to project this one"
)


class LogReplaced(Exception):
    """The stream is not the one that the projection was made from; says how it is known."""


async def check_log(client: Client, pool: asyncpg.Pool, stream: str, held: Sequence[Held]) -> None:
    """Compare the stream with what the checkpoints remember of it. Raises LogReplaced."""
    info = await _describe(client, stream, max(one.stream_seq for one in held))
    await _check_identity(pool, stream, info)
    last = info.state.last_seq
    for checkpoint in {one.stream_seq for one in held}:
        if checkpoint > last:
            raise LogReplaced(
                f"{stream} ends at {last}, but was projected up to {checkpoint}: it was rolled"
                f" back; {_REMEDY}"
            )
    for seq, digest in {(one.probe_seq, one.probe_digest) for one in held}:
        if digest is not None and seq >= info.state.first_seq:
            await check_message(client, stream, seq, digest)


async def _describe(client: Client, stream: str, reached: int) -> StreamInfo:
    """The stream as its leader describes it, which in a cluster may have to catch up first."""
    until = monotonic() + _DEPOSED_SECONDS
    while True:
        info = await client.jetstream().stream_info(stream)
        is_copied = info.cluster is not None and bool(info.cluster.replicas)
        if info.state.last_seq >= reached or not is_copied or monotonic() >= until:
            return info
        await asyncio.sleep(_ASK_EVERY)


async def _check_identity(pool: asyncpg.Pool, stream: str, info: StreamInfo) -> None:
    created: datetime | None = info.created
    known = await pool.fetchval(_SQL["log"], stream, created)
    if known != created:
        raise LogReplaced(
            f"{stream} was made at {created}, the one that was projected at {known}; {_REMEDY}"
        )


async def check_message(client: Client, stream: str, seq: int, digest: bytes) -> None:
    """Compare one message with what is remembered of it. Raises LogReplaced."""
    found = await read_message(client, stream, seq)
    if found is None:
        # Erased by an operator: the messages around it still hold the stream together.
        return
    if fingerprint(found.subject, found.data) != digest:
        raise LogReplaced(f"{stream} has another message at {seq} than was projected; {_REMEDY}")
