"""Admission of requests and shares of what they use, between clients and spaces.

`domain.shares` decides; this module waits, refuses and counts. A space that saturates a resource
waits for itself: other spaces find a free slot. What is over a limit is `over_budget`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from time import monotonic
from typing import Final, Literal, Protocol

from nats.aio.msg import Msg

from stratoscope.domain.shares import FairBytes, FairShares, Grant, ShareLimits
from stratoscope.navigator.document_budget import DocumentBudget
from stratoscope.navigator.loop_share import LoopShare
from stratoscope.navigator.space_directory import SpaceDirectory
from stratoscope_contracts.errors import OverBudget
from stratoscope_contracts.words import MAX_REQUESTS_AT_A_TIME, MIB

Kind = Literal[
    "requests",
    "sessions",
    "walks",
    "long_requests",
    "replays",
    "exchange",
    "expressions",
    "comparisons",
    "gates",
]
Rate = Literal["gate_rate", "discovery_rate", "cancel_rate", "flood"]
Limit = Literal["client", "request_bytes"] | Rate | Kind
# What a client hears that it may wait before it asks again.
RETRY_SECONDS: Final = 1.0
_QUEUE: Final = 4096
# Agents that ask at their gates at a time.
_GATES: Final = 4096
# Of requests, and as many of questions at gates, that are held at a time.
REQUEST_BYTES: Final = 64 * MIB
_SINGLE_LOGIN: Final = "_INBOX."
# The part of a NUID that stays the same for all inboxes of a connection.
_NUID_PREFIX: Final = 12
_NO_SPACE: Final = ""
_space: ContextVar[str] = ContextVar("space", default=_NO_SPACE)


class ShareMeter(Protocol):
    """What counts refusals and waits."""

    def refuse(self, limit: Limit) -> None:
        """Count a refusal."""
        ...

    def wait(self, kind: Kind, seconds: float) -> None:
        """Count a wait for a slot."""
        ...


class NoMeter:
    """Counts nothing."""

    def refuse(self, limit: Limit) -> None:
        """Count no refusal."""

    def wait(self, kind: Kind, seconds: float) -> None:
        """Count no wait."""


def set_space(space: str) -> None:
    """Name the space for which this task works from here on."""
    _space.set(space)


def over_limit(limit: Limit, at_a_time: int) -> OverBudget:
    """Build the refusal of what is over a limit."""
    said = limit.replace("_", " ")
    whose = "of a client" if limit == "client" else f"of a space ({said})"
    return OverBudget(
        f"at most {at_a_time} {whose} go on at a time here: ask again once one has ended",
        {"limit": limit, "at_a_time": at_a_time, "retry_seconds": RETRY_SECONDS},
    )


def over_rate(limit: Rate, per_second: float) -> OverBudget:
    """Build the refusal of what comes too often."""
    return OverBudget(
        f"at most {per_second:g} a second are answered here ({limit.replace('_', ' ')}): wait a"
        " moment before you ask again",
        {"limit": limit, "per_second": per_second, "retry_seconds": RETRY_SECONDS},
    )


def size_of(message: Msg) -> int:
    """How many bytes a message keeps for as long as it is answered: its body and its headers."""
    headers = message.headers
    if not headers:
        return len(message.data)
    return len(message.data) + sum(len(name) + len(value) for name, value in headers.items())


def too_many_bytes(most: int) -> OverBudget:
    """Build the refusal of a request that would have a space hold more bytes than its share."""
    return OverBudget(
        f"the requests of a space have at most {most} bytes at a time here:"
        " ask again once one has ended",
        {"limit": "request_bytes", "at_a_time": most, "retry_seconds": RETRY_SECONDS},
    )


def client_of(reply: str) -> str:
    """Identify the client by its reply subject, the one thing that a broker with roles checks.

    With roles that is `_INBOX_<role>.<space>.<name>`; with a single login the part of the inbox
    that stays the same for a connection. A client with many names has its space's share.
    """
    if reply.startswith(_SINGLE_LOGIN):
        return reply[: len(_SINGLE_LOGIN) + _NUID_PREFIX]
    parts = reply.split(".", 3)
    return ".".join(parts[:3])


class Share:
    """A resource that spaces share: a slot each for as long as a block lasts."""

    def __init__(
        self,
        kind: Kind,
        limits: ShareLimits,
        meter: ShareMeter | None = None,
        patience: float | None = None,
    ) -> None:
        """Wait for a slot for at most `patience` seconds; without a limit where it is None."""
        self.kind = kind
        self.limits = limits
        self._meter = meter or NoMeter()
        self._patience = patience
        self._shares: FairShares[asyncio.Future[None]] = FairShares(limits)

    @asynccontextmanager
    async def take(self, space: str | None = None) -> AsyncIterator[None]:
        """Hold a slot; by default for the space that this task works for. Raises OverBudget."""
        space = _space.get() if space is None else space
        await self._acquire(space)
        try:
            yield
        finally:
            self._release(space)

    def refusal(self) -> OverBudget:
        """Count a refusal and build its error."""
        self._meter.refuse(self.kind)
        return over_limit(self.kind, self.limits.alone)

    async def _acquire(self, space: str) -> None:
        slot: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asked_at = monotonic()
        grant = self._shares.ask(space, slot, asked_at)
        if grant is Grant.REFUSED:
            raise self.refusal()
        if grant is Grant.QUEUED:
            await self._wait(space, slot)
            self._meter.wait(self.kind, monotonic() - asked_at)

    async def _wait(self, space: str, slot: asyncio.Future[None]) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await slot
        except BaseException as error:
            if slot.done() and not slot.cancelled():
                # It was granted in the same turn of the loop.
                self._release(space)
            else:
                self._shares.withdraw(space, slot)
            if isinstance(error, TimeoutError):
                raise self.refusal() from error
            raise

    def _release(self, space: str) -> None:
        for slot in self._shares.release(space, monotonic()):
            if slot.cancelled():
                # Its task is about to withdraw, and does not know that it was served.
                self._release(space)
            else:
                slot.set_result(None)


class Admission:
    """Requests at a time of each client and each space, and their bytes.

    What is over is refused at once.
    """

    def __init__(
        self,
        per_client: int = 64,
        in_all: int = 256,
        meter: ShareMeter | None = None,
        kind: Literal["requests", "gates"] = "requests",
        bytes_in_all: int = REQUEST_BYTES,
    ) -> None:
        self._kind: Kind = kind
        self._per_client = per_client
        self.meter = meter or NoMeter()
        # By space too: an operator may name an admin's inbox, and would use up its requests.
        self._clients: dict[tuple[str, str], int] = {}
        self._spaces: FairShares[None] = FairShares(ShareLimits(in_all))
        self._bytes = FairBytes(bytes_in_all)

    def full(self, space: str, client: str) -> Limit | None:
        """Which limit a small request would meet now; None where it would be admitted."""
        if self._clients.get((space, client), 0) >= self._per_client:
            return "client"
        return None if self._spaces.has_room(space, 0.0) else self._kind

    def refusal(self, limit: Limit) -> OverBudget:
        """Count a refusal and build its error."""
        self.meter.refuse(limit)
        return self.error(limit)

    def count(self, limit: Limit) -> None:
        """Count a refusal whose error is there already."""
        self.meter.refuse(limit)

    def error(self, limit: Limit) -> OverBudget:
        """Build the error of a limit."""
        if limit == "request_bytes":
            return too_many_bytes(self._bytes.alone)
        most = self._per_client if limit == "client" else self._spaces.limits.alone
        return over_limit(limit, most)

    def admit(self, space: str, client: str, size: int) -> Callable[[], None]:
        """Admit a request of `size` bytes; call the result once it is answered.

        Raises OverBudget.
        """
        full = self.full(space, client)
        if full is not None:
            raise self.refusal(full)
        key = (space, client)
        if self._spaces.ask(space, None, 0.0) is not Grant.GRANTED:
            raise self.refusal(self._kind)
        if not self._bytes.take(space, size):
            self._spaces.release(space, 0.0)
            raise self.refusal("request_bytes")
        self._clients[key] = self._clients.get(key, 0) + 1

        def end() -> None:
            self._bytes.give_back(space, size)
            self._spaces.release(space, 0.0)
            if self._clients[key] == 1:
                del self._clients[key]
            else:
                self._clients[key] -= 1

        return end


class Shares:
    """The shares of all that requests of one navigator use."""

    def __init__(
        self,
        pool: int = 16,
        meter: ShareMeter | None = None,
        directory: SpaceDirectory | None = None,
    ) -> None:
        """Part `pool` database sessions; the rest is for breakpoints, holds and health."""
        self.meter = meter
        self.directory = directory or SpaceDirectory()
        self.loop = LoopShare()
        self.documents = DocumentBudget()
        self.asking = Admission(MAX_REQUESTS_AT_A_TIME, _GATES, meter, "gates")
        self.sessions = self._queued("sessions", max(1, pool * 5 // 8), 2, 10.0)
        self.gates = self._queued("gates", max(1, pool * 3 // 16), 1, 4.0)
        self.walks = self._queued("walks", 4, 1, 2.0)
        self.exchange = self._queued("exchange", 3, 1, None)
        self.long_requests = Share("long_requests", ShareLimits(64), meter)
        self.replays = Share("replays", ShareLimits(64), meter)

    def workers(self, kind: Literal["expressions", "comparisons"], count: int) -> Share:
        """Build the share of so many worker processes."""
        return self._queued(kind, count, max(1, count // 2), None)

    def _queued(self, kind: Kind, capacity: int, crowded: int, patience: float | None) -> Share:
        return Share(kind, ShareLimits(capacity, crowded, _QUEUE), self.meter, patience)
