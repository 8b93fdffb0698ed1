"""How soon a hit follows its record, and how many records a second breakpoints can watch.

The first part is all of it: records are published one by one, a thousand a second, into a broker
whose projector and navigator are processes of their own; a hit is timed when a plain subscriber has
it, and is in Postgres by then. Beside that one agent records an event and asks an exact gate, again
and again: that takes from the call until it is let pass. The second part is the evaluator alone, in
this process, given what a projector would have told it.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from uuid import uuid4

import nats
import orjson
import uvloop
from floors import Floors
from nats.aio.client import Client
from processes import service
from servers import servers

import stratoscope
from stratoscope.broker import feed
from stratoscope.broker.connection import connect
from stratoscope.broker.publishing import Publisher
from stratoscope.broker.puller import Delivered
from stratoscope.domain.intake import decide
from stratoscope.domain.records import Head, Known, Limits
from stratoscope.navigator.app import calm_the_collector
from stratoscope.navigator.expressions.evaluating import Expressions
from stratoscope.navigator.holding.telling import tell_nobody
from stratoscope.navigator.live.arming import arming_of
from stratoscope.navigator.live.judging import Judge
from stratoscope.navigator.live.keeper import Parts
from stratoscope.navigator.live.lane import Lane
from stratoscope.navigator.live.outbox import Outbox
from stratoscope.navigator.live.states import States
from stratoscope.navigator.metrics import Metrics
from stratoscope.navigator.serving import serving
from stratoscope.projector.decode import decode
from stratoscope.projector.feeding import recorded
from stratoscope.store.breakpoints import BreakpointRow
from stratoscope.store.database import connection
from stratoscope.store.migration import migrate
from stratoscope.store.watches import Watches
from stratoscope_contracts import subjects
from stratoscope_contracts.words import PARTITIONS

Json = dict[str, Any]

P50_MS, P99_MS = 5.0, 15.0
THROUGHPUT, SHARE = 15_000, 0.7
AGENTS, BREAKPOINTS = 20, 100
GATE_EVERY = 0.02
MANY_AGENTS, EACH = 1_000, 10
BATCH = 500
OWNER = "benchmark"
START = datetime(2026, 11, 23, 8, tzinfo=UTC)


def conditions(hits: bool) -> list[Json]:
    """Ten of all kinds; of those that hit, each does at some records in a hundred."""
    value = 0 if hits else -1
    return [
        {"kind": "on_event_type", "type": "error_occurred" if hits else "never"},
        {"kind": "on_event_type", "type": "decision_made" if hits else "ever"},
        {"kind": "on_state", "path": "health", "op": "eq", "value": value},
        {"kind": "on_state", "path": "health", "op": "lt", "value": value},
        {"kind": "on_change", "path": "bag.gold" if hits else "bag.silver"},
        {"kind": "at_event_index", "index": 50 if hits else 10**9},
        {"kind": "on_causality_depth", "depth": 10**6},
        {"kind": "at_time", "time": "2999-01-01T00:00:00Z"},
        {
            "kind": "all_of",
            "conditions": [
                {"kind": "on_event_type", "type": "action_execution"},
                {"kind": "on_state", "path": "health", "op": "eq", "value": value},
            ],
        },
        {"kind": "expression", "source": f"state.bag.gold == {7 if hits else -1}"},
    ]


def a_record(number: int) -> Json:
    """Mostly plain events; one in four changes the state."""
    kind = "action_execution"
    if number % 50 == 49:
        kind = "error_occurred"
    found: Json = {"type": kind, "data": {"number": number, "action": "move"}}
    if number % 100 == 98:
        found["patch"] = [{"op": "add", "path": "/bag", "value": {"gold": number % 1000 // 100}}]
    elif number % 4 == 0:
        found["patch"] = [{"op": "add", "path": "/health", "value": number // 4 % 40}]
    return found


async def latency(url: str, seconds: float, rate: int) -> tuple[list[float], list[float]]:
    """Milliseconds from publishing a record until a subscriber has a hit at it, and of gates."""
    client = await nats.connect(url)
    sent: dict[int, float] = {}
    found: list[float] = []

    async def hear(message: Any) -> None:
        now = time.perf_counter()
        number = orjson.loads(message.data)["event"]["data"]["number"]
        # An event of the gates' may be hit too.
        if number in sent:
            found.append((now - sent[number]) * 1000)

    await client.subscribe("strato.default.hit.*", cb=hear)
    kinds = conditions(hits=True)
    for number in range(BREAKPOINTS):
        await ask(
            client,
            "breakpoint.create",
            agent=f"agent-{number % AGENTS}",
            condition=kinds[number // AGENTS * 2 % len(kinds) + number % 2],
        )
    gates: list[float] = []
    async with stratoscope.connect(url) as recorder:
        for number in range(AGENTS):
            # An agent's first record makes its rows, and its first gate connects.
            await recorder.agent(f"agent-{number}").event("agent_started")
        await recorder.agent("agent-0").gate(exact=True)
        gating = asyncio.create_task(gate(recorder, gates))
        await publish(client, seconds, rate, sent)
        gating.cancel()
    # Nobody knows how many hits there will be: what is under way by now has come by then.
    await asyncio.sleep(2)
    await client.close()
    print(f"  {len(found):,} hits", flush=True)
    return found, gates


async def publish(client: Client, seconds: float, rate: int, sent: dict[int, float]) -> None:
    """Records at a rate, one by one; when each was sent."""
    start = time.perf_counter()
    for number in range(int(seconds * rate)):
        due = start + number / rate
        if (ahead := due - time.perf_counter()) > 0:
            await asyncio.sleep(ahead)
        subject = subjects.record("default", f"agent-{number // 7 % AGENTS}", "event")
        sent[number] = time.perf_counter()
        await client.publish(subject, orjson.dumps(a_record(number)))
        await client.flush() if number % 64 == 0 else await asyncio.sleep(0)
    took = time.perf_counter() - start
    print(f"  {int(seconds * rate) / took:,.0f} records a second", flush=True)


async def gate(recorder: stratoscope.Recorder, found: list[float]) -> None:
    """Ask exact gates of an agent that breakpoints watch, each behind a new event."""
    agent = recorder.agent("agent-0")
    while True:
        await agent.event("action_execution", data={"number": -1})
        start = time.perf_counter()
        await agent.gate(exact=True)
        found.append((time.perf_counter() - start) * 1000)
        await asyncio.sleep(GATE_EVERY)


async def ask(client: Client, verb: str, **body: Any) -> Json:
    """The reply to a verb."""
    reply = await client.request(f"strato.default.nav.{verb}", orjson.dumps(body), timeout=30)
    answered: Json = orjson.loads(reply.data)
    if "code" in answered:
        raise SystemExit(f"{verb}: {answered}")
    return answered


def told(records: int) -> list[bytes]:
    """What a projector would tell of so many records of a thousand agents, batch by batch."""
    types = {"action_execution": 1, "error_occurred": 2, "decision_made": 3}
    heads = {("default", f"agent-{n}"): Head(n) for n in range(MANY_AGENTS)}
    names = {number: name for name, number in types.items()}
    bodies = []
    numbers = count(1)
    for first in range(0, records, BATCH):
        delivered = [delivered_of(next(numbers), n) for n in range(first, first + BATCH)]
        batch = decide(
            [decode(one) for one in delivered],
            heads,
            types,
            Known(),
            "STRATO_RECORD",
            Limits(field_index=True),
        )
        wanted = {head.agent_id: timeline for timeline, head in batch.heads.items()}
        heads |= batch.heads
        last = delivered[-1].stream_seq
        after = dict.fromkeys(range(PARTITIONS), last - BATCH)
        message = feed.Committed(
            *("strato_p1", last, after, recorded(batch, wanted), names), heard={OWNER: 1}
        )
        bodies.append(feed.encode(message))
    return bodies


def delivered_of(stream_seq: int, number: int) -> Delivered:
    """A record as the log gives it."""
    agent = f"agent-{number * 7 % MANY_AGENTS}"
    return Delivered(
        stream_seq,
        START + timedelta(milliseconds=stream_seq),
        subjects.stored("default", agent, "event"),
        None,
        orjson.dumps(a_record(number // MANY_AGENTS * 4 + number % 4) | {"id": str(uuid4())}),
    )


def rows(agents: Sequence[str]) -> list[BreakpointRow]:
    """Ten breakpoints for each of these that nothing hits."""
    return [
        BreakpointRow(uuid4(), "default", agent, orjson.dumps(one).decode(), START, 0, revision=1)
        for agent in agents
        for one in conditions(hits=False)
    ]


@asynccontextmanager
async def lane(url: str, dsn: str, armed: list[BreakpointRow]) -> AsyncIterator[Lane]:
    """An evaluator that watches all partitions for these breakpoints."""
    async with AsyncExitStack() as stack:
        broker = await connect(url, name="benchmark")
        stack.push_async_callback(broker.close)
        schema = (await migrate(dsn)).serving
        pool = await stack.enter_async_context(serving(dsn, schema, size=2))
        session = await stack.enter_async_context(connection(dsn, schema, "benchmark", by_key=True))
        expressions = await stack.enter_async_context(Expressions(2))
        watches = Watches(
            session, pool, owner=OWNER, lasting=timedelta(hours=1), partitions=PARTITIONS
        )
        states = States(session)
        judge = Judge(session, states, expressions)
        outbox = Outbox(Publisher(broker), broker.client, pool, tell_nobody)
        parts = Parts(schema, session, watches, judge, states, outbox, Metrics(()).live)
        found = Lane(parts, 1, await arming_of(armed))
        for watch in await watches.claim(PARTITIONS):
            await found.hold(watch)
        found.wanted()
        yield found
        await watches.leave()


async def throughput(url: str, dsn: str, armed: list[BreakpointRow], bodies: list[bytes]) -> float:
    """Records a second that are read, judged and passed."""
    async with lane(url, dsn, armed) as watching:
        batches = iter(bodies)
        # The first starts the processes that evaluate.
        await take(watching, next(batches))
        start = time.perf_counter()
        for body in batches:
            await take(watching, body)
        took = time.perf_counter() - start
        if any(seen != len(bodies) * BATCH for seen in watching.seen.values()):
            raise SystemExit("not everything was seen")
    return (len(bodies) - 1) * BATCH / took


def rounds(url: str, dsn: str, bodies: list[bytes], count: int) -> tuple[float, float]:
    """The best of several rounds with few and with many, in turn: a noisy moment meets both."""
    few, many = [], []
    every = [f"agent-{n}" for n in range(MANY_AGENTS)]
    for _ in range(count):
        few.append(asyncio.run(throughput(url, dsn, rows(["*"]), bodies)))
        many.append(asyncio.run(throughput(url, dsn, rows(every), bodies)))
    return max(few), max(many)


async def take(watching: Lane, body: bytes) -> None:
    """What a term does with what it hears."""
    committed = feed.decode_committed(body)
    assert committed is not None
    await watching.take([committed])


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--records", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["latency", "throughput"])
    options = parser.parse_args()
    floors = Floors()
    calm_the_collector()
    with tempfile.TemporaryDirectory(prefix="stratoscope-bench-") as name:
        folder = Path(name)
        if options.only != "throughput":
            (folder / "latency").mkdir()
            with (
                servers(folder / "latency") as (url, dsn),
                service("projector", url, dsn),
                service("navigator", url, dsn),
            ):
                print("publishing to hit, 100 breakpoints")
                found, gates = uvloop.run(latency(url, options.seconds, options.rate))
            for name, taken in (("publishing to hit", found), (f"{len(gates)} exact gates", gates)):
                floors.at_most(f"{name}, p50", median(taken), P50_MS, " ms")
                floors.at_most(f"{name}, p99", quantiles(taken, n=100)[98], P99_MS, " ms")
        if options.only != "latency":
            (folder / "throughput").mkdir()
            with servers(folder / "throughput") as (url, dsn):
                print("the evaluator alone, nothing hit")
                bodies = told(options.records)
                few, many = rounds(url, dsn, bodies, options.rounds)
            print(f"  {few:,.0f} records a second with 10 breakpoints, {many:,.0f} with 10,000")
            floors.at_least("records a second", min(few, many), THROUGHPUT)
            floors.at_least("10,000 on 1,000 agents, of that with 10", many / few, SHARE)
    floors.end()


if __name__ == "__main__":
    main()
