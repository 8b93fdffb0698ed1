"""A cluster of three brokers, slow, stalled, parted and led anew: nothing is early or missing."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import pytest

from stratoscope_contracts.words import PARTITIONS
from support.cluster import NUMBERS, THREE_COPIES, BrokerCluster, broker_cluster
from support.cluster_namespaces import CannotSeparate, NamespaceCluster
from support.eventually import eventually
from support.fault_driver import FaultDriver, fault_driver
from support.fault_matrix import SEED
from support.fault_tally import SoakPart, run_parts
from support.projecting import Projecting, projecting
from support.service import ServiceProcess, service
from support.stack import PostgresServer, new_database

# Each of these takes about a minute: `make faults` runs them all.
SECONDS: Final = float(os.environ.get("STRATO_FAULT_SECONDS", "12"))
SOAK_SECONDS: Final = float(os.environ.get("STRATO_FAULT_CLUSTER_SECONDS") or 0)
is_long = pytest.mark.skipif(
    "STRATO_FAULT_SECONDS" not in os.environ, reason="STRATO_FAULT_SECONDS says for how long"
)
pytestmark = [pytest.mark.faults, pytest.mark.timeout(240 + 10 * SECONDS)]
QUICK: Final = {"STRATO_LEASE_SECONDS": "2"}


@dataclass
class Stage:
    """A cluster with its database, a navigator and projectors that the test starts."""

    cluster: BrokerCluster
    projectors: Projecting
    navigator: ServiceProcess
    settings: dict[str, str]

    async def project(self, at: int) -> ServiceProcess:
        """A projector with its connection to one server."""
        url = self.cluster.servers[at].url
        return await self.projectors.start(STRATO_NATS_URL=url, **self.settings)

    async def kill_projector(self, running: ServiceProcess) -> None:
        """End it as a crash would."""
        running.process.kill()
        await running.process.wait()

    async def place(self) -> tuple[ServiceProcess, int, int]:
        """A projector, the server that leads the stream, and another that has its consumer.

        The projector is connected to a server that does not have the consumer: what the leader says
        of the stream and what the consumer says come by different ways.
        """
        while True:
            at = Random().choice(NUMBERS)
            running = await self.project(at)
            # While another one's leases last it has a part of the partitions, and another consumer.
            await eventually(self._holds_all, within=20)
            await eventually(self._has_consumer, within=20)
            for _ in range(5):
                places = await self.cluster.places()
                if places.consumer in (at, None):
                    break
                if places.leader != places.consumer:
                    assert places.consumer is not None
                    return running, places.leader, places.consumer
                await self.cluster.step_down()
                await asyncio.sleep(1)
            await self.kill_projector(running)
            # The dead one's consumer would be taken for the next one's.
            await self.cluster.delete_consumers()

    async def _holds_all(self) -> bool:
        return list((await self.projectors.owners()).values()) == [PARTITIONS]

    async def _has_consumer(self) -> bool:
        return (await self.cluster.places()).consumer is not None


@pytest.fixture
async def stage(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """Broker, database and navigator; the streams have three copies."""
    async with cluster_stage(postgres_dsn, tmp_path) as found:
        yield found


@asynccontextmanager
async def cluster_stage(
    postgres_dsn: str, tmp_path: Path, make: Callable[[Path], BrokerCluster] = BrokerCluster
) -> AsyncIterator[Stage]:
    """The same, for a part of a soak, or with another kind of cluster."""
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(broker_cluster(make))
        projectors = await stack.enter_async_context(
            projecting(cluster.url, postgres_dsn, tmp_path)
        )
        settings = THREE_COPIES | QUICK
        first = await projectors.start(**settings)
        assert await first.stop() == 0
        navigator = await stack.enter_async_context(
            service("navigator", cluster.url, postgres_dsn, tmp_path)
        )
        yield Stage(cluster, projectors, navigator, settings)


async def test_a_copy_that_lags_makes_no_answer_early_and_loses_no_hit(stage: Stage):
    """The projector's consumer is on a server that the leader reaches slowly; nothing dies."""
    _, leader, consumer = await stage.place()
    async with fault_driver(stage.projectors, "lags"):
        stage.cluster.link(leader, consumer).delay[leader] = 0.1
        await asyncio.sleep(SECONDS)
        stage.cluster.mend()


