"""A projector's life: term after term, until it is stopped or the log is not the one it knows.

A failure that passes (a lost connection, a lost lease, doubt about the order of delivery) ends a
term, and the next one starts from the checkpoints with nothing remembered. What does not pass
halts the projector: it stays up, says why on `/readyz`, and touches nothing.
"""

import asyncio
from contextlib import suppress

import asyncpg
import structlog
from nats.errors import Error as NatsError

from stratoscope.broker.puller import Doubt
from stratoscope.domain.delta import DamagedChain
from stratoscope.projector.dead_letters import Undertaker
from stratoscope.projector.log_check import LogReplaced
from stratoscope.projector.term import Term, Wiring
from stratoscope.store.database import DatabaseUnreachable
from stratoscope.store.intake import FenceLost

log = structlog.get_logger(__name__)

_PASSING = (
    *(Doubt, FenceLost, DatabaseUnreachable, asyncpg.PostgresError, asyncpg.InterfaceError),
    *(NatsError, OSError, TimeoutError),
)
_BACKOFF = 0.1
_MAX_BACKOFF = 5.0


class Projector:
    """One process's projecting."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._stopping = wiring.stopping
        self._undertaker = Undertaker(wiring.broker.client, wiring.pool)
        self._term: Term | None = None
        self.halted: str | None = None

    @property
    def holding(self) -> int:
        """How many partitions are held now."""
        return self._term.holding if self._term else 0

    async def run(self) -> None:
        """Project until stopped."""
        publishing = asyncio.create_task(self._publish_dead_letters(), name="dead letters")
        try:
            await self._terms()
        finally:
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)

    async def _terms(self) -> None:
        backoff = _BACKOFF
        while not self._stopping.is_set():
            self._term = Term(self._wiring, self._undertaker.work)
            try:
                await self._term.run()
            except (LogReplaced, DamagedChain) as error:
                await self._halt(str(error))
            except _PASSING as error:
                self._wiring.metrics.restarted(type(error).__name__)
                log.warning("starting again from the checkpoints", error=describe(error))
                # A term that got somewhere was no part of a row of failures.
                backoff = _BACKOFF if self._term.progressed else min(backoff * 2, _MAX_BACKOFF)
                await self._rest(backoff)

    async def _halt(self, reason: str) -> None:
        self.halted = reason
        self._wiring.metrics.halted()
        log.error("halted: nothing is projected until this is mended", reason=reason)
        await self._stopping.wait()

    async def _publish_dead_letters(self) -> None:
        while True:
            try:
                await self._undertaker.run()
            except _PASSING as error:
                log.warning("dead letters wait to be published", error=describe(error))
                self._undertaker.work.set()
                await self._rest(_MAX_BACKOFF)

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def describe(error: BaseException) -> str:
    """An error in a line of the log; some of the libraries' have no words of their own."""
    return f"{type(error).__name__}: {error}".rstrip(": ")
