"""The loop of a projector over a log in memory and a real database."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import asyncpg
import pytest

from stratoscope.broker.puller import Delivered
from stratoscope.domain.records import Batch
from stratoscope.projector.gathering import Gathering
from stratoscope.projector.metrics import Metrics
from stratoscope.projector.pipeline import Pipeline
from stratoscope.store.intake import FenceLost, IntakeWriter, Progress
from stratoscope.store.leases import Leases
from stratoscope.store.past import IntakeReader
from stratoscope_contracts.subjects import stored
from stratoscope_contracts.words import PARTITIONS
from support.drawn_logs import START, STREAM
from support.eventually import eventually

PATCH = b',"patch":[{"op":"add","path":"/n","value":1}]'
ALTERNATING = (PATCH, b"", PATCH, PATCH, PATCH, PATCH, b"")


class Log:
    """A stream in memory, handed out in pieces; `ends_at` is the last message that it searched."""

    def __init__(
        self, count: int, piece: int, ends_at: int | None = None, bodies: Sequence[bytes] = ()
    ) -> None:
        body = b'{"type":"a","patch":[{"op":"add","path":"/n","value":1}]}'
        self._messages = [
            Delivered(seq, START, stored("default", f"agent-{seq % 7}", "event"), None, body)
            for seq in range(1, count + 1)
        ] + [
            Delivered(seq, START, stored("default", "agent", "event"), None, body)
            for seq, body in enumerate(bodies, count + 1)
        ]
        self._piece = piece
        self.taken = asyncio.Event()
        self._idle_takes = 0
        self.ends_at = len(self._messages) if ends_at is None else ends_at

    async def take(self, limit: int, wait: float, max_bytes: int) -> list[Delivered]:
        taken, self._messages = self._messages[: self._piece], self._messages[self._piece :]
        self.taken.set()
        self._idle_takes += not taken
        # A turn of the loop, as the broker's would be, for the commit beside it.
        await asyncio.sleep(0)
        return taken

    async def is_idle(self) -> bool:
        """Whether all was taken and committed, and the pipeline has looked for more."""
        return self._idle_takes > 3

    @property
    def passed(self) -> int:
        return 0 if self._messages else self.ends_at


class Run:
    """A pipeline over a log, and what it told."""

    def __init__(
        self, log: Log, session: asyncpg.Connection, sessions: asyncpg.Pool, leases: Leases
    ):
        self.stopping = asyncio.Event()
        self.told: list[tuple[int, int]] = []
        self._log = log
        gathering = Gathering(
            IntakeReader(sessions),
            STREAM,
            complete=True,
            cache_bytes=0,
            passed={held.partition: held.stream_seq for held in leases.held},
        )
        self.pipeline = Pipeline(
            log,
            gathering,
            IntakeWriter(session),
            leases,
            told=self._tell,
            metrics=Metrics(),
        )

    async def _tell(self, batch: Batch | None, progress: Progress, *_: object) -> None:
        self.told.append((progress.stream_seq, len(batch.events) if batch else 0))
        if progress.stream_seq == self._log.ends_at:
            self.stopping.set()

    async def run(self) -> None:
        await self.pipeline.run(self.stopping)


@pytest.fixture
async def leases(sessions: asyncpg.Pool, writer: asyncpg.Connection) -> Leases:
    found = Leases(
        writer, sessions, owner="test", lasting=timedelta(seconds=60), partitions=PARTITIONS
    )
    await found.claim(PARTITIONS)
    return found


@pytest.fixture
async def writer(sessions: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    async with sessions.acquire() as session:
        yield session


async def watermarks(sessions: asyncpg.Pool) -> set[int]:
    return {row[0] for row in await sessions.fetch("select stream_seq from partition")}


@pytest.mark.parametrize("piece", [1, 3, 100])
async def test_a_log_is_projected_batch_after_batch_each_told_once_it_is_there(
    sessions: asyncpg.Pool, writer: asyncpg.Connection, leases: Leases, piece: int
):
    run = Run(Log(30, piece), writer, sessions, leases)
    await run.run()
    assert sum(count for _, count in run.told) == 30
    assert [seq for seq, _ in run.told] == sorted({*range(piece, 30, piece), 30})
    assert await watermarks(sessions) == {30}
    assert {held.stream_seq for held in leases.held} == {30}
    rows = await sessions.fetch("select stream_seq from event order by agent_id, event_index")
    assert sorted(row[0] for row in rows) == list(range(1, 31))


async def test_an_id_that_is_sent_again_long_after_is_no_new_record(
    sessions: asyncpg.Pool, writer: asyncpg.Connection, leases: Leases
):
    """Messages that come one by one are taken to be new, and found not to be at the commit."""
    bodies = [
        b'{"type":"a","id":"00000000-0000-0000-0000-%012d"%s}' % (number, patch)
        for number, patch in zip((1, 2, 3, 1, 4, 2, 5), ALTERNATING, strict=True)
    ]
    run = Run(Log(0, 1, bodies=bodies), writer, sessions, leases)
    await run.run()
    assert [seq for seq, _ in run.told] == [*range(1, 8)]
    assert [count for _, count in run.told] == [1, 1, 1, 0, 1, 0, 1]
    assert await sessions.fetchval(
        "select array_agg(right(id::text, 1) order by id) from event"
    ) == [*"12345"]
    assert await sessions.fetchval("select duplicates from agent") == 2
    # What was decided on the assumption is gone: the patches of the two were not applied.
    assert await sessions.fetchval(
        "select array_agg(version order by version) from state_version"
    ) == [*range(3)]


async def test_what_was_begun_is_finished_before_it_stops(
    sessions: asyncpg.Pool, writer: asyncpg.Connection, leases: Leases
):
    log = Log(10, 5)
    run = Run(log, writer, sessions, leases)
    running = asyncio.create_task(run.run())
    await log.taken.wait()
    run.stopping.set()
    await running
    assert run.told
    assert await watermarks(sessions) == {run.told[-1][0]}


async def test_the_watermark_moves_past_messages_of_others(
    sessions: asyncpg.Pool, writer: asyncpg.Connection, leases: Leases
):
    run = Run(Log(4, 4, ends_at=9), writer, sessions, leases)
    await run.run()
    assert run.told == [(4, 4), (9, 0)]
    assert await watermarks(sessions) == {9}


async def test_no_watermark_moves_back_to_where_a_server_that_lags_is(
    sessions: asyncpg.Pool, writer: asyncpg.Connection, leases: Leases
):
    """A consumer on a copy of the stream that is behind has searched less than is projected."""
    log = Log(4, 4, ends_at=2)
    run = Run(log, writer, sessions, leases)
    running = asyncio.create_task(run.run())
    await eventually(log.is_idle)
    run.stopping.set()
    await running
    assert run.told == [(4, 4)]
    assert await watermarks(sessions) == {4}


async def test_a_lost_fence_ends_it_and_nothing_more_is_told(
    sessions: asyncpg.Pool, writer: asyncpg.Connection, leases: Leases
):
    run = Run(Log(30, 3), writer, sessions, leases)
    await sessions.execute("update partition set epoch = epoch + 1 where partition = 3")
    with pytest.raises(FenceLost):
        await run.run()
    assert run.told == []
    assert await watermarks(sessions) == {0}
    assert await sessions.fetchval("select count(*) from event") == 0
