"""Records and breakpoints by a seeded choice, and the hits that are in the stream."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import asyncpg
import nats
import orjson
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, PubAck

from stratoscope_contracts.subjects import partition_of
from stratoscope_contracts.words import STREAM_HITS
from support.eventually import eventually
from support.recorded import after

Json = dict[str, Any]
TYPES = ("moved", "decision_made", "error_occurred")
PATHS = ("health", "bag", "bag.gold", "", "list[0]")
SOURCES = (
    "state.health < 3",
    "event.type == 'moved' && state.health > 2",
    "event.data.n % 7 == 0",
    "state.bag.gold == 2 || state.health == 0",
)


def a_condition(random: Random, level: int = 0) -> Json:
    """Any condition."""
    kinds = ["type", "index", "depth", "time", "state", "state", "change", "expression"]
    match random.choice(kinds if level > 1 else [*kinds, "all_of", "any_of", "not"]):
        case "type":
            return {"kind": "on_event_type", "type": random.choice(TYPES)}
        case "index":
            return {"kind": "at_event_index", "index": random.randrange(200)}
        case "depth":
            return {"kind": "on_causality_depth", "depth": random.randrange(1, 4)}
        case "time":
            return {"kind": "at_time", "time": after(random.randrange(200)).isoformat()}
        case "state":
            op = random.choice(["eq", "ne", "lt", "ge", "exists", "contains"])
            value = random.choice([0, 1, 2, 4, "x"])
            path = random.choice(PATHS)
            named = {"kind": "on_state", "path": path, "op": op}
            return named if op == "exists" else named | {"value": value}
        case "change":
            return {"kind": "on_change", "path": random.choice(PATHS)}
        case "expression":
            return {"kind": "expression", "source": random.choice(SOURCES)}
        case "not":
            return {"kind": "not", "condition": a_condition(random, level + 1)}
        case several:
            parts = [a_condition(random, level + 1) for _ in range(random.randrange(1, 4))]
            return {"kind": several, "conditions": parts}


def a_breakpoint(random: Random, agents: Sequence[str]) -> Json:
    """What any breakpoint is asked for with."""
    asked: Json = {
        "agent": random.choice([*agents, "*"]),
        "condition": a_condition(random),
        "trigger": random.choice(["edge", "edge", "level"]),
    }
    rules = [None, None, None, {"every": 3}, {"after": 2}, {"once": True}]
    if rule := random.choice(rules):
        asked["hit"] = rule
    if random.random() < 0.2:
        asked |= {"action": "log", "message": "{event.type} {state.health} {agent}"[:-8]}
    return asked


def a_record(random: Random, n: int, causes: list[str]) -> Json:
    """Any record; patches apply to whatever state there is."""
    at = after(n / 10 + random.random()).isoformat()
    if random.random() < 0.15:
        return {"kind": "snapshot", "state": a_state(random), "occurred_at": at}
    found: Json = {"kind": "event", "type": random.choice(TYPES), "occurred_at": at}
    found["data"] = {"n": n}
    if causes and random.random() < 0.4:
        found["causes"] = [random.choice(causes[-5:])]
    if random.random() < 0.4:
        key = random.choice(["health", "list", "bag"])
        value = a_state(random)[key]
        found["patch"] = [{"op": "add", "path": f"/{key}", "value": value}]
    return found


def a_state(random: Random) -> Json:
    """Any state."""
    return {
        "health": random.randrange(6),
        "bag": random.choice([{"gold": random.randrange(4)}, {}, "x"]),
        "list": [random.randrange(3) for _ in range(random.randrange(3))],
    }


@dataclass
class Hits:
    """A client that records and looks into the stream of hits."""

    client: Client
    dsn: str
    jetstream: JetStreamContext = field(init=False)

    def __post_init__(self) -> None:
        self.jetstream = self.client.jetstream()

    async def record(self, agent: str, records: Sequence[Json]) -> int:
        """Publish a message; its sequence in the stream."""
        ack: PubAck = await self.jetstream.publish(
            f"strato.default.rec.{agent}.batch", orjson.dumps({"records": records})
        )
        return ack.seq

    async def told(self) -> list[Json]:
        """All hits in the stream, in its order."""
        info = await self.jetstream.stream_info(STREAM_HITS)
        subscription = await self.jetstream.pull_subscribe(
            "", stream=STREAM_HITS, config=ConsumerConfig(ack_policy=AckPolicy.NONE)
        )
        found: list[Json] = []
        while len(found) < info.state.messages:
            left = info.state.messages - len(found)
            messages = await subscription.fetch(min(left, 1000), timeout=5)
            found += [orjson.loads(one.data) for one in messages]
        await subscription.unsubscribe()
        return found

    async def until_seen(self, agent: str, stream_seq: int, within: float = 30.0) -> None:
        """Return once breakpoints have seen an agent's records, and all hits are published."""
        partition = partition_of("default", agent)
        session = await asyncpg.connect(self.dsn, server_settings={"search_path": "strato"})

        async def is_seen() -> bool:
            behind = await session.fetchval(
                "select count(*) from watch where stream_seq < $1 and partition = $2",
                stream_seq,
                partition,
            )
            waiting = await session.fetchval("select count(*) from hit where published_at is null")
            return not behind and not waiting

        try:
            await eventually(is_seen, within=within)
        finally:
            await session.close()


@asynccontextmanager
async def hits_of(url: str, dsn: str) -> AsyncIterator[Hits]:
    """A client of a broker, or of the servers of a cluster, parted by commas."""
    client = await nats.connect(url.split(","))
    try:
        yield Hits(client, dsn)
    finally:
        await client.close()
        await asyncio.sleep(0)
