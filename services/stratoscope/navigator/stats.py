"""The verb that counts a space, and says how far the log is projected."""

from collections.abc import Awaitable, Callable, Mapping

from stratoscope.navigator.reading import Reading
from stratoscope.navigator.spelling import Json

LogEnd = Callable[[], Awaitable[int]]


async def stats(reading: Reading, projected: Mapping[int, int], log_end: int) -> Json:
    """What the space holds; `lag` counts the log's messages behind the slowest partition.

    It is None where the log ends before the projection: it was rolled back or replaced, and their
    numbers do not compare. `projected` has to be read before `log_end`.
    """
    counts = await reading.timelines.counts(reading.space)
    total_sessions, active_sessions = await reading.sessions.count(reading.space, reading.now)
    return {
        "total_agents": counts.agents,
        "total_events": counts.events,
        "total_snapshots": counts.snapshots,
        "total_diffs": counts.diffs,
        "total_memory_usage": counts.memory_usage,
        "stored_bytes": counts.stored_bytes,
        "raw_bytes": counts.raw_bytes,
        "active_sessions": active_sessions,
        "total_sessions": total_sessions,
        "dead_letters": await reading.timelines.dead_letters(reading.space),
        "projected": {str(number): projected[number] for number in sorted(projected)},
        "lag": lag_of(projected, log_end),
    }


def lag_of(projected: Mapping[int, int], log_end: int) -> int | None:
    """How many messages are not projected yet; None where that is not known."""
    if max(projected.values(), default=0) > log_end:
        return None
    return log_end - min(projected.values(), default=0)
