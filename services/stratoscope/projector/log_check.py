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
from stratoscope.domain.log_identity import (
    RememberedLog,
    fingerprint,
    identity_difference,
    message_difference,
)
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
    known = await pool.fetchval(_SQL["log"], stream, info.created)
    await _compare(client, stream, info, known, held)


async def compare_log(
    client: Client, created_at: datetime, stream: str, held: Sequence[Held]
) -> None:
    """The same with a projection that remembers when its stream was created; writes nothing."""
    info = await _describe(client, stream, max(one.stream_seq for one in held))
    await _compare(client, stream, info, created_at, held)


async def _compare(
    client: Client, stream: str, info: StreamInfo, known: datetime | None, held: Sequence[Held]
) -> None:
    remembered = remember(known, held)
    _refuse(identity_difference(stream, info.created, info.state.last_seq, remembered))
    for stream_seq, digest in remembered.probes:
        if stream_seq >= info.state.first_seq:
            await check_message(client, stream, stream_seq, digest)


async def _describe(client: Client, stream: str, reached: int) -> StreamInfo:
    """The stream as its leader describes it, which in a cluster may have to catch up first."""
    until = monotonic() + _DEPOSED_SECONDS
    while True:
        info = await client.jetstream().stream_info(stream)
        is_copied = info.cluster is not None and bool(info.cluster.replicas)
        if info.state.last_seq >= reached or not is_copied or monotonic() >= until:
            return info
        await asyncio.sleep(_ASK_EVERY)


def remember(created_at: datetime | None, held: Sequence[Held]) -> RememberedLog:
    """What checkpoints remember of a stream that was created at a moment."""
    # Each pair: partitions may differ in what they remember of one message.
    probes = {(one.probe_seq, one.probe_digest) for one in held if one.probe_digest is not None}
    return RememberedLog(created_at, max((one.stream_seq for one in held), default=0), probes)


async def check_message(client: Client, stream: str, seq: int, digest: bytes) -> None:
    """Compare one message with what is remembered of it. Raises LogReplaced."""
    found = await read_message(client, stream, seq)
    if found is not None:
        # Else an operator erased it: the messages around it still hold the stream together.
        seen = fingerprint(found.subject, found.data)
        _refuse(message_difference(stream, seq, digest, seen))


def _refuse(difference: str | None) -> None:
    if difference is not None:
        raise LogReplaced(f"{difference}; {_REMEDY}")
