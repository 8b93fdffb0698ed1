"""Where the log has lost its beginning, a projection made anew starts each agent from its base."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from stratoscope.broker.connection import connect
from stratoscope.broker.streams import StreamSettings, ensure_streams
from stratoscope_contracts.words import STREAM_RECORD
from support.eventually import eventually
from support.projecting import Projecting, projecting
from support.projection import read_projection

OFTEN = {"STRATO_RETENTION__CLEANUP_INTERVAL": "0.1"}


class Log:
    """A stream, a database, and what projects the one into the other."""

    def __init__(self, connection, projectors: Projecting) -> None:
        self.stream = connection.jetstream
        self.projectors = projectors
        self.last = 0

    async def publish(self, agent, *records):
        body = json.dumps({"records": records}).encode()
        self.last = (await self.stream.publish(f"strato.default.rec.{agent}.batch", body)).seq

    async def run(self, agent, start, end):
        """Batches of two events that patch, and a snapshot now and then."""
        for number in range(start, end):
            value = {"op": "add", "path": "/n", "value": number}
            records = [{"kind": "event", "type": "decision_made", "patch": [value]}]
            records.append({"kind": "event", "type": "my.own", "data": {"n": number}})
            if number % 7 == 3:
                records.insert(1, {"kind": "snapshot", "state": {"n": number, "label": agent}})
            await self.publish(agent, *records)

    async def project(self, **settings):
        """Once all is projected."""
        running = await self.projectors.start(**OFTEN | settings)
        await eventually(lambda: self.projectors.passed(self.last))
        return running

    async def cut(self, seq):
        """Lose all messages before one."""
        await self.stream.purge_stream(STREAM_RECORD, seq=seq)

    async def keep_for(self, seconds):
        """Have the log lose what is older from now on; None for nothing."""
        age = {"max_age": seconds or 0.0, "duplicate_window": min(seconds or 1.0, 1.0)}
        config = (await self.stream.stream_info(STREAM_RECORD)).config
        await self.stream.update_stream(replace(config, **age))

    async def first(self):
        """The first message that the log has, or would have next."""
        return (await self.stream.stream_info(STREAM_RECORD)).state.first_seq

    async def bases(self):
        rows = await self.projectors.fetch("select agent, stream_seq, through_seq from base")
        return {row["agent"]: (row["stream_seq"], row["through_seq"]) for row in rows}

    async def forget(self):
        """The projection is lost; what operators have stays."""
        await self.projectors.fetch("drop schema strato_p1 cascade")
        await self.projectors.fetch("delete from strato.projection")

    async def folded(self):
        return (await read_projection(self.projectors.dsn)).timelines


@pytest.fixture
async def log(nats_url: str, postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Log]:
    """Nothing is recorded yet, and nothing runs."""
    opened = await connect(nats_url, name="test")
    await ensure_streams(opened.jetstream, StreamSettings())
    async with projecting(nats_url, postgres_dsn, tmp_path) as projectors:
        yield Log(opened, projectors)
    await opened.close()


def assert_continues(again, before):
    """What was made anew is the end of what was there, number by number."""
    assert again.events == before.events[len(before.events) - len(again.events) :]
    assert again.states == before.states[len(before.states) - len(again.states) :]
    assert (again.clock, again.recorded) == (before.clock, before.recorded)


async def test_a_projection_made_anew_goes_on_from_the_bases(log):
    await log.run("a", 0, 30)
    await log.run("idle", 0, 3)
    await log.run("a", 30, 60)
    running = await log.project()
    await log.cut(50)
    await eventually(lambda: has_bases(log, 49, "a", "idle"))
    before = await log.folded()
    await running.stop()
    await log.forget()
    await log.project()
    again = await log.folded()
    assert again.keys() == before.keys()
    for timeline in again:
        assert_continues(again[timeline], before[timeline])
    # One event for the base, and two of each message that the log still has.
    assert len(again["default", "a"].events) == 1 + 2 * (log.last - 49)
    assert len(again["default", "idle"].events) == 1


async def has_bases(log, through, *agents):
    found = await log.bases()
    return found.keys() == {*agents} and all(max(one) >= through for one in found.values())


async def test_what_came_after_is_projected_on_it(log):
    await log.run("a", 0, 30)
    running = await log.project()
    await log.cut(21)
    await eventually(lambda: has_bases(log, 20, "a"))
    await running.stop()
    await log.forget()
    running = await log.project()
    await log.run("a", 30, 40)
    await eventually(lambda: log.projectors.passed(log.last))
    timeline = (await log.folded())["default", "a"]
    assert [one["index"] for one in timeline.events] == list(range(39, 80))
    assert json.loads(timeline.states[-1][2]) == {"n": 39, "label": "a"}


async def test_a_base_behind_the_horizon_of_retention(log):
    """What is kept is less than what the log has lost."""
    await log.run("a", 0, 60)
    running = await log.project(STRATO_RETENTION__MAX_EVENTS_PER_AGENT="20")
    await eventually(lambda: has_events(log, 20))
    await log.cut(30)
    await eventually(lambda: has_bases(log, 29, "a"))
    before = (await log.folded())["default", "a"]
    await running.stop()
    await log.forget()
    await log.project()
    again = (await log.folded())["default", "a"]
    assert 0 < len(again.events) <= len(before.events)
    assert_continues(again, before)


async def has_events(log, most):
    (row,) = await log.projectors.fetch("select count(*) from event")
    return row["count"] <= most


async def test_a_doubt_about_the_state_is_kept_in_the_base(log):
    await log.run("a", 0, 5)
    broken = {"op": "remove", "path": "/nothing"}
    await log.publish("a", {"kind": "event", "type": "decision_made", "patch": [broken]})
    await log.publish("a", {"kind": "event", "type": "decision_made"})
    running = await log.project()
    await log.cut(8)
    await eventually(lambda: has_bases(log, 7, "a"))
    before = (await log.folded())["default", "a"]
    await running.stop()
    await log.forget()
    await log.project()
    assert (await log.folded())["default", "a"].taints == before.taints != set()


async def test_a_log_with_an_age_loses_nothing_that_has_no_base(log):
    await log.keep_for(1.0)
    running = await log.project()
    await log.run("idle", 0, 2)
    number = 0
    while await log.first() <= 5:
        await log.run("a", number, number + 3)
        number += 3
        await asyncio.sleep(0.05)  # the log ages by the broker's clock, which tells nobody
    await eventually(lambda: log.projectors.passed(log.last))
    # From here on nothing more is lost, so that what the bases have to reach is known.
    await log.keep_for(None)
    first = await log.first()
    await eventually(lambda: has_bases(log, first - 1, "a", "idle"))
    before = await log.folded()
    await running.stop()
    await log.forget()
    running = await log.project()
    again = await log.folded()
    assert again.keys() == before.keys()
    for timeline in again:
        assert_continues(again[timeline], before[timeline])
        assert again[timeline].events
    assert "is lost" not in running.log.read_text()


async def test_what_a_base_reaches_is_not_lost_and_what_is_behind_it_is(log):
    """By what the log has lost, whatever age it is given later."""
    await log.keep_for(1.0)
    # With so short an age, bases are made of all that there is.
    running = await log.project(STRATO_RETENTION__CLEANUP_INTERVAL="0.5")
    await log.run("a", 0, 10)
    await eventually(lambda: reaches(log, "a", log.last))
    before = await log.folded()
    await running.stop()
    await log.keep_for(None)
    await log.cut(log.last)
    await log.forget()
    running = await log.project()
    assert_continues((await log.folded())["default", "a"], before["default", "a"])
    assert "is lost" not in running.log.read_text()
    await running.stop()
    await log.run("a", 10, 20)
    await log.cut(log.last)
    await log.keep_for(3600.0)
    await log.forget()
    running = await log.project()
    assert "is lost" in running.log.read_text()


async def reaches(log, agent, stream_seq):
    return (await log.bases()).get(agent, (0,))[0] == stream_seq


async def test_a_base_that_the_log_was_cut_behind_is_told(log):
    await log.run("a", 0, 20)
    running = await log.project()
    await log.cut(5)
    await eventually(lambda: has_bases(log, 4, "a"))
    await running.stop()
    await log.cut(15)
    await log.forget()
    running = await log.project()
    assert "is lost" in running.log.read_text()


async def test_a_log_that_is_whole_needs_no_base(log):
    await log.run("a", 0, 10)
    running = await log.project()
    before = await log.folded()
    await running.stop()
    assert await log.bases() == {}
    await log.forget()
    await log.project()
    assert await log.folded() == before
