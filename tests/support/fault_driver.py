"""One driver and one checker for everything that is done to a running stack.

While faults are injected, agents record (`support.load`), readers ask for what was just
acknowledged, and a breakpoint in each space waits for one type of event. The checker knows what was
acknowledged and looks into log, database and stream of hits itself: each record is there once and
in order, the projection is the naive fold of the log, each event of the type was hit once, no
reader was answered before its record was projected, and no checkpoint went back.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import asyncpg
import nats
import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError

from stratoscope.broker.ending import end_tasks
from stratoscope_contracts.words import STREAM_RECORD
from support.eventually import eventually
from support.fault_exchange import ExchangeDriver
from support.load import SPACES, Accepted, Load, ids_in_order, load
from support.projecting import Projecting
from support.projection import assert_equals_log, read_projection
from support.watched import hits_of

Json = dict[str, Any]
HIT_TYPE: Final = "kind_2"
_LATEST: Final = 20
_ENOUGH: Final = 50
_WAIT_MS: Final = 5_000
_CHECKPOINTS: Final = "select partition, stream_seq from strato_p1.partition"
# Faults of the database are awaited by the test; the checker may look in between.
_DATABASE_AWAY: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # A connection that is lost in its handshake.
    asyncpg.InternalClientError,
    OSError,
)


@dataclass
class Losses:
    """What the checker counted: all of it should be 0."""

    lost: int = 0
    doubled: int = 0
    reordered: int = 0
    hits_missing: int = 0
    hits_doubled: int = 0
    early: int = 0
    # Imports that are neither whole nor nothing.
    imports_torn: int = 0
    # Whether the check came to its end.
    checked: bool = False


@dataclass
class FaultDriver:
    """What runs beside the faults, and what it has seen."""

    projectors: Projecting
    recording: Load
    client: Client
    random: Random
    exchanges: ExchangeDriver
    # By space: the breakpoint, and behind which message it is armed.
    armed: dict[str, tuple[str, int]] = field(default_factory=dict)
    answers: int = 0
    unanswered: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    losses: Losses = field(default_factory=Losses)
    # By partition: the checkpoint that was seen last.
    reached: dict[int, int] = field(default_factory=dict)

    async def ask(self, space: str, verb: str, **body: Any) -> Json:
        """A reply of any navigator, an error's body included."""
        subject = f"strato.{space}.nav.{verb}"
        message = await self.client.request(subject, orjson.dumps(body), timeout=8)
        reply: Json = orjson.loads(message.data)
        return reply

    async def arm(self) -> None:
        """Wait for one type of event in each space."""
        for space in SPACES:
            condition = {"kind": "on_event_type", "type": HIT_TYPE}
            reply = await self.ask(space, "breakpoint.create", agent="*", condition=condition)
            self.armed[space] = reply["breakpoint"]["id"], reply["breakpoint"]["armed_seq"]

    async def read(self) -> None:
        """Ask for what was just acknowledged, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.random.uniform(0.02, 0.1))
            if not self.recording.accepted:
                continue
            newest = self.recording.accepted[-_LATEST:]
            one = newest[-1] if self.random.random() < 0.7 else self.random.choice(newest)
            begun = loop.time()
            try:
                await self._read(one)
                self.seconds.append(loop.time() - begun)
            except NatsError as error:
                self.unanswered[type(error).__name__] += 1

    async def _read(self, one: Accepted) -> None:
        asked = {"id": one.id, "wait_for": one.stream_seq, "wait_ms": _WAIT_MS}
        if one.type is None:
            reply = await self.ask(one.space, "snapshots.get", **asked)
        else:
            reply = await self.ask(one.space, "events.get", agent=one.agent, **asked)
        if reply.get("event", reply).get("id") == one.id:
            self.answers += 1
        elif str(reply.get("code")).endswith("_not_found"):
            self.losses.early += 1
            self.violations.append(f"early answer for {one}: {reply}")
        else:
            self.unanswered[str(reply.get("code"))] += 1

    async def watch_checkpoints(self) -> None:
        """See that no checkpoint goes back, until cancelled."""
        while True:
            try:
                session = await asyncpg.connect(self.projectors.dsn)
                try:
                    while True:
                        self._compare(dict(await session.fetch(_CHECKPOINTS)))
                        await asyncio.sleep(0.05)
                finally:
                    session.terminate()
            except _DATABASE_AWAY:
                await asyncio.sleep(0.2)

    def _compare(self, now: dict[int, int]) -> None:
        reached = self.reached
        for partition, stream_seq in now.items():
            if stream_seq < reached.get(partition, 0):
                went = f"from {reached[partition]} to {stream_seq}"
                self.violations.append(f"checkpoint of {partition} went back {went}")
        reached |= now

    async def recorded_enough(self) -> None:
        """Return once so much is recorded that a check says something."""

        async def is_enough() -> bool:
            is_imported = not self.armed or self.exchanges.answered
            recorded = self.recording.acknowledged > 2 * _ENOUGH
            return recorded and self.answers > _ENOUGH and bool(is_imported)

        await eventually(is_enough, within=60)

    def database_crashed(self) -> None:
        """Let checkpoints be older than before.

        Commits of the projection do not wait for the disk. A crash takes the last of them, with
        their checkpoints.
        """
        self.reached.clear()

    async def has_passed(self, stream_seq: int) -> bool:
        """Whether all partitions are projected up to a message; not while the database is away."""
        return await self._have_all("select min(stream_seq) from partition", stream_seq)

    async def has_watched(self, stream_seq: int) -> bool:
        """Whether breakpoints were met up to a message; not while the database is away."""
        return await self._have_all("select min(stream_seq) from watch", stream_seq)

    async def _have_all(self, statement: str, stream_seq: int) -> bool:
        try:
            async with asyncio.timeout(2):
                reached = (await self.projectors.fetch(statement))[0][0]
        except (*_DATABASE_AWAY, TimeoutError):
            return False
        return reached is not None and int(reached) >= stream_seq

    async def check(self, *, within: float = 60.0) -> None:
        """Hold everything to what was acknowledged. AssertionError names what does not hold."""
        recording = self.recording
        assert recording.acknowledged > 30, "too little was recorded for a statement"
        try:
            await eventually(lambda: self.projectors.passed(recording.last_seq), within=within)
        except TimeoutError:
            checkpoints = await self.projectors.checkpoints()
            self.violations.append(f"not projected up to {recording.last_seq}: {checkpoints}")
        await eventually(self.projectors.resolved)
        if self.exchanges.attempts:
            await eventually(self._is_at_rest, within=within)
        await self._count_records()
        projected = await assert_equals_log(self.projectors.nats_url, self.projectors.dsn)
        recording.assert_recorded(projected)
        if self.armed:
            await self._check_hits(within)
            self.losses.imports_torn += await self.exchanges.check(projected, self.projectors.fetch)
            self.violations += self.exchanges.violations
            assert self.answers > 10, f"too few answers: {self.answers}, {self.unanswered}"
        self.losses.checked = True
        assert not self.violations, self._told()

    async def _is_at_rest(self) -> bool:
        """Whether no import records any more, and all that it recorded is projected."""
        jetstream = self.client.jetstream()
        last_seq = (await jetstream.stream_info(STREAM_RECORD)).state.last_seq
        await asyncio.sleep(1)
        if (await jetstream.stream_info(STREAM_RECORD)).state.last_seq != last_seq:
            return False
        return await self.projectors.passed(last_seq)

    async def _count_records(self) -> None:
        projected = await read_projection(self.projectors.dsn)
        for agent in self.recording.agents:
            found = Counter(ids := ids_in_order(projected, agent))
            self.losses.lost += len(set(agent.recorded) - found.keys())
            self.losses.doubled += sum(count - 1 for count in found.values())
            order = {id_: n for n, id_ in enumerate(agent.recorded)}
            places = [order[id_] for id_ in ids if id_ in order]
            self.losses.reordered += sum(b < a for a, b in itertools.pairwise(places))

    async def _check_hits(self, within: float) -> None:
        expected = {
            (self.armed[one.space][0], one.id)
            for one in self.recording.accepted
            if one.type == HIT_TYPE and one.stream_seq > self.armed[one.space][1]
        }
        assert expected, "no event of the type was recorded"
        async with hits_of(self.projectors.nats_url, self.projectors.dsn) as hits:

            async def are_published() -> bool:
                rows = await self.projectors.fetch("select published_at from strato.hit")
                return len(rows) >= len(expected) and all(row[0] for row in rows)

            try:
                await eventually(are_published, within=within)
            except TimeoutError:
                self.violations.append("not all hits are made and published")
            told = Counter((one["breakpoint_id"], one["event"]["id"]) for one in await hits.told())
        rows = await self.projectors.fetch("select breakpoint_id, body from strato.hit")
        kept = Counter((str(row[0]), orjson.loads(row[1])["event"]["id"]) for row in rows)
        for where, found in (("table", kept), ("stream", told)):
            missing, more = expected - found.keys(), found.keys() - expected
            doubled = [one for one, count in found.items() if count > 1]
            self.losses.hits_missing += len(missing)
            self.losses.hits_doubled += len(doubled)
            if missing or more or doubled:
                counts = f"{len(missing)} missing, {len(more)} unexpected, {len(doubled)} twice"
                self.violations.append(f"hits in the {where}: {counts} of {len(expected)}")

    def _told(self) -> str:
        first = "\n".join(self.violations[:10])
        return f"{len(self.violations)} violations, {self.answers} answers:\n{first}"

    def report(self) -> str:
        """What was done, in a line."""
        found = sorted(self.seconds) or [0.0]
        p50, p99 = (1000 * found[int(len(found) * share)] for share in (0.5, 0.99))
        return (
            f"{self.recording.acknowledged} messages acknowledged, {self.answers} answers"
            f" (p50 {p50:.0f} ms, p99 {p99:.0f} ms), not answered {dict(self.unanswered)},"
            f" exchanged {dict(self.exchanges.outcomes)}"
        )


@asynccontextmanager
async def fault_driver(
    projectors: Projecting,
    seed: str,
    *,
    agents: int = 10,
    pause: float = 3.0,
    readers: int = 3,
    armed: bool = True,
    exchanging: bool = True,
) -> AsyncIterator[FaultDriver]:
    """Agents and readers at work while the block runs; `check` at its end.

    Ten agents that pause for up to three seconds send seven messages a second: projectors are idle
    in between, and their watermarks move by heartbeats. Without a navigator there is nothing to be
    asked: `readers=0, armed=False`.
    """
    client = await nats.connect(
        projectors.nats_url.split(","), max_reconnect_attempts=-1, error_cb=_ignore
    )
    tasks: list[asyncio.Task[None]] = []
    try:
        async with load(projectors.nats_url, seed, agents, pause) as recording:
            exchanges = ExchangeDriver(client, recording, Random(f"exchange {seed}"))
            driver = FaultDriver(projectors, recording, client, Random(seed), exchanges)
            if armed:
                await driver.arm()
            begin: list[Callable[[], Any]] = [driver.watch_checkpoints, *[driver.read] * readers]
            if armed and exchanging:
                begin += [exchanges.exchange] * 2
            tasks += [asyncio.create_task(one()) for one in begin]
            yield driver
        # What was acknowledged last is asked for as well.
        await asyncio.sleep(0.5)
        for task in tasks:
            assert not task.done(), task.exception()
        await end_tasks(tasks)
        try:
            await driver.check()
        finally:
            print(driver.report())
    finally:
        await end_tasks(tasks)
        await client.close()


async def _ignore(_: Exception) -> None:
    """What nats-py says of servers that a test takes away."""
