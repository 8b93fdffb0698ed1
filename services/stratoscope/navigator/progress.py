"""How far a long request is, told to its requester, and whether it is to go on.

A verb that may last reports as often as it likes: that costs nothing. What it said last is sent on
a few times a second, and at least once a second, so that a requester knows it is not forgotten, and
so that one that is gone is noticed.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from stratoscope_contracts.envelopes import Progress as Told

# Answered beside the usual way: they may last, tell their progress and be stopped.
LASTING: Final = frozenset({"session.continue", "session.export", "session.import"})


class Stopped(Exception):
    """A long request is to end: its requester wants no more of it or is gone, or this process ends.

    The first argument says which, for a person.
    """


@dataclass(slots=True)
class Progress:
    """What a verb reports to, from whichever thread."""

    told: Told = field(default_factory=lambda: Told(done=0))
    why: str = ""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def report(self, done: int, total: int | None = None, stage: str | None = None) -> None:
        """Say how far it is. Raises Stopped where it is to end."""
        self.told = Told(done=done, total=total, stage=stage)
        self.check()

    def check(self) -> None:
        """Raise Stopped where it is to end."""
        if self.why:
            raise Stopped(self.why)

    def stop(self, why: str) -> None:
        """Have it end, at the next report."""
        self.why = self.why or why
        self.stopping.set()