@is_long
@pytest.mark.parametrize("delay", [0.005, 0.3, 1.0])
async def test_a_projector_that_is_killed_while_a_copy_lags_loses_nothing(
    stage: Stage, delay: float
):
    running, leader, consumer = await stage.place()
    async with fault_driver(stage.projectors, f"killed {delay}"):
        for _ in range(3):
            stage.cluster.link(leader, consumer).delay[leader] = delay
            await asyncio.sleep(SECONDS / 3)
            await stage.kill_projector(running)
            stage.cluster.mend()
            await stage.cluster.delete_consumers()
            running, leader, consumer = await stage.place()


@is_long
async def test_two_projectors_share_a_log_whose_copies_lag(stage: Stage):
    """Each passes what is the other's: nearly every watermark is moved by heartbeats."""
    await stage.project(1)
    await stage.project(2)
    async with fault_driver(stage.projectors, "shared"):
        for link in stage.cluster.links.values():
            for end, delay in zip(link.ends, (0.05, 0.2), strict=True):
                link.delay[end] = delay
        await asyncio.sleep(SECONDS)
        stage.cluster.mend()


Fault = Callable[[BrokerCluster, Random], Awaitable[None]]


async def stall_a_follower(cluster: BrokerCluster, random: Random) -> None:
    """Suspend a server that does not lead, for a moment or for longer than a heartbeat lasts."""
    server = cluster.servers[await cluster.follower()]
    server.suspend()
    await asyncio.sleep(random.choice([0.3, 1.0, 6.0]))
    server.resume()


async def stall_the_leader(cluster: BrokerCluster, random: Random) -> None:
    """Suspend the leader until another is elected, and let it answer again as if it still led."""
    server = cluster.servers[await cluster.leader()]
    server.suspend()
    await asyncio.sleep(random.choice([0.5, 12.0]))
    server.resume()


async def step_down(cluster: BrokerCluster, _: Random) -> None:
    """Change the leader."""
    await cluster.step_down()
    await asyncio.sleep(1)


async def kill_the_leader(cluster: BrokerCluster, _: Random) -> None:
    """Kill the leader, and start it again once another leads."""
    leader = await cluster.leader()
    cluster.servers[leader].kill()
    await eventually(lambda: leads_another(cluster, leader), within=30)
    cluster.servers[leader].start()


async def leads_another(cluster: BrokerCluster, leader: int) -> bool:
    """Whether the stream is led by another server than this one."""
    return await cluster.leader() != leader


async def part_the_leader(cluster: BrokerCluster, random: Random) -> None:
    """Cut the leader off from the others, with the clients that are connected to it."""
    cluster.isolate(await cluster.leader())
    await asyncio.sleep(random.choice([1.0, 15.0]))
    cluster.mend()


async def part_a_follower(cluster: BrokerCluster, random: Random) -> None:
    """Cut a server off that does not lead."""
    cluster.isolate(await cluster.follower())
    await asyncio.sleep(random.choice([1.0, 8.0]))
    cluster.mend()


async def restart_in_turn(cluster: BrokerCluster, _: Random) -> None:
    """Restart one server after the other, as an upgrade does."""
    for server in cluster.servers.values():
        server.stop()
        server.start()
        await eventually(cluster.is_current, within=60)


FAULTS: Final = (
    stall_a_follower,
    stall_the_leader,
    step_down,
    kill_the_leader,
    part_the_leader,
    part_a_follower,
    restart_in_turn,
)


@is_long
@pytest.mark.parametrize("fault", FAULTS)
async def test_nothing_is_early_or_missing(stage: Stage, fault: Fault, tmp_path: Path):
    """Two projectors, connected to one server each, and two navigators, to all of them."""
    await stage.project(1)
    await stage.project(2)
    dsn, url = stage.projectors.dsn, stage.cluster.url
    random = Random(fault.__name__)
    async with (
        service("navigator", url, dsn, tmp_path),
        fault_driver(stage.projectors, fault.__name__) as driver,
    ):
        until = asyncio.get_running_loop().time() + SECONDS
        while True:
            await goes_on(driver)
            await fault(stage.cluster, random)
            await eventually(stage.cluster.is_current, within=60)
            if asyncio.get_running_loop().time() > until:
                break
        await goes_on(driver)


async def drop_the_leader(cluster: NamespaceCluster, random: Random) -> None:
    """Lose all packets between the leader and the others: nothing is reset."""
    cluster.isolate(await cluster.leader())
    await asyncio.sleep(random.choice([2.0, 15.0]))
    cluster.mend()


