"""Watching whether the log is still the one that was projected.

Where it was rolled back or replaced, its numbers name other messages than those that are
projected: a request that waits for one of them must not be answered with an old state.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final

import structlog
from nats.aio.client import Client
from nats.js.errors import NotFoundError

from stratoscope.broker.ending import end_tasks
from stratoscope.broker.front import read_message
from stratoscope.broker.quorum import has_quorum
from stratoscope.domain.log_identity import (
    RememberedLog,
    fingerprint,
    identity_difference,
    message_difference,
)
from stratoscope.navigator.serving import Serving
from stratoscope.navigator.upkeep import repeat
from stratoscope.navigator.waiting import Waiting
from stratoscope.store.doctor import Patient
from stratoscope.telemetry.pulse import Pulse
from stratoscope_contracts.words import STREAM_RECORD

_EVERY: Final = 2.5
_PATIENCE: Final = 5.0
_ASK_SECONDS: Final = 4.0
# As in `projector.log_check`: a deposed leader answers for some ten seconds, and says what is old.
_DEPOSED_SECONDS: Final = 15.0
SILENCE_SECONDS: Final = 10.0
log = structlog.get_logger(__name__)


class LogWatch:
    """Compares the log with what the projection remembers of it, again and again."""

    def __init__(
        self, client: Client, sessions: Serving, waiting: Waiting, every: float = _EVERY
    ) -> None:
        self._client = client
        self._jetstream = client.jetstream(timeout=_ASK_SECONDS)
        self._sessions = sessions
        self._waiting = waiting
        self._every = every
        # Since when the log is suspected, and whether a deposed leader may have described it.
        self._suspected_at: float | None = None
        self._is_copied = False
        self.difference: str | None = None
        self.broker = Pulse(SILENCE_SECONDS)

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        await repeat(self._turn, self._every, "can't compare the log with the projection")

    async def _turn(self) -> None:
        # Whether the broker answers is told, whatever the database does.
        try:
            info = await self._jetstream.stream_info(STREAM_RECORD)
        except NotFoundError:
            # No projector has created it yet; or it is about to be restored.
            self.broker.beat()
            return
        if not has_quorum(info):
            # Its leader describes the log as it was.
            return
        self.broker.beat()
        async with asyncio.timeout(_PATIENCE):
            difference = await self.look()
        if difference is None:
            self._suspected_at = None
            self._tell(None)
        elif self._suspected_at is None:
            # Once is no proof.
            self._suspected_at = monotonic()
        elif not self._is_copied or monotonic() - self._suspected_at > _DEPOSED_SECONDS:
            self._tell(difference)

    def _tell(self, difference: str | None) -> None:
        if difference != self.difference:
            log.warning("the log and the projection", difference=difference or "agree again")
        self.difference = difference
        self._waiting.refuse(difference)

    async def look(self) -> str | None:
        """How the log differs from what was projected; None where it does not."""
        # In this order: what is committed between the two is in the log.
        known = await self._remembered()
        info = await self._jetstream.stream_info(STREAM_RECORD)
        self._is_copied = info.cluster is not None and bool(info.cluster.replicas)
        state = info.state
        found = identity_difference(STREAM_RECORD, info.created, state.last_seq, known)
        for stream_seq, digest in known.probes:
            if found is None and stream_seq >= state.first_seq:
                found = await self._compare(stream_seq, digest)
        return found

    async def _remembered(self) -> RememberedLog:
        async with self._sessions.acquire() as session:
            patient = Patient(session)
            created_at = await patient.log_created_at(STREAM_RECORD)
            held = await patient.checkpoints()
        probes = {(one.probe_seq, one.probe_digest) for one in held if one.probe_digest is not None}
        return RememberedLog(created_at, max(one.stream_seq for one in held), probes)

    async def _compare(self, stream_seq: int, digest: bytes) -> str | None:
        message = await read_message(self._client, STREAM_RECORD, stream_seq)
        if message is None:
            # Erased by an operator: the messages around it still tell.
            return None
        found = fingerprint(message.subject, message.data)
        return message_difference(STREAM_RECORD, stream_seq, digest, found)


@asynccontextmanager
async def log_watching(watch: LogWatch) -> AsyncIterator[LogWatch]:
    """Watch as long as the block lasts."""
    task = asyncio.create_task(watch.run(), name="log watch")
    try:
        yield watch
    finally:
        await end_tasks([task])
