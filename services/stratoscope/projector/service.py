"""A projector's life: term after term, until it is stopped or the log is not the one it knows.

A failure that passes (a lost connection, a lost lease, doubt about the order of delivery) ends a
term, and the next one starts from the checkpoints with nothing remembered. What does not pass
halts the projector: it stays up, says why on `/readyz`, and touches nothing.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import asyncpg
import structlog
from nats.errors import Error as NatsError

from stratoscope.broker.ending import end_tasks
from stratoscope.broker.puller import Doubt
from stratoscope.domain.delta import DamagedChain
from stratoscope.projector.dead_letters import Undertaker
from stratoscope.projector.log_check import LogReplaced
from stratoscope.projector.quarantine import Unstorable
from stratoscope.projector.term import Term, Wiring
from stratoscope.store.database import DATABASE_ERRORS
from stratoscope.store.intake import FenceLost
from stratoscope.store.leases import Held

log = structlog.get_logger(__name__)

_PASSING = (
    *(Doubt, FenceLost, Unstorable),
    *(*DATABASE_ERRORS, NatsError),
)
_ADVICE: Final = (
    (asyncpg.DiskFullError, ": the database's disk is full; make room, or drop what is old"),
    (asyncpg.ReadOnlySQLTransactionError, ": the database takes no writes; is it a standby?"),
    (asyncpg.TooManyConnectionsError, ": raise max_connections of Postgres"),
    (asyncpg.QueryCanceledError, ": Postgres is slow, or something locks its tables"),
    (TimeoutError, ": no answer in time"),
)
_BACKOFF = 0.1
_MAX_BACKOFF = 5.0


class Projector:
    """One process's projecting; without `publishes` dead letters wait for another's."""

    def __init__(self, wiring: Wiring, *, publishes: bool = True) -> None:
        self._wiring = wiring
        self._stopping = wiring.stopping
        self._undertaker = Undertaker(wiring.broker.client, wiring.pool)
        self._publishes = publishes
        self._term: Term | None = None
        self.halted: str | None = None
        self._ended_with: Exception | None = None

    @property
    def trouble(self) -> str | None:
        """What the last attempt ended with, in a word and with what to do; None while one goes on.

        It is told to strangers: without the error's own text, which may have values of records.
        """
        if self._ended_with is None or (self._term is not None and self._term.progressed):
            return None
        advice = next((said for kind, said in _ADVICE if isinstance(self._ended_with, kind)), "")
        return f"{type(self._ended_with).__name__}{advice}"

    @property
    def holding(self) -> int:
        """How many partitions are held now."""
        return self._term.holding if self._term else 0

    @property
    def held(self) -> Sequence[Held]:
        """The partitions that are held now, with their checkpoints."""
        return self._term.held if self._term else ()

    async def run(self) -> None:
        """Project until stopped."""
        if not self._publishes:
            return await self._terms()
        publishing = asyncio.create_task(self._publish_dead_letters(), name="dead letters")
        try:
            await self._terms()
        finally:
            await end_tasks([publishing])

    async def _terms(self) -> None:
        backoff = _BACKOFF
        while not self._stopping.is_set():
            term: Term | None = None
            try:
                schema = await self._wiring.following.schema()
                term = self._term = Term(self._wiring, schema, self._undertaker.work)
                log.info("projecting into", schema=schema)
                await term.run()
            except (LogReplaced, DamagedChain) as error:
                await self._halt(str(error), schema)
            except Exception as error:
                self._ended_with = error
                passes = isinstance(error, _PASSING)
                if not passes and self._wiring.quiet:
                    # A rebuild's command says it.
                    raise
                self._wiring.metrics.restarted(type(error).__name__)
                log.warning(
                    "starting again from the checkpoints",
                    error=describe(error),
                    exc_info=None if passes else error,
                )
                # A term that got somewhere was no part of a row of failures.
                progressed = term is not None and term.progressed
                backoff = _BACKOFF if progressed else min(backoff * 2, _MAX_BACKOFF)
                await self._rest(backoff)

    async def _halt(self, reason: str, schema: str) -> None:
        """Stand still until stopped, or until a rebuild has put another projection in place."""
        self.halted = reason
        self._wiring.metrics.halted(True)
        log.error("halted: nothing is projected until this is mended", reason=reason)
        waiting = [
            asyncio.create_task(self._stopping.wait()),
            asyncio.create_task(self._moved(schema)),
        ]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end_tasks(waiting)
        if not self._stopping.is_set():
            self.halted = None
            self._wiring.metrics.halted(False)

    async def _moved(self, schema: str) -> None:
        while True:
            try:
                return await self._wiring.following.moved(schema)
            except _PASSING:
                await asyncio.sleep(_MAX_BACKOFF)

    async def _publish_dead_letters(self) -> None:
        while True:
            try:
                await self._undertaker.run()
            except Exception as error:
                log.warning(
                    "dead letters wait to be published",
                    error=describe(error),
                    exc_info=None if isinstance(error, _PASSING) else error,
                )
                self._undertaker.work.set()
                await self._rest(_MAX_BACKOFF)

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def describe(error: BaseException) -> str:
    """An error in a line of the log; some of the libraries' have no words of their own."""
    return f"{type(error).__name__}: {error}".rstrip(": ")
