"""What is told while something long is done, and how long it will still take."""

from collections import deque
from dataclasses import dataclass
from typing import Protocol

# An estimate goes by what was done lately.
_WINDOW_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """How far something is. `rate` is a second; both are None until something can be said."""

    done: int
    total: int
    rate: float | None = None
    seconds_left: float | None = None


class Teller(Protocol):
    """Who passes on to a person what happens."""

    def stage(self, text: str) -> None:
        """Something new begins, or has happened."""

    def progress(self, what: str, estimate: Estimate) -> None:
        """How far it is; often."""


class Pace:
    """Estimates from what was done when."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def estimate(self, now: float, done: int, total: int) -> Estimate:
        """How far it is; `now` is a clock's seconds."""
        self._seen.append((now, done))
        while now - self._seen[0][0] > _WINDOW_SECONDS:
            self._seen.popleft()
        since, before = self._seen[0]
        if now <= since or done <= before:
            return Estimate(done, total)
        rate = (done - before) / (now - since)
        return Estimate(done, total, rate, max(total - done, 0) / rate)
