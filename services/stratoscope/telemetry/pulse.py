"""When a part that is needed answered last."""

import time
from collections.abc import Callable


class Pulse:
    """Seconds since something answered, and whether that is longer than `patience`."""

    def __init__(self, patience: float, now: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._now = now
        self._answered_at = now()

    def beat(self) -> None:
        """It answered just now."""
        self._answered_at = self._now()

    @property
    def seconds(self) -> float:
        """How long ago it answered last; at first, since it is asked."""
        return self._now() - self._answered_at

    @property
    def is_silent(self) -> bool:
        """Whether it has not answered for too long."""
        return self.seconds > self._patience
