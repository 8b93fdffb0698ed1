"""How fast a recording is played: by its own clock, but for gaps in which nobody wants to wait."""

from datetime import datetime

from stratoscope_contracts.words import MAX_REPLAY_GAP_SECONDS


def gap(before: datetime, after: datetime, speed: float) -> float:
    """The seconds from one event to the next at a speed (2.0 is twice as fast)."""
    recorded = max(0.0, (after - before).total_seconds())
    # First multiplied, since a very small speed would make the quotient no number.
    too_long = recorded >= MAX_REPLAY_GAP_SECONDS * speed
    return MAX_REPLAY_GAP_SECONDS if too_long else recorded / speed
