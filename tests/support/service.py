"""One of our services as a process of its own, as an operator would run it."""

import asyncio
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGTERM

from stratoscope.embedded.ports import LOOPBACK, free_port
from support.database_roles import dsn_as
from support.eventually import eventually


class ServiceProcess:
    """A running `python -m stratoscope.<name>`."""

    def __init__(self, process: Process, port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.log = log

    async def get(self, path: str) -> tuple[int, str]:
        """Status and body of a page that it serves; 0 where it does not answer."""
        try:
            reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
        except OSError:
            return 0, ""
        try:
            writer.write(f"GET {path} HTTP/1.0\r\nHost: {LOOPBACK}\r\n\r\n".encode())
            raw = (await reader.read()).decode()
        finally:
            # A process that is suspended or killed meanwhile ends the reading by an error.
            writer.transport.abort()
        head, _, body = raw.partition("\r\n\r\n")
        return int(head.split()[1]) if head else 0, body

    async def is_ready(self) -> bool:
        """Whether it says that it is of use; RuntimeError where it has ended."""
        if self.process.returncode is not None:
            raise RuntimeError(f"ended with {self.process.returncode}:\n{self.log.read_text()}")
        return (await self.get("/readyz"))[0] == 200

    async def is_unready(self) -> bool:
        """Whether it says that it is of no use now."""
        return (await self.get("/readyz"))[0] == 503

    async def stop(self) -> int:
        """Ask it to stop; its exit code."""
        if self.process.returncode is None:
            self.process.send_signal(SIGTERM)
        async with asyncio.timeout(10):
            return await self.process.wait()


@asynccontextmanager
async def service(
    name: str, nats_url: str, postgres_dsn: str, folder: Path, **settings: str
) -> AsyncIterator[ServiceProcess]:
    """A service that is ready, under its own database role; stopped, or killed where it must be."""
    port = free_port()
    log = folder / f"{name}-{port}.log"
    environment = {
        "STRATO_NATS_URL": nats_url,
        "STRATO_POSTGRES_DSN": await dsn_as(name, postgres_dsn),
        "STRATO_HTTP_PORT": str(port),
    } | settings
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"stratoscope.{name}"),
            env=os.environ | environment,
            stdout=file,
            stderr=file,
        )
    running = ServiceProcess(process, port, log)
    try:
        await eventually(running.is_ready, within=20)
        yield running
    finally:
        try:
            await running.stop()
        except TimeoutError:
            process.kill()
            await process.wait()
