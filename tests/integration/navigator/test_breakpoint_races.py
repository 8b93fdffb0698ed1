"""Breakpoints that are set or switched on while something else goes on."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from stratoscope.navigator.breakpoints import past
from stratoscope.navigator.waiting import Waiting
from stratoscope.projector.resolver import resolve_page
from stratoscope.store.past import IntakeReader
from stratoscope.store.watermarks import Watermarks
from stratoscope_contracts.errors import BadRequest, NotProjectedYet
from stratoscope_contracts.subjects import partition_of
from support.recorded import event

ERRORS = {"kind": "on_event_type", "type": "error_occurred"}
DEEP = {"kind": "on_causality_depth", "depth": 3}
BLOCKED = "select exists (select from pg_locks where not granted)"


async def set_for(ask: Any, session: str, **fields: Any) -> dict[str, Any]:
    asked = {"agent": "walker", "condition": ERRORS, "session": session} | fields
    return (await ask("breakpoint.create", **asked))["breakpoint"]


async def started(ask: Any, **config: Any) -> str:
    config = {"auto_breakpoints": False} | config
    session = (await ask("session.create", agent="walker", config=config))["session"]
    await ask("session.start", id=session["id"])
    return session["id"]


async def complete(ask: Any, session: str) -> None:
    await ask("session.complete", id=session)


async def remove(ask: Any, session: str) -> None:
    await complete(ask, session)
    await ask("session.remove", id=session)


async def outlive(_ask: Any, _session: str) -> None:
    await asyncio.sleep(0.5)


@pytest.mark.parametrize("end", [complete, remove, outlive])
async def test_nothing_is_set_for_a_session_that_ends_while_the_past_is_gone_through(
    ask, recorded, end: Callable[[Any, str], Awaitable[None]]
):
    session = await started(ask, max_session_duration=0.4 if end is outlive else 60)
    usual = ask.dispatch

    async def read() -> Any:
        ask.dispatch = usual
        await end(ask, session)
        return await Watermarks(recorded.pool).read()

    ask.dispatch = replace(usual, waiting=Waiting(read))
    with pytest.raises(BadRequest) as refused:
        await set_for(ask, session, past=10)
    assert refused.value.details["errors"] == [{"field": "session", "message": "it has ended"}]
    assert (await ask("breakpoint.list"))["breakpoints"] == []


async def test_nothing_is_set_for_a_session_that_is_just_being_ended(ask, recorded):
    session = await started(ask)
    async with recorded.pool.acquire() as ending:
        async with ending.transaction():
            await ending.execute("update session set state = 'completed' where id = $1", session)
            setting = asyncio.create_task(set_for(ask, session))
            async with asyncio.timeout(5):
                while not await recorded.pool.fetchval(BLOCKED):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        with pytest.raises(BadRequest):
            await setting


async def test_nothing_is_switched_on_for_a_session_that_has_ended(ask):
    """It was switched off before the session ended, and so not by its end."""
    session = await started(ask)
    one = await set_for(ask, session)
    await ask("breakpoint.disable", id=one["id"])
    usual = ask.dispatch

    async def log_end() -> int:
        ask.dispatch = usual
        await complete(ask, session)
        return await usual.log_end()

    ask.dispatch = replace(usual, log_end=log_end)
    for _ in range(2):
        with pytest.raises(BadRequest):
            await ask("breakpoint.enable", id=one["id"])
    assert not (await ask("breakpoint.get", id=one["id"]))["breakpoint"]["is_enabled"]


@pytest.fixture
async def deep(recorded) -> str:
    """An event at depth 3 whose cause, in another partition, was projected after it."""
    first, second = event(), event()
    await recorded.add("walker", first)
    await recorded.add("runner", second | {"causes": [first["id"]]})
    third = event(causes=[second["id"]])
    seq = await recorded.add("walker", third)
    assert partition_of("default", "walker") != partition_of("default", "runner")
    await recorded.pool.execute("update event set depth = null where id = $1", third["id"])
    await recorded.pool.execute("delete from event_block")
    await recorded.set_watermark(partition_of("default", "runner"), seq - 1)
    return third["id"]


@pytest.mark.parametrize("agent", ["walker", "*"])
@pytest.mark.parametrize("condition", [DEEP, {"kind": "any_of", "conditions": [ERRORS, DEEP]}])
async def test_the_past_has_events_whose_depth_was_still_open(
    ask, recorded, deep, agent, condition
):
    asked = {"agent": agent, "condition": condition, "past": 10}
    asking = asyncio.create_task(ask("breakpoint.create", **asked))
    await recorded.set_watermark(partition_of("default", "runner"), recorded.last_seq)
    done, _ = await asyncio.wait([asking], timeout=0.2)
    assert not done
    assert await resolve_page(recorded.pool, IntakeReader(recorded.pool)) == 1
    assert [hit["event"]["id"] for hit in (await asking)["past_hits"]] == [deep]


async def test_a_depth_is_waited_for_only_where_it_matters_and_not_for_ever(
    ask, deep, recorded, monkeypatch
):
    monkeypatch.setattr(past, "DEFAULT_WAIT_MS", 100)
    await ask("breakpoint.create", agent="walker", condition=ERRORS, past=10)
    await recorded.set_watermark(partition_of("default", "runner"), recorded.last_seq)
    await ask("breakpoint.create", agent="runner", condition=DEEP, past=10)
    await ask("breakpoint.create", agent="*", space="other", condition=DEEP, past=10)
    with pytest.raises(NotProjectedYet) as refused:
        await ask("breakpoint.create", agent="walker", condition=DEEP, past=10)
    assert refused.value.details == {"reached": 2, "wanted": 3}
    assert len((await ask("breakpoint.list"))["breakpoints"]) == 2
