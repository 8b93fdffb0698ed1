"""An erasure and whoever ends a session of that agent wait for each other, and both get through."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

from stratoscope.store.audit import Entry
from stratoscope.store.breakpoints import Breakpoints
from stratoscope.store.erasing import Erasing, Erasure

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
SESSION = (
    "insert into session (id, space, agent, state, event_index, created_at, updated_at, ends_at)"
    " values ($1, 'default', 'walker', 'active', -1, $2, $2, $2)"
)
BLOCKED = "select exists (select from pg_locks where not granted)"


async def test_a_session_ends_while_its_agent_is_erased(sessions):
    session_id = uuid4()
    await sessions.execute(SESSION, session_id, NOW)

    async def erase() -> None:
        async with sessions.acquire() as session:
            erasure = Erasure("default", "walker", 9, NOW)
            await Erasing(session).put_out_of_sight(erasure, (), Entry("ada", "erase"))

    async with sessions.acquire() as ending, asyncio.TaskGroup() as tasks, ending.transaction():
        await ending.execute("select from session where id = $1 for update", session_id)
        tasks.create_task(erase())
        async with asyncio.timeout(5):
            while not await sessions.fetchval(BLOCKED):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await Breakpoints(ending).end_session("default", session_id, "it ended")
    assert not await sessions.fetchval("select count(*) from session")
