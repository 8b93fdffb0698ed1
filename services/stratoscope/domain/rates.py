"""How often each of many senders may do something: a bucket of tokens for each, without a clock."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

# A sender that is forgotten begins with a full bucket again.
_SENDERS_KEPT: Final = 8192


class Rates:
    """Buckets of `burst` tokens that fill at `per_second`; a message takes one."""

    def __init__(self, per_second: float, burst: int, kept: int = _SENDERS_KEPT) -> None:
        self.per_second = per_second
        self._burst = float(burst)
        self._kept = kept
        # Of each sender the tokens that were left, and when; the latest sender is the last.
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def allow(self, sender: Hashable, now: float) -> bool:
        """Take a token, if there is one; `now` is in seconds."""
        tokens, at = self._left.get(sender, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self.per_second)
        allowed = tokens >= 1.0
        self._left[sender] = (tokens - 1.0 if allowed else tokens, now)
        self._left.move_to_end(sender)
        if len(self._left) > self._kept:
            self._left.popitem(last=False)
        return allowed
