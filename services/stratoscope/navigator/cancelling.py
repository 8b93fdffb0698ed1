"""Which long requests their requesters have given up."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg

from stratoscope.broker.fair_cache import FairCache
from stratoscope.domain.rates import Rates
from stratoscope.navigator.flood_cutoff import cutting_off
from stratoscope.navigator.reply_guard import ReplyGuard
from stratoscope.navigator.shares import NoMeter, ShareMeter
from stratoscope.navigator.space_directory import SpaceDirectory
from stratoscope_contracts.subjects import CANCELS, Cancel, SubjectError, parse
from stratoscope_contracts.words import HEADER_REQUEST

_REMEMBERED: Final = 1024
# Of a space; further ones are dropped.
_CANCELS_A_SECOND: Final = 200
_CANCELS_AT_ONCE: Final = 512
# A space, and the id that a requester gave its request there.
Key = tuple[str, str]


class Cancelled:
    """What was given up lately: a request may be overtaken by its own cancellation."""

    def __init__(self, guard: ReplyGuard, meter: ShareMeter | None = None) -> None:
        self._guard = guard
        self._meter = meter or NoMeter()
        self._rates = Rates(_CANCELS_A_SECOND, _CANCELS_AT_ONCE)
        self._keys: FairCache[bool] = FairCache(_REMEMBERED)

    def __contains__(self, key: Key) -> bool:
        return self._keys.get(*key) is not None

    def lets_pass(self, subject: str, reply: str, _: int) -> bool:
        """Whether to read a message on a cancel subject: its space may send so many a second."""
        if not self._guard.accepts_cancel(subject, reply):
            return False
        if self._rates.allow(subject.split(".", 2)[1], monotonic()):
            return True
        self._meter.refuse("cancel_rate")
        return False

    @asynccontextmanager
    async def listening(
        self,
        client: Client,
        cancel: Callable[[Msg], Awaitable[None]],
        directory: SpaceDirectory,
    ) -> AsyncIterator[None]:
        """Hear of what is cancelled, as often as its space may say so."""
        subscription = await client.subscribe(CANCELS, cb=cancel)
        try:
            async with cutting_off(client, subscription, self.lets_pass, directory, self._meter):
                yield
        finally:
            if client.is_connected:
                await subscription.unsubscribe()

    def hear(self, message: Msg) -> Key | None:
        """What a message on a cancel subject gives up; None where it is none."""
        try:
            named = parse(message.subject)
        except SubjectError:
            return None
        if not isinstance(named, Cancel):
            return None
        if not self._guard.accepts_cancel(message.subject, message.reply):
            return None
        key = (named.space, named.request)
        self._keys.put(*key, True)
        return key


def key_of(asked: Msg) -> Key:
    """Whom a cancellation of a request names."""
    return asked.subject.split(".")[1], (asked.headers or {}).get(HEADER_REQUEST, "")
