"""What operators left behind is swept: by one navigator at a time, and only what is over."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from stratoscope.navigator.holding import commanding
from stratoscope.navigator.sweeper import Sweeper, SweepMetrics, sweeping
from stratoscope.store import breakpoints
from stratoscope.store.audit import Audit, Filter
from stratoscope.store.quotas import SpaceQuota
from stratoscope.store.sql import queries
from stratoscope_contracts.errors import BadRequest, OverBudget, SessionNotFound
from support.eventually import eventually

ERRORS = {"kind": "on_event_type", "type": "error_occurred"}
DAY = timedelta(days=1)


def swept(sweeper: Sweeper) -> dict[str, float]:
    found = next(iter(sweeper.metrics._swept.collect()))
    return {one.labels["kind"]: one.value for one in found.samples if one.name.endswith("_total")}


@pytest.fixture
def sweeper(recorded: Any) -> Sweeper:
    metrics = SweepMetrics(CollectorRegistry())
    return Sweeper(recorded.pool, metrics, session_age=30 * DAY, audit_age=None, every=1)


async def outlived(ask: Any, seconds: float = 1) -> str:
    config = {"max_session_duration": seconds}
    made = await ask("session.create", agent="walker", config=config)
    await ask("session.start", id=made["session"]["id"])
    return str(made["session"]["id"])


async def armed(ask: Any) -> int:
    count = "select count(*) from strato.breakpoint where is_enabled and removed_at is null"
    return int(await ask.recorded.pool.fetchval(count))


async def test_breakpoints_of_an_outlived_session_are_disarmed(ask: Any, sweeper: Sweeper) -> None:
    await outlived(ask)
    lasting = await outlived(ask, 1e300)
    assert await armed(ask) == 4
    revision = await ask.recorded.pool.fetchval("select revision from strato.arming")
    now = datetime.now(UTC)
    await sweeper.disarm(now)
    assert await armed(ask) == 4
    await sweeper.disarm(now + timedelta(seconds=2))
    assert await armed(ask) == 2
    listed = (await ask("breakpoint.list"))["breakpoints"]
    assert {one["session"] for one in listed if one["is_enabled"]} == {lasting}
    assert {one["disabled_reason"] for one in listed if not one["is_enabled"]} == {
        "its session has ended"
    }
    # Whatever watches is told.
    assert await ask.recorded.pool.fetchval("select revision from strato.arming") == revision + 1
    await sweeper.disarm(now + timedelta(minutes=3))
    assert swept(sweeper) == {"breakpoint": 2, "session": 0, "audit": 0, "import": 0}


async def test_breakpoints_are_disarmed_seconds_after_the_end(ask: Any, sweeper: Sweeper) -> None:
    earlier = ask.dispatch.now
    await outlived(ask)
    assert await armed(ask) == 2

    async def are_disarmed() -> bool:
        return await armed(ask) == 0

    ends_at = earlier() + timedelta(seconds=1)
    # Nothing else is swept before its hour: the turn of disarming is the one that counts.
    async with sweeping(replace(sweeper, every=3600)):
        await eventually(are_disarmed, within=5)
    assert datetime.now(UTC) - ends_at < timedelta(seconds=3)


async def test_an_outlived_session_is_removed_once_it_is_old(ask: Any, sweeper: Sweeper) -> None:
    gone, lasting = await outlived(ask), await outlived(ask, 1e300)
    completed = await outlived(ask)
    await ask("session.complete", id=completed)
    now = datetime.now(UTC)
    await sweeper.sweep(now + 29 * DAY)
    await ask("session.get", id=gone)
    await sweeper.sweep(now + 31 * DAY)
    with pytest.raises(SessionNotFound):
        await ask("session.get", id=gone)
    for kept in lasting, completed:
        await ask("session.get", id=kept)
    listed = (await ask("breakpoint.list"))["breakpoints"]
    assert {one["session"] for one in listed} == {lasting, completed}


async def test_many_are_swept_in_turns_and_by_one_at_a_time(ask: Any, sweeper: Sweeper) -> None:
    await ask.recorded.pool.execute(
        "insert into strato.session (id, space, agent, state, event_index, created_at, updated_at,"
        " ends_at) select gen_random_uuid(), 'default', 'a', 'active', -1, now(), now(), now()"
        " from generate_series(1, 450)"
    )
    later = datetime.now(UTC) + 31 * DAY
    await asyncio.gather(*(sweeper.sweep(later) for _ in range(4)))
    await sweeper.sweep(later)
    assert swept(sweeper)["session"] == 450


async def test_old_audits_are_swept_only_where_that_is_set(ask: Any, sweeper: Sweeper) -> None:
    async with ask.recorded.pool.acquire() as session:
        audit = Audit(session)
        # Two days old: an entry of the last day is not removed at any age.
        await session.execute(
            "insert into audit (done_at, who, action) values (now() - interval '2 days', $1, $2)",
            *("ann", "pause"),
        )
        later = datetime.now(UTC) + 400 * DAY
        await sweeper.sweep(later)
        assert len(await audit.page(Filter(), 10)) == 1
        yearly = replace(sweeper, audit_age=365 * DAY)
        await yearly.sweep(later - 100 * DAY)
        assert len(await audit.page(Filter(), 10)) == 1
        await yearly.sweep(later)
        assert await audit.page(Filter(), 10) == []


async def test_the_name_of_an_import_that_recorded_nothing_is_given_back(
    ask: Any, sweeper: Sweeper
) -> None:
    begin = queries("exchange")["begin"]
    now = datetime.now(UTC)
    await ask.recorded.add("half", {"kind": "event", "type": "state_change"})
    for agent in "half", "empty":
        row = (uuid4(), "default", agent, "source", "object", "digest", now)
        await ask.recorded.pool.fetchval(begin, *row)
    await sweeper.sweep(now + timedelta(hours=23))
    count = "select array_agg(agent order by agent) from strato.imported_agent"
    assert await ask.recorded.pool.fetchval(count) == ["empty", "half"]
    await sweeper.sweep(now + timedelta(hours=25))
    assert await ask.recorded.pool.fetchval(count) == ["half"]


async def test_breakpoints_of_ended_sessions_do_not_count(
    ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breakpoints, "MAX_BREAKPOINTS_AN_AGENT", 4)
    ask.dispatch = replace(ask.dispatch, quota=SpaceQuota(breakpoints=5))
    await outlived(ask, 60)
    completed = await outlived(ask)
    with pytest.raises(BadRequest, match="agent"):
        await ask("breakpoint.create", agent="walker", condition=ERRORS)
    await ask("session.complete", id=completed)
    await ask("breakpoint.create", agent="walker", condition=ERRORS)
    earlier = ask.dispatch.now
    ask.dispatch = replace(ask.dispatch, now=lambda: earlier() + timedelta(seconds=61))
    for _ in range(3):
        await ask("breakpoint.create", agent="walker", condition=ERRORS)
    with pytest.raises(BadRequest, match="agent"):
        await ask("breakpoint.create", agent="walker", condition=ERRORS)
    await ask("breakpoint.create", agent="other", condition=ERRORS)
    with pytest.raises(BadRequest, match="agent"):
        await ask("breakpoint.create", agent="other", condition=ERRORS)


async def test_limits_hold_where_many_create_at_once(
    ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breakpoints, "MAX_BREAKPOINTS_AN_AGENT", 10)
    ask.dispatch = replace(ask.dispatch, quota=SpaceQuota(breakpoints=15))

    async def create(number: int) -> bool:
        try:
            await ask("breakpoint.create", agent=f"racer-{number % 2}", condition=ERRORS)
        except BadRequest:
            return False
        return True

    taken = await asyncio.gather(*(create(number) for number in range(40)))
    assert sum(taken) == 15
    kept = "select agent, count(*) from strato.breakpoint group by agent"
    assert max(row["count"] for row in await ask.recorded.pool.fetch(kept)) <= 10


async def test_a_space_has_so_many_bytes_of_breakpoints_however_they_are_made(ask: Any) -> None:
    """Every navigator holds them in memory: one operator could have ended all navigators."""
    ask.dispatch = replace(ask.dispatch, quota=SpaceQuota(breakpoint_bytes=4_000))
    ended = await outlived(ask, 60)
    large = {"metadata": {"a": "x" * 3_300}}
    with pytest.raises(BadRequest, match="agent"):
        await ask("breakpoint.create", agent="*", condition=ERRORS, **large)
    await ask("session.complete", id=ended)
    await ask("breakpoint.create", agent="*", condition=ERRORS, **large)
    await ask("breakpoint.create", agent="walker", condition=ERRORS)
    with pytest.raises(BadRequest, match="agent"):
        await ask("breakpoint.create", agent="walker", condition=ERRORS, message="x" * 1_000)
    with pytest.raises(BadRequest, match="auto_breakpoints"):
        await outlived(ask)
    assert await armed(ask) == 2
    await ask("breakpoint.create", "another", agent="*", condition=ERRORS, **large)


async def test_a_space_holds_so_many_agents(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commanding, "MAX_HOLDS_A_SPACE", 2)
    for agent in ("one", "two"):
        await ask("agent.pause", agent=agent)
    with pytest.raises(OverBudget, match="2 holds"):
        await ask("agent.pause", agent="three")
    await ask("agent.pause", "another", agent="three")
    await ask("agent.resume", agent="one")
    await ask("agent.pause", agent="three")
