"""An agent's timeline: the order is the log's, the clock is a running maximum.

The agent's own times may go back, stand still or be wrong. A time query must still give a prefix
of the timeline, so each record carries the *clock*: the highest occurred time so far. A record
behind it is late; one more than a day ahead of the broker's time would drag the clock into the
future for good, so it counts as recorded and is called clamped.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

# Positions start here: before the first event.
BEFORE_FIRST = -1

MAX_AHEAD = timedelta(days=1)


class Place(NamedTuple):
    """Where a record stands in the log. All order goes by it."""

    stream_seq: int
    ordinal: int


def tick(
    clock: datetime | None, recorded_clock: datetime | None, occurred: datetime, recorded: datetime
) -> tuple[datetime, datetime]:
    """Both clocks, occurred and recorded, after a record; None stands before an agent's first."""
    # Against the running maximum: where the broker's time went back, a time that is clamped still
    # stands past the clock.
    recorded = max(recorded_clock or recorded, recorded)
    if occurred - recorded > MAX_AHEAD:
        occurred = recorded
    return max(clock or occurred, occurred), recorded


def is_late(occurred: datetime, clock: datetime) -> bool:
    """Whether a record stands behind its agent's clock."""
    return occurred < clock


def is_clamped(occurred: datetime, clock: datetime) -> bool:
    """Whether a record's time was too far ahead to count: only then is it past the clock."""
    return occurred > clock
