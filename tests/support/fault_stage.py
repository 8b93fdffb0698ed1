"""A deployment to be harmed: broker, database, projectors and navigators as real processes.

The services reach broker and database through proxies of the test's own process. The load, the
readers and the checker do not, so that only the services meet what happens on the way.
"""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import orjson

from stratoscope.broker.local_brokers import with_password
from support.database_roles import dsn_as
from support.eventually import eventually
from support.projecting import Projecting, projecting
from support.service import ServiceProcess, service
from support.stack import NatsServer, PostgresServer
from support.tcp_proxy import TcpProxy, address_of, tcp_proxy, through

_COMMAND = (sys.executable, "-m", "stratoscope.cli.app")


class FaultStage:
    """The processes of one deployment, each of which can be killed and started again."""

    def __init__(
        self,
        broker: NatsServer,
        database: PostgresServer,
        projecting: Projecting,
        folder: Path,
        proxies: tuple[TcpProxy, TcpProxy],
        processes: AsyncExitStack,
        settings: dict[str, str],
    ) -> None:
        self.broker = broker
        self.database = database
        self.projecting = projecting
        self.to_broker, self.to_database = proxies
        self.projectors: list[ServiceProcess] = []
        self.navigators: list[ServiceProcess] = []
        # The logs of all services, those of dead ones included.
        self.logs: list[Path] = []
        # What was done to it, counted by the words of `support.fault_tally`.
        self.done: Counter[str] = Counter()
        self._settings = settings
        self._folder = folder
        self._processes = processes

    @property
    def lease_seconds(self) -> float:
        """How long a lease lasts."""
        return float(self._settings.get("STRATO_LEASE_SECONDS", "10"))

    async def start_projector(self, *, ready: bool = True, **settings: str) -> ServiceProcess:
        """Start another projector."""
        running = await self.projecting.start(
            ready=ready, **await self._addresses("projector"), **self._settings | settings
        )
        self.projectors.append(running)
        self.logs.append(running.log)
        return running

    async def start_navigator(self, **settings: str) -> ServiceProcess:
        """Start another navigator, and return once it is ready."""
        addresses = await self._addresses("navigator")
        running = await self._processes.enter_async_context(
            service(
                "navigator",
                addresses["STRATO_NATS_URL"],
                self.projecting.dsn,
                self._folder,
                **addresses,
                **self._settings | settings,
            )
        )
        self.navigators.append(running)
        self.logs.append(running.log)
        return running

    async def kill(self, running: ServiceProcess) -> None:
        """End a service as a crash would."""
        for name, group in (("projector", self.projectors), ("navigator", self.navigators)):
            if running in group:
                group.remove(running)
                self.done[f"{name} kills"] += 1
        running.process.kill()
        await running.process.wait()

    async def revive(self) -> None:
        """Start anew what has ended by itself, as a supervisor does; return once all are ready.

        A service that is started while the database is away ends with a word.
        """
        for group, start in (
            (self.projectors, self.start_projector),
            (self.navigators, self.start_navigator),
        ):
            for running in [*group]:
                if running.process.returncode is not None:
                    group.remove(running)
                    self.done["services that ended and were started again"] += 1
                    await start()
        for running in (*self.projectors, *self.navigators):
            await eventually(running.is_ready, within=60)

    def kill_broker(self) -> None:
        """End the broker as a crash would."""
        self.broker.kill()
        self.done["broker kills"] += 1

    def kill_database(self) -> None:
        """End Postgres as a crash would."""
        self.database.kill()
        self.done["Postgres kills"] += 1

    def suspend(self, running: ServiceProcess) -> None:
        """Stop all threads of a service."""
        running.process.send_signal(signal.SIGSTOP)

    def resume(self, running: ServiceProcess) -> None:
        """Let a service go on where it was suspended."""
        running.process.send_signal(signal.SIGCONT)

    async def examine(self) -> list[str]:
        """What `stratoscope doctor` finds, by the ways that the services have: `check status`."""
        addresses = await self._addresses("projector")
        process = await asyncio.create_subprocess_exec(
            *(*_COMMAND, "doctor", "-o", "json", "--server", addresses["STRATO_NATS_URL"]),
            *("--postgres-dsn", through(self.projecting.dsn, self.to_database)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(45):
                out, error = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.communicate()
            return ["no answer in 45 s"]
        try:
            checks = orjson.loads(out)["checks"]
        except (orjson.JSONDecodeError, KeyError):
            return [error.decode().strip().splitlines()[-1] if error.strip() else "no document"]
        # Tests have a database that does not wait for its disk.
        wrong = [one for one in checks if one["status"] == "fail" and one["name"] != "durability"]
        return [one["name"] for one in wrong] or ["nothing fails"]

    async def rebuild(self) -> None:
        """Make another projection from the log. AssertionError where it differs; it serves then."""
        process = await asyncio.create_subprocess_exec(
            *(*_COMMAND, "rebuild", "--keep-old", "--server", self.broker.url),
            *("--postgres-dsn", self.projecting.dsn),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(120):
                said, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        assert process.returncode == 0, said.decode()

    def tracebacks(self) -> int:
        """How many tracebacks the services have written."""
        return sum(log.read_text(errors="replace").count("Traceback") for log in self.logs)

    async def _addresses(self, name: str) -> dict[str, str]:
        broker = with_password(self.projecting.nats_url)
        return {
            "STRATO_NATS_URL": through(broker, self.to_broker),
            "STRATO_POSTGRES_DSN": through(
                await dsn_as(name, self.projecting.dsn), self.to_database
            ),
        }


@asynccontextmanager
async def fault_stage(
    broker: NatsServer,
    database: PostgresServer,
    dsn: str,
    folder: Path,
    *,
    projectors: int = 1,
    navigators: int = 1,
    **settings: str,
) -> AsyncIterator[FaultStage]:
    """A deployment whose services are ready; all of them have ended when the block ends."""
    async with AsyncExitStack() as processes:
        of_projecting = await processes.enter_async_context(projecting(broker.url, dsn, folder))
        proxies = (
            await processes.enter_async_context(tcp_proxy(address_of(with_password(broker.url)))),
            await processes.enter_async_context(tcp_proxy(address_of(dsn))),
        )
        stage = FaultStage(broker, database, of_projecting, folder, proxies, processes, settings)
        for _ in range(projectors):
            await stage.start_projector()
        for _ in range(navigators):
            await stage.start_navigator()
        try:
            yield stage
        finally:
            for running in (*stage.projectors, *stage.navigators):
                if running.process.returncode is None:
                    stage.resume(running)
