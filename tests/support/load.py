"""Agents that record without pause until told to stop, and remember what was acknowledged."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from nats.js.api import PubAck

from stratoscope.broker.connection import Connection, connect
from stratoscope.broker.ending import end_tasks
from stratoscope.broker.publishing import Outgoing, Publisher
from support.eventually import eventually
from support.folded_log import Folded
from support.projecting import Projecting
from support.projection import assert_equals_log

Json = dict[str, Any]
SPACES = ("default", "other")


@dataclass
class Agent:
    """One that records: what it sent, in its order, and what it thinks its state is."""

    space: str
    name: str
    # Ids of acknowledged records that are to stand in the timeline, each once.
    recorded: list[str] = field(default_factory=list)
    counter: int = 0


@dataclass(frozen=True, slots=True)
class Accepted:
    """A record that was acknowledged and is to be in the projection; `type` of an event alone."""

    space: str
    agent: str
    stream_seq: int
    id: str
    type: str | None


class Load:
    """Several agents recording at once, by a seeded choice."""

    def __init__(self, connection: Connection, seed: str, agents: int, pause: float = 0.1) -> None:
        self._pause = pause
        self._publisher = Publisher(connection, ack_timeout=1.0)
        self._random = Random(seed)
        self._stopping = asyncio.Event()
        self._may_record = asyncio.Event()
        self._may_record.set()
        self._under_way = 0
        # What causes are chosen from, whoever's it is.
        self._events: deque[str] = deque(maxlen=50)
        self.agents = [Agent(SPACES[n % 5 == 4], f"agent-{n}") for n in range(agents)]
        self.last_seq = 0
        self.acknowledged = 0
        self.accepted: list[Accepted] = []

    def stop(self) -> None:
        """Let each agent finish the message that it is about."""
        self._stopping.set()

    async def rest(self) -> None:
        """Return once all that was sent is acknowledged, and send nothing until `go_on`."""
        self._may_record.clear()

        async def is_idle() -> bool:
            return not self._under_way

        await eventually(is_idle)

    @contextmanager
    def busy(self) -> Iterator[bool]:
        """Whether something may be recorded now; `rest` waits for the end of the block."""
        self._under_way += 1
        try:
            yield self._may_record.is_set()
        finally:
            self._under_way -= 1

    def go_on(self) -> None:
        """Record again."""
        self._may_record.set()

    def hasten(self, times: float) -> None:
        """Rest so many times less between messages from now on."""
        self._pause /= times

    async def record(self, agent: Agent) -> None:
        """Record until stopped, one message at a time, as an agent does."""
        while not self._stopping.is_set():
            await self._may_record.wait()
            kind, body, ids = self._message(agent)
            self._under_way += 1
            ack = await self._send(agent, kind, body)
            self._under_way -= 1
            self.last_seq = max(self.last_seq, ack.seq)
            self.acknowledged += 1
            agent.recorded += ids
            self._account(agent, body, ids, ack.seq)
            # Some hundred messages a second: the machine is shared with what is tested.
            await asyncio.sleep(self._random.random() * self._pause)

    def _account(self, agent: Agent, body: Any, ids: list[str], stream_seq: int) -> None:
        records = body.get("records", [body]) if ids else ()
        for record in records:
            self.accepted.append(
                Accepted(agent.space, agent.name, stream_seq, record["id"], record.get("type"))
            )

    async def _send(self, agent: Agent, kind: str, body: Any) -> PubAck:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        subject = f"strato.{agent.space}.rec.{agent.name}.{kind}"
        return await self._publisher.publish(Outgoing(subject, raw))

    def _message(self, agent: Agent) -> tuple[str, Any, list[str]]:
        """What an agent sends next: kind, body, and the ids that it adds to the timeline."""
        choice = self._random.random()
        if choice < 0.03 and agent.recorded:
            # An id once more, as after a lost acknowledgement.
            return "event", self._event() | {"id": self._random.choice(agent.recorded)}, []
        if choice < 0.05:
            return "event", b'{"type": broken', []
        if choice < 0.08:
            refused = self._event() | {"patch": [{"op": "remove", "path": "/not/there"}]}
            return "batch", {"records": [self._event() | {"kind": "event"}, _kind(refused)]}, []
        if choice < 0.2:
            snapshot = self._snapshot(agent)
            return "snapshot", snapshot, [snapshot["id"]]
        if choice < 0.5:
            records = [self._one_of_batch(agent) for _ in range(self._random.randint(1, 12))]
            self._tell(records)
            return "batch", {"records": records}, [record["id"] for record in records]
        event = self._event(patch=self._patch(agent) if choice < 0.8 else None)
        self._tell([event])
        return "event", event, [event["id"]]

    def _one_of_batch(self, agent: Agent) -> Json:
        if self._random.random() < 0.1:
            return {"kind": "snapshot"} | self._snapshot(agent)
        return _kind(self._event(patch=self._patch(agent) if self._random.random() < 0.5 else None))

    def _event(self, patch: list[Json] | None = None) -> Json:
        number = self._random.randint(0, 4)
        event: Json = {
            "id": self._id(),
            "type": f"kind_{number}",
            "data": {"n": self._random.random(), "text": "ü" * number},
            "causes": self._random.sample(self._events, min(number, len(self._events))),
        }
        if number:
            # Up to three hours early or late: clocks of agents are what they are.
            off = timedelta(seconds=self._random.uniform(-10_000, 10_000) * 10 ** (number > 3))
            event["occurred_at"] = (datetime.now(UTC) + off).isoformat()
        return event | ({"patch": patch} if patch else {})

    def _patch(self, agent: Agent) -> list[Json]:
        # These apply to any state that the agent can be in.
        agent.counter += 1
        return [
            {"op": "add", "path": f"/k{self._random.randint(0, 9)}", "value": agent.counter},
            {"op": "add", "path": "/last", "value": {"n": agent.counter, "items": [1, 2]}},
            {"op": "replace", "path": "/last/items/0", "value": self._random.random()},
            {"op": "copy", "from": "/last/items", "path": "/last/again"},
        ]

    def _snapshot(self, agent: Agent) -> Json:
        agent.counter += 1
        items = [self._random.randint(0, 99) for _ in range(40)]
        return {"id": self._id(), "state": {"counter": agent.counter, "items": items}}

    def _id(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def _tell(self, records: list[Json]) -> None:
        self._events.extend(record["id"] for record in records if "type" in record)

    def assert_recorded(self, projected: Folded) -> None:
        """Every acknowledged record is there once, in the order in which its agent sent it."""
        for agent in self.agents:
            found = ids_in_order(projected, agent)
            assert found == agent.recorded, (agent.name, len(found), len(agent.recorded))


def ids_in_order(projected: Folded, agent: Agent) -> list[str]:
    """The ids of a timeline: behind each event the snapshots that belong to it."""
    line = projected.timelines[agent.space, agent.name]
    ids = [[]] + [[event["id"]] for event in line.events]
    for index, snapshot, _ in line.states:
        if snapshot:
            ids[index + 1].append(snapshot)
    return [id_ for group in ids for id_ in group]


async def settled(projectors: Projecting, recording: Load) -> None:
    """Once all is projected, hold it to a naive fold of the log and to what was acknowledged."""
    assert recording.acknowledged > 100
    await eventually(lambda: projectors.passed(recording.last_seq), within=20)
    await eventually(projectors.resolved)
    projected = await assert_equals_log(projectors.nats_url, projectors.dsn)
    recording.assert_recorded(projected)


def _kind(event: Json) -> Json:
    return {"kind": "event"} | event


@asynccontextmanager
async def load(url: str, seed: str, agents: int = 12, pause: float = 0.1) -> AsyncIterator[Load]:
    """Agents that record while the block runs, and have stopped when it ends.

    Each rests for `pause` seconds at most between its messages.
    """
    connection = await connect(url, name="load")
    recording = Load(connection, seed, agents, pause)
    running = [asyncio.create_task(recording.record(agent)) for agent in recording.agents]
    try:
        yield recording
        recording.stop()
        await asyncio.gather(*running)
    finally:
        await end_tasks(running)
        await connection.close()
