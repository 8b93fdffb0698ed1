"""Which long requests their requesters have given up."""

from typing import Final

from nats.aio.msg import Msg

from stratoscope.broker.fair_cache import FairCache
from stratoscope.navigator.reply_guard import ReplyGuard
from stratoscope_contracts.subjects import Cancel, SubjectError, parse
from stratoscope_contracts.words import HEADER_REQUEST

_REMEMBERED: Final = 1024
# A space, and the id that a requester gave its request there.
Key = tuple[str, str]


class Cancelled:
    """What was given up lately: a request may be overtaken by its own cancellation."""

    def __init__(self, guard: ReplyGuard) -> None:
        self._guard = guard
        self._keys: FairCache[bool] = FairCache(_REMEMBERED)

    def __contains__(self, key: Key) -> bool:
        return self._keys.get(*key) is not None

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
