"""What sessions ask of the breakpoints, and how those who watch hear of a change."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from stratoscope.store.breakpoints import CHANNEL, BreakpointRow, Breakpoints, TooManyBreakpoints
from stratoscope_contracts.words import MAX_BREAKPOINTS_AN_AGENT

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def row(agent: str = "walker", **fields: Any) -> BreakpointRow:
    condition = '{"kind":"on_event_type","type":"error_occurred"}'
    return BreakpointRow(uuid4(), "default", agent, condition, NOW, 7, **fields)


@pytest.fixture
async def session(sessions: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    async with sessions.acquire() as found:
        yield found


@pytest.fixture
def breakpoints(session: asyncpg.Connection) -> Breakpoints:
    return Breakpoints(session)


async def armed(breakpoints: Breakpoints, session_id: UUID | None, now: datetime) -> set[UUID]:
    found = await breakpoints.armed("default", "walker", session_id, now)
    return {one.id for one in found}


async def test_a_session_is_stopped_by_its_own_and_by_nobody_s(breakpoints):
    mine, yours = uuid4(), uuid4()
    every, own, of_mine = row("*"), row(), row(session_id=mine, ends_at=NOW + timedelta(1))
    await breakpoints.create(
        [every, own, of_mine, row(session_id=yours), row("another"), row(is_enabled=False)]
    )
    assert await armed(breakpoints, mine, NOW) == {every.id, own.id, of_mine.id}
    assert await armed(breakpoints, None, NOW) == {every.id, own.id}
    assert await armed(breakpoints, mine, NOW + timedelta(1)) == {every.id, own.id}
    assert await breakpoints.count("default", mine) == 1


async def test_what_belongs_to_a_session_goes_with_it(breakpoints):
    mine = uuid4()
    one, other = row(session_id=mine, is_auto=True), row()
    await breakpoints.create([one, other])
    await breakpoints.end_session("default", mine, "it ended")
    found = await breakpoints.find("default", one.id)
    assert (found.is_enabled, found.disabled_reason, found.is_auto) == (False, "it ended", True)
    await breakpoints.remove_session("default", mine, NOW)
    assert await breakpoints.find("default", one.id) is None
    assert await breakpoints.count("default", mine) == 0
    assert (await breakpoints.find("default", other.id)).is_enabled


async def test_all_of_them_or_none(breakpoints):
    many = [row() for _ in range(MAX_BREAKPOINTS_AN_AGENT)]
    with pytest.raises(TooManyBreakpoints):
        await breakpoints.create([row("another"), *many, row()])
    assert await armed(breakpoints, None, NOW) == set()
    await breakpoints.create(many)
    with pytest.raises(TooManyBreakpoints):
        await breakpoints.create([row()])


async def test_each_change_is_a_revision_that_is_told(breakpoints, session, sessions):
    heard: asyncio.Queue[int] = asyncio.Queue()
    async with sessions.acquire() as listener:
        hear = lambda *said: heard.put_nowait(int(said[-1]))  # noqa: E731
        await listener.add_listener(CHANNEL, hear)
        one = row()
        before = await breakpoints.revision()
        assert await breakpoints.create([]) == before
        assert await breakpoints.create([one]) == before + 1
        assert await breakpoints.disable("default", one.id) == before + 2
        assert await breakpoints.enable("default", one.id, 9) == before + 3
        assert await breakpoints.remove("default", one.id, NOW)
        assert not await breakpoints.remove("default", one.id, NOW)
        async with asyncio.timeout(5):
            assert [await heard.get() for _ in range(5)] == [before + n for n in range(1, 6)]
        await listener.remove_listener(CHANNEL, hear)


async def test_what_was_seen_before_it_was_disabled_is_not_seen_again(breakpoints, session):
    """The request to enable it may have read the log's end before another disabled it."""
    one = row()
    await breakpoints.create([one])
    await breakpoints.disable("default", one.id)
    await session.execute("update watch set stream_seq = 20 where partition = 3")
    await breakpoints.enable("default", one.id, 9)
    assert (await breakpoints.find("default", one.id)).armed_seq == 20
    await breakpoints.disable("default", one.id)
    await breakpoints.enable("default", one.id, 30)
    assert (await breakpoints.find("default", one.id)).armed_seq == 30


async def test_changes_at_once_are_ordered(breakpoints, sessions):
    async def change() -> int:
        async with sessions.acquire() as one:
            return await Breakpoints(one).create([row()])

    revisions = await asyncio.gather(*(change() for _ in range(20)))
    assert len(set(revisions)) == 20
    found = await breakpoints.armed("default", "walker", None, NOW)
    assert [one.revision for one in found] == sorted(revisions)
