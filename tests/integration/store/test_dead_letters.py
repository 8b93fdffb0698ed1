"""Which dead letters are removed: bodies of old ones, and verdicts that the log has lost."""

from datetime import UTC, datetime, timedelta

import asyncpg

from stratoscope.projector.bases import LogFront
from stratoscope.projector.metrics import Metrics
from stratoscope.projector.retention import DeadLetterSweeper
from stratoscope.store.dead_letters import AT_A_TIME

# The functions go by the database's clock too.
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


async def bury(sessions: asyncpg.Pool, age: timedelta, *seqs: int, published: bool = True) -> None:
    await sessions.executemany(
        "insert into dead_letter (stream_seq, rule_version, space, agent, subject, reason, detail,"
        " headers, body, recorded_at, published_at)"
        " values ($1, 1, 'default', 'walker', 's', 'not_json', 'd', '[1]', 'xyz', $2, $3)",
        [(seq, NOW - age, NOW if published else None) for seq in seqs],
    )


async def sweep(sessions: asyncpg.Pool, first_seq: int, now: datetime = NOW) -> Metrics:
    async def front() -> LogFront:
        return LogFront(first_seq, None)

    metrics = Metrics()
    await DeadLetterSweeper(sessions, front, 30 * DAY, metrics).sweep(now)
    return metrics


async def left(sessions: asyncpg.Pool) -> dict[int, bytes]:
    rows = await sessions.fetch("select stream_seq, body from dead_letter order by stream_seq")
    return {row["stream_seq"]: row["body"] for row in rows}


async def test_an_old_letter_is_emptied_and_keeps_its_verdict(sessions: asyncpg.Pool) -> None:
    await bury(sessions, 31 * DAY, 1, 2)
    await bury(sessions, 31 * DAY, 3, published=False)
    await bury(sessions, 29 * DAY, 4)
    await sweep(sessions, first_seq=1)
    assert await left(sessions) == {1: b"", 2: b"", 3: b"xyz", 4: b"xyz"}
    row = await sessions.fetchrow("select * from dead_letter where stream_seq = 1")
    assert (row["reason"], row["detail"], row["headers"]) == ("not_json", "d", "{}")


async def test_a_verdict_goes_once_the_log_has_lost_the_message(sessions: asyncpg.Pool) -> None:
    await bury(sessions, 31 * DAY, *range(1, 2 * AT_A_TIME + 2))
    await bury(sessions, 2 * DAY, 1_000)
    await sweep(sessions, first_seq=2 * AT_A_TIME)
    assert [*await left(sessions)] == [2 * AT_A_TIME, 2 * AT_A_TIME + 1, 1_000]
    # A young letter stays whole although the log has lost its message.
    await sweep(sessions, first_seq=2_000)
    assert await left(sessions) == {1_000: b"xyz"}
    await sweep(sessions, first_seq=2_000, now=NOW + 30 * DAY)
    assert await left(sessions) == {}


async def test_no_letter_of_the_last_day_is_touched(sessions: asyncpg.Pool) -> None:
    await bury(sessions, DAY / 2, 7)
    await sweep(sessions, first_seq=100, now=NOW + 60 * DAY)
    assert await left(sessions) == {7: b"xyz"}


async def test_what_is_not_published_stays_whatever_the_log_has_lost(
    sessions: asyncpg.Pool,
) -> None:
    await bury(sessions, 40 * DAY, 5, published=False)
    await bury(sessions, 31 * DAY, 6)
    await sweep(sessions, first_seq=100)
    assert await left(sessions) == {5: b"xyz", 6: b""}