async def drop_one_way(cluster: NamespaceCluster, random: Random) -> None:
    """Lose what the leader sends to one follower, or what that one sends."""
    ends = [await cluster.leader(), await cluster.follower()]
    random.shuffle(ends)
    cluster.lose(*ends, percent=100)
    await asyncio.sleep(random.choice([2.0, 12.0]))
    cluster.mend()


async def lose_some(cluster: NamespaceCluster, random: Random) -> None:
    """Lose a third of what the leader sends, and a tenth of what comes back."""
    leader = await cluster.leader()
    for other in NUMBERS:
        if other != leader:
            cluster.lose(leader, other, percent=30)
            cluster.lose(other, leader, percent=10)
    await asyncio.sleep(8.0)
    cluster.mend()


@is_long
@pytest.mark.parametrize("fault", [drop_the_leader, drop_one_way, lose_some])
async def test_packets_that_are_lost_make_nothing_early_or_missing(
    fault: Callable[[NamespaceCluster, Random], Awaitable[None]],
    postgres_dsn: str,
    tmp_path: Path,
):
    """Servers in network namespaces; two projectors and two navigators."""
    random = Random(f"{fault.__name__} {SEED}")
    try:
        async with cluster_stage(postgres_dsn, tmp_path, NamespaceCluster) as stage:
            await stage.project(1)
            await stage.project(2)
            cluster = stage.cluster
            assert isinstance(cluster, NamespaceCluster)
            async with (
                service("navigator", cluster.url, postgres_dsn, tmp_path),
                fault_driver(stage.projectors, fault.__name__) as driver,
            ):
                until = asyncio.get_running_loop().time() + SECONDS
                while asyncio.get_running_loop().time() < until:
                    await goes_on(driver)
                    await fault(cluster, random)
                    await eventually(cluster.is_current, within=60)
                await goes_on(driver)
    except CannotSeparate as error:
        pytest.skip(f"no network namespaces: {error}")


@pytest.mark.skipif(not SOAK_SECONDS, reason="make soak runs it")
@pytest.mark.timeout(600 + 2 * SOAK_SECONDS)
def test_faults_of_a_cluster_for_hours_cost_nothing_but_time(
    postgres_server: PostgresServer, scratch: Path
):
    """In parts, each with a cluster and a database of its own that are checked at its end."""

    def run(part: SoakPart, folder: Path, seconds: float) -> None:
        with new_database(postgres_server) as dsn:
            asyncio.run(soak(part, dsn, folder, seconds))

    run_parts("cluster", SEED, scratch, SOAK_SECONDS, run)


async def soak(part: SoakPart, dsn: str, folder: Path, seconds: float) -> None:
    """One part: faults in turn, in an order of its own."""
    random, done = Random(part.seed), Counter[str]()
    until = time.monotonic() + seconds
    async with cluster_stage(dsn, folder) as stage:
        await stage.project(1)
        await stage.project(2)
        driver = None
        try:
            async with (
                service("navigator", stage.cluster.url, dsn, folder),
                fault_driver(stage.projectors, part.seed) as driver,
            ):
                while time.monotonic() < until:
                    await goes_on(driver)
                    await inject(part, stage.cluster, random, done)
                await goes_on(driver)
            part.checked = True
        finally:
            if driver is not None:
                part.take(driver, done)


async def inject(
    part: SoakPart, cluster: BrokerCluster, random: Random, done: Counter[str]
) -> None:
    """One round of a fault, with the leader before and after it."""
    fault, leader = random.choice(FAULTS), await cluster.leader()
    name = f"cluster: {fault.__name__.replace('_', ' ')}"
    part.rounds[name] = part.rounds.get(name, 0) + 1
    await fault(cluster, random)
    await eventually(cluster.is_current, within=60)
    done["broker kills"] += fault is kill_the_leader
    done["leader changes"] += await cluster.leader() != leader


async def goes_on(driver: FaultDriver) -> None:
    """Return once what is recorded from now on is acknowledged, projected and answered."""
    seen, answers = driver.recording.last_seq + 30, driver.answers + 10
    await eventually(lambda: driver.projectors.passed(seen), within=40)

    async def is_answered() -> bool:
        return driver.answers >= answers

    await eventually(is_answered, within=15)
