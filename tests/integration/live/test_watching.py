"""Breakpoints watched live: the verdict is that of the past, and a hit stands once."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from random import Random
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest

from stratoscope.broker.ending import end_tasks
from support.eventually import eventually
from support.watched import a_breakpoint, a_record

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("cleared")]

Json = dict[str, Any]
ERRORS = {"kind": "on_event_type", "type": "error_occurred"}
# About five records a message; 2,000 messages are the history that the contract is held to.
BREAKPOINTS, RECORDS = 80, 12
MESSAGES = int(os.environ.get("STRATO_TEST_LIVE_MESSAGES", "100"))


def spelled(hit: Json) -> Json:
    """A hit without what names its breakpoint."""
    return {name: hit[name] for name in hit if name not in ("hit_id", "breakpoint_id")}


def place(hit: Json) -> tuple[int, int]:
    return hit["position"]["stream_seq"], hit["position"]["ordinal"]


def in_order(told: list[Json]) -> bool:
    return told == sorted(told, key=place)


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Have something done as long as the block lasts."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await end_tasks([task])


async def test_live_hits_are_those_that_the_past_has(stand, hits):
    """Random conditions over a random history, in batches and by single messages."""
    random = Random(7)
    agents = [f"compared-{n}" for n in range(3)]
    asked = [a_breakpoint(random, agents) for _ in range(BREAKPOINTS)]
    made = [(await stand.ask("breakpoint.create", **one))["breakpoint"] for one in asked]
    causes: list[str] = []
    last = 0
    for n in range(MESSAGES):
        records = [a_record(random, n, causes) for _ in range(random.choice([1, 1, RECORDS]))]
        for one in records:
            if one["kind"] == "event":
                one["id"] = str(uuid4())
                causes.append(one["id"])
        last = await hits.record(random.choice(agents), records)
    for agent in agents:
        await hits.until_seen(agent, last)
    told = [hit for hit in await hits.told() if hit["agent"] in agents]
    assert len({hit["hit_id"] for hit in told}) == len(told)
    for ask, breakpoint in zip(asked, made, strict=True):
        live = [spelled(hit) for hit in told if hit["breakpoint_id"] == breakpoint["id"]]
        # An agent's hits are in its order; those of several come as they were found.
        assert all(in_order([one for one in live if one["agent"] == agent]) for agent in agents)
        live.sort(key=place)
        past = await stand.ask("breakpoint.create", **ask, past=1000)
        # What others have recorded before is of the past, too.
        of_these = [spelled(hit) for hit in past["past_hits"] if hit["agent"] in agents]
        assert of_these == live[:-1001:-1], ask
        found = await stand.ask("breakpoint.get", id=breakpoint["id"])
        assert found["breakpoint"]["hit_count"] == len(live)
    assert len(told) > 10 * BREAKPOINTS


async def test_none_is_missed_and_none_doubled_where_the_past_ends(stand, hits):
    agent = f"seam-{uuid4()}"
    sent = 0
    found = []

    async def recording() -> None:
        nonlocal sent
        while True:
            await hits.record(agent, [{"kind": "event", "type": "error_occurred"}])
            sent += 1
            await asyncio.sleep(0.005)

    async with beside(recording()):
        for _ in range(5):
            reply = await stand.ask("breakpoint.create", agent=agent, condition=ERRORS, past=1000)
            found.append(reply)
            await asyncio.sleep(0.05)
    last = await hits.record(agent, [{"kind": "event", "type": "moved"}])
    await hits.until_seen(agent, last)
    told = await hits.told()
    for reply in found:
        past = [hit["position"]["event_index"] for hit in reply["past_hits"]]
        live = [
            hit["position"]["event_index"]
            for hit in told
            if hit["breakpoint_id"] == reply["breakpoint"]["id"]
        ]
        # One may have been on its way when the recording ended.
        assert past[::-1] + live == list(range(sent)) or live[-1] == sent


async def test_a_navigator_that_is_killed_loses_none_and_doubles_none(stand, hits):
    agent = f"killed-{uuid4()}"
    ask = {"agent": agent, "condition": ERRORS, "hit": {"every": 2}}
    every_second = (await stand.ask("breakpoint.create", **ask))["breakpoint"]["id"]
    state = {"kind": "on_state", "path": "n", "op": "eq", "value": 3}
    changing = (await stand.ask("breakpoint.create", agent="*", condition=state))["breakpoint"][
        "id"
    ]
    total = 600

    async def recording() -> int:
        last = 0
        for n in range(total):
            patch = [{"op": "add", "path": "/n", "value": n % 5}]
            one = {"kind": "event", "type": "error_occurred", "patch": patch}
            last = await hits.record(agent, [one])
        return last

    task = asyncio.create_task(recording())
    for _ in range(3):
        await asyncio.sleep(0.1)
        await stand.kill_navigator()
        await stand.start_navigator()
    last = await task
    await hits.until_seen(agent, last)
    told = [hit for hit in await hits.told() if hit["agent"] == agent]
    assert Counter(hit["hit_id"] for hit in told).most_common(1)[0][1] == 1
    of = {
        key: sorted(hit["position"]["event_index"] for hit in told if hit["breakpoint_id"] == key)
        for key in (every_second, changing)
    }
    assert of[every_second] == list(range(1, total, 2))
    assert of[changing] == list(range(3, total, 5))


async def test_replicas_share_the_work_and_follow_each_other(stand, hits):
    agent = f"shared-{uuid4()}"
    first = stand.navigator
    second = await stand.start_navigator()
    ids = []
    for _ in range(4):
        made = await stand.ask("breakpoint.create", agent="*", condition=ERRORS)
        ids.append(made["breakpoint"]["id"])
    agents = [f"{agent}-{n}" for n in range(12)]

    async def all_record() -> int:
        done = [
            await hits.record(one, [{"kind": "event", "type": "error_occurred"}]) for one in agents
        ]
        return max(done)

    last = await all_record()
    for one in agents:
        await hits.until_seen(one, last)
    second.process.kill()
    await second.process.wait()
    stand.navigator = first
    last = await all_record()
    for one in agents:
        await hits.until_seen(one, last)
    told = [hit for hit in await hits.told() if hit["breakpoint_id"] in ids]
    found = Counter((hit["breakpoint_id"], hit["agent"]) for hit in told)
    assert found == {(key, one): 2 for key in ids for one in agents}
    assert len({hit["hit_id"] for hit in told}) == len(told)


async def test_what_is_removed_or_disabled_hits_no_more(stand, hits):
    agent = f"switched-{uuid4()}"
    error = [{"kind": "event", "type": "error_occurred"}]
    one = (await stand.ask("breakpoint.create", agent=agent, condition=ERRORS))["breakpoint"]["id"]
    two = (await stand.ask("breakpoint.create", agent=agent, condition=ERRORS))["breakpoint"]["id"]
    await hits.until_seen(agent, await hits.record(agent, error))
    await stand.ask("breakpoint.disable", id=one)
    await stand.ask("breakpoint.remove", id=two)
    await hits.record(agent, error)
    await stand.ask("breakpoint.enable", id=one)
    await hits.until_seen(agent, await hits.record(agent, error))
    told = [hit for hit in await hits.told() if hit["agent"] == agent]
    assert [(hit["breakpoint_id"], hit["position"]["event_index"]) for hit in told] == [
        (one, 0),
        (two, 0),
        (one, 2),
    ]


async def test_an_expression_that_takes_too_long_is_disabled_after_the_third_time(stand, hits):
    agent = f"hostile-{uuid4()}"
    sources = [
        "event.id.matches(r'(\\pL{9}){9}b')",
        "state.many.exists(one, one == 0)",
    ]
    bad = []
    for source in sources:
        condition = {"kind": "expression", "source": source}
        made = await stand.ask("breakpoint.create", agent=agent, condition=condition)
        bad.append(made["breakpoint"]["id"])
    await stand.ask("breakpoint.create", agent=agent, condition=ERRORS)
    for n in range(4):
        records = [{"kind": "snapshot", "state": {"many": [n] * 1001}}]
        records += [{"kind": "event", "type": "error_occurred"}] * 200
        await hits.until_seen(agent, await hits.record(agent, records))
    for one in bad:
        found = (await stand.ask("breakpoint.get", id=one))["breakpoint"]
        assert not found["is_enabled"]
        assert found["last_error"].startswith("stopped at event ")
        assert found["disabled_reason"] == f"stopped 3 times: {found['last_error']}"
    told = [hit for hit in await hits.told() if hit["agent"] == agent]
    assert [hit["position"]["event_index"] for hit in told] == list(range(800))


async def imported(dsn: str, agent: str, last_seq: int) -> None:
    session = await asyncpg.connect(dsn, server_settings={"search_path": "strato"})
    await session.execute(
        "insert into imported_agent (id, space, agent, source_agent, object, digest, started_at,"
        " last_seq, completed_at) values ($1, 'default', $2, $2, 'x', 'x', now(), $3, now())",
        *(uuid4(), agent, last_seq),
    )
    await session.close()


async def test_imports_are_not_seen(stand, hits):
    agent = f"imported-{uuid4()}"
    await stand.ask("breakpoint.create", agent=agent, condition=ERRORS)
    error = {"kind": "event", "type": "error_occurred"}
    ack = await hits.jetstream.publish(
        f"strato.default.rec.{agent}.batch",
        orjson.dumps({"records": [error, error]}),
        headers={"Strato-Import": "x"},
    )
    # As an import leaves it: what is not told is known by this.
    await imported(hits.dsn, agent, ack.seq)
    await hits.until_seen(agent, await hits.record(agent, [error]))
    told = [hit for hit in await hits.told() if hit["agent"] == agent]
    assert [hit["position"]["event_index"] for hit in told] == [2]


async def test_a_hit_that_pauses_holds_the_agent_before_its_gate_answers(stand, hits):
    agent = f"paused-{uuid4()}"
    made = await stand.ask("breakpoint.create", agent=agent, condition=ERRORS, action="pause")
    for n in range(10):
        seq = await hits.record(agent, [{"kind": "event", "type": "moved"}])
        reply = await hits.client.request(
            f"strato.default.gate.{agent}", orjson.dumps({"after": seq}), timeout=5
        )
        assert orjson.loads(reply.data) == {"go": True}, n
    seq = await hits.record(agent, [{"kind": "event", "type": "error_occurred"}])
    reply = await hits.client.request(
        f"strato.default.gate.{agent}", orjson.dumps({"after": seq}), timeout=5
    )
    assert orjson.loads(reply.data) == {"held_by": [made["breakpoint"]["id"]]}
    await stand.ask("agent.resume", agent=agent)


async def test_which_hold_at_a_position(stand, hits):
    agent = f"checked-{uuid4()}"
    changed = {"kind": "on_change", "path": "bag"}
    conditions = [
        ERRORS,
        changed,
        {"kind": "at_event_index", "index": 1},
        {"kind": "expression", "source": "state.health < 5 && event.type == 'moved'"},
        {"kind": "on_causality_depth", "depth": 1},
        {"kind": "on_state", "path": "health", "op": "ge", "value": 5},
    ]
    for condition in conditions:
        await stand.ask("breakpoint.create", agent=agent, condition=condition)
    await hits.record(
        agent,
        [
            {"kind": "event", "type": "error_occurred"},
            {"kind": "snapshot", "state": {"health": 9, "bag": [1]}},
            {
                "kind": "event",
                "type": "moved",
                "patch": [{"op": "replace", "path": "/health", "value": 1}],
            },
        ],
    )
    seq = await hits.record(agent, [{"kind": "event", "type": "moved"}])

    async def holding(**at: int) -> list[int]:
        waiting = {"wait_for": seq, "wait_ms": 20_000}
        reply = await stand.ask("breakpoint.check", agent=agent, at=at, **waiting)
        return [conditions.index(_named(one["condition"])) for one in reply["holding"]]

    def _named(condition: Json) -> Json:
        return {key: value for key, value in condition.items() if value is not None}

    assert await holding(event_index=0) == [0, 1, 4, 5]
    assert await holding(event_index=1) == [2, 3, 4]
    assert await holding(event_index=2) == [3, 4]
    assert await holding(event_index=-1) == []


async def test_what_was_kept_and_not_published_is_published_by_who_comes_next(stand, hits):
    """One of them is in the stream already, for longer than the broker may remember."""
    agent = f"left-{uuid4()}"
    ids = [str(uuid4()) for _ in range(2)]

    def body(hit_id: str) -> Json:
        return {"hit_id": hit_id, "breakpoint_id": hit_id, "agent": agent}

    await stand.kill_navigator()
    for number, hit_id in enumerate(ids):
        await stand.execute(
            "insert into hit (stream_seq, ordinal, event_index, created_at, hit_id, breakpoint_id,"
            " partition, space, agent, action, body)"
            " values ($1, 0, 0, now() - interval '20 minutes', $2, $2, $3, 'default', $4, 'notify',"
            " $5)",
            number,
            hit_id,
            number,
            agent,
            orjson.dumps(body(hit_id)).decode(),
        )
    subject = f"strato.default.hit.{agent}"
    sent = orjson.dumps(body(ids[0]))
    await hits.jetstream.publish(subject, sent, headers={"Nats-Msg-Id": ids[0]})
    await stand.start_navigator()

    async def is_marked() -> bool:
        marked = "update hit set action = action where agent = $1 and published_at is not null"
        return await stand.execute(marked, agent) == "UPDATE 2"

    await eventually(is_marked)
    told = [hit["hit_id"] for hit in await hits.told() if hit["agent"] == agent]
    assert sorted(told) == sorted(ids)
