"""What a space may have: agents and bytes. What is over becomes dead letters.

Agents are counted when one is met that intake has not in memory; bytes once in a while. So it costs
nothing where no quota is set, and next to nothing where one is; in return a space may get over it
by what several projectors, or a cleanup's interval, let in at once.
"""

import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Protocol

from stratoscope.domain.records import Message, Rejection, Timeline
from stratoscope.store.quotas import SpaceCounts

QUOTA = "quota"


@dataclass(frozen=True, slots=True)
class Quota:
    """The most that each space may have; None is without a limit."""

    agents: int | None = None
    bytes: int | None = None

    @property
    def is_limited(self) -> bool:
        """Whether there is anything to hold to."""
        return self.agents is not None or self.bytes is not None


class Holding(Protocol):
    """Who holds a batch to a quota: see `Quotas`."""

    async def hold(
        self, decoded: list[Message | Rejection], known: Container[Timeline]
    ) -> list[Message | Rejection]:
        """The same, with what is over refused."""


class Quotas:
    """Holds the messages of a batch to a quota."""

    def __init__(
        self,
        counts: SpaceCounts,
        quota: Quota,
        interval: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._counts = counts
        self._quota = quota
        self._interval = interval
        self._clock = clock
        self._full: frozenset[str] = frozenset()
        self._looked_at: float | None = None

    async def hold(
        self, decoded: list[Message | Rejection], known: Container[Timeline]
    ) -> list[Message | Rejection]:
        """The same, with what is over refused; agents that are `known` need not be looked for."""
        await self._look()
        surplus = await self._surplus(decoded, known)
        if not surplus and not self._full:
            return decoded
        return [self._verdict(one, surplus) for one in decoded]

    async def _look(self) -> None:
        if self._quota.bytes is None:
            return
        now = self._clock()
        if self._looked_at is None or now - self._looked_at >= self._interval:
            self._full, self._looked_at = await self._counts.full(self._quota.bytes), now

    async def _surplus(
        self, decoded: Sequence[Message | Rejection], known: Container[Timeline]
    ) -> set[Timeline]:
        """The new agents for which there is no room; the first ones in the log have it."""
        if self._quota.agents is None:
            return set()
        new = {
            one.timeline: None
            for one in decoded
            if isinstance(one, Message) and not one.refused and one.timeline not in known
        }
        if new:
            for one in await self._counts.there(new):
                del new[one]
        if not new:
            return set()
        counts = await self._counts.agents({space for space, _ in new})
        surplus = set()
        for timeline in new:
            count = counts[timeline[0]] = counts.get(timeline[0], 0) + 1
            if count > self._quota.agents:
                surplus.add(timeline)
        return surplus

    def _verdict(self, message: Message | Rejection, surplus: set[Timeline]) -> Message | Rejection:
        if isinstance(message, Rejection) or message.refused:
            return message
        if message.timeline in surplus:
            detail = f"the space has {self._quota.agents} agents, as many as it may"
        elif message.space in self._full:
            detail = f"the space's states take {self._quota.bytes} bytes, as many as they may"
        else:
            return message
        return Rejection(message.stream_seq, None, QUOTA, detail)
