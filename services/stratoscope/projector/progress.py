"""Whether the projector gets on: a loop that turns and commits nothing is of no use.

The log's end is compared with the checkpoints that are held. While they are behind it, each commit
counts as progress; while they are not, there is nothing to do, and no time is counted. A projector
that holds none, as between two attempts, compares with the checkpoints of all.
"""

import time
from collections.abc import Callable, Sequence

from stratoscope.store.leases import Held


class ProgressWatch:
    """Seconds since records were waiting and nothing was committed."""

    def __init__(self, patience: float, now: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._now = now
        self._since: float | None = None
        self._reached: int | None = None
        self._last = 0

    def look(self, last_seq: int, held: Sequence[Held]) -> None:
        """Compare the log's end with the checkpoints that are held."""
        reached = min((one.stream_seq for one in held), default=None)
        if reached is not None:
            self._compare(last_seq, reached)

    def look_at_others(self, last_seq: int, held: Sequence[Held], reached: int) -> None:
        """Compare the log's end with the least checkpoint of all, where none is held."""
        if not held and self._since is not None:
            self._compare(last_seq, reached)

    def _compare(self, last_seq: int, reached: int) -> None:
        if reached >= last_seq:
            self._since = None
        elif self._since is None or (self._reached is not None and reached > self._reached):
            self._since = self._now()
        self._reached = reached
        self._last = last_seq

    @property
    def seconds(self) -> float:
        """How long records have been waiting without a commit; 0 where none wait."""
        return 0.0 if self._since is None else self._now() - self._since

    @property
    def is_stuck(self) -> bool:
        """Whether that is longer than the setting allows."""
        return self.seconds > self._patience

    def describe(self) -> str:
        """Say what does not go on, and what to do."""
        return (
            f"no commit for {self.seconds:.0f} s: messages {(self._reached or 0) + 1} to"
            f" {self._last} wait. See that the database answers and that nothing locks its table"
            " `partition` (pg_stat_activity), and what this process's log says; then restart it"
        )
