"""An outage in the log: a line where it begins and where it ends, not one for each attempt."""

import time
from collections.abc import Callable
from typing import Any


class Outage:
    """Logs what fails again and again: its first failure, each new kind of error, and its end."""

    def __init__(self, log: Any, event: str, now: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._event = event
        self._now = now
        self._since: float | None = None
        self._kinds: set[type[BaseException]] = set()

    def fail(self, error: BaseException) -> None:
        """Log an error of a kind that this outage did not have yet."""
        if self._since is None:
            self._since = self._now()
        if type(error) not in self._kinds:
            self._kinds.add(type(error))
            self._log.warning(self._event, error=f"{type(error).__name__}: {error}".rstrip(": "))

    def end(self) -> None:
        """Log the end, where there was an outage."""
        if self._since is not None:
            seconds = round(self._now() - self._since, 1)
            self._log.info(f"over: {self._event}", seconds=seconds)
        self._since = None
        self._kinds.clear()
