"""A projector as a process of its own, started and ended as a test needs it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from stratoscope.embedded.ports import free_port
from support.database_roles import dsn_as
from support.eventually import eventually
from support.service import ServiceProcess

PROJECTOR = ("-m", "stratoscope.projector")
# With a point and a number behind it: kills itself there, that manieth time.
ARMED = str(Path(__file__).parents[1] / "faults" / "armed_projector.py")


class Projecting:
    """The projectors of one test, over one log and one database."""

    def __init__(self, nats_url: str, dsn: str, folder: Path) -> None:
        self.nats_url = nats_url
        self.dsn = dsn
        self._folder = folder
        self._started: list[ServiceProcess] = []
        self._session: asyncpg.Connection | None = None

    async def start(
        self, program: Sequence[str] = PROJECTOR, *, ready: bool = True, **settings: str
    ) -> ServiceProcess:
        """A new process; by default once it is ready."""
        port = free_port()
        log = self._folder / f"projector-{len(self._started)}.log"
        environment = {
            "STRATO_NATS_URL": self.nats_url,
            "STRATO_POSTGRES_DSN": await dsn_as("projector", self.dsn),
            "STRATO_HTTP_PORT": str(port),
        }
        with log.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, *program),
                env=os.environ | environment | settings,
                stdout=file,
                stderr=file,
            )
        running = ServiceProcess(process, port, log)
        self._started.append(running)
        if ready:
            await eventually(running.is_ready, within=20)
        return running

    async def checkpoints(self) -> dict[int, int]:
        """Up to where each partition is projected."""
        rows = await self.fetch("select partition, stream_seq from partition order by partition")
        return dict(map(tuple, rows))

    async def passed(self, stream_seq: int) -> bool:
        """Whether all partitions are projected up to a message."""
        return min((await self.checkpoints()).values()) >= stream_seq

    async def owners(self) -> dict[str, int]:
        """How many partitions each projector holds whose session is alive."""
        rows = await self.fetch(
            "select owner, count(*) from partition as held where not is_free(held) group by 1"
        )
        return dict(map(tuple, rows))

    async def resolved(self) -> bool:
        """Whether the depth of every event is known."""
        return not await self.fetch("select from event where depth is null limit 1")

    async def fetch(self, statement: str, *values: object) -> list[asyncpg.Record]:
        """Rows of the projection or of the operations schema."""
        try:
            rows: list[asyncpg.Record] = await (await self._look()).fetch(statement, *values)
        except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, ConnectionError):
            # The server went away under a test that means it to.
            self._forget()
            rows = await (await self._look()).fetch(statement, *values)
        return rows

    def look_at(self, dsn: str) -> None:
        """See the projection on another server from here on."""
        self.dsn = dsn
        self._forget()

    async def close(self) -> None:
        """Kill what still runs."""
        for running in self._started:
            if running.process.returncode is None:
                running.process.send_signal(signal.SIGKILL)
                await running.process.wait()
        self._forget()

    async def _look(self) -> asyncpg.Connection:
        if self._session is None:
            self._session = await asyncpg.connect(
                self.dsn, server_settings={"search_path": "strato_p1, strato"}
            )
        return self._session

    def _forget(self) -> None:
        if self._session is not None:
            self._session.terminate()
            self._session = None


@asynccontextmanager
async def projecting(nats_url: str, dsn: str, folder: Path) -> AsyncIterator[Projecting]:
    """Projectors, none of which outlives the block."""
    found = Projecting(nats_url, dsn, folder)
    try:
        yield found
    finally:
        await found.close()
