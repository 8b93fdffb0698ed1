"""Everything that an operator needs to begin: broker, database, projector, navigator."""

import asyncio
import http.client
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from stratoscope.broker import local_brokers
from stratoscope.embedded.broker import EmbeddedBroker
from stratoscope.embedded.database import EmbeddedDatabase
from stratoscope.embedded.errors import EmbeddedError
from stratoscope.embedded.files import write_private
from stratoscope.embedded.lock import folder_lock
from stratoscope.embedded.logins import prepare_logins
from stratoscope.embedded.ports import (
    LOOPBACK,
    choose_ports,
    remember_ports,
    remembered_ports,
)
from stratoscope.embedded.program import Program
from stratoscope.embedded.supervisor import Supervisor

# How often ports are chosen where others take them in the same moment.
START_CHANCES = 3
_SERVICES = ("projector", "navigator")


def _module(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to start: an address that is given is used instead of an embedded server."""

    data: Path
    nats_url: str | None = None
    postgres_dsn: str | None = None
    # By name ("nats", "postgres", "projector", "navigator"): ports that must be these.
    ports: dict[str, int] = field(default_factory=dict)
    projector: tuple[str, ...] = _module("stratoscope.projector")
    navigator: tuple[str, ...] = _module("stratoscope.navigator")


class Stack:
    """What runs, and where it is found."""

    def __init__(self, wanted: Wanted, ports: dict[str, int], hold: int) -> None:
        self._wanted = wanted
        self._ports = ports
        self._supervisor = Supervisor(hold, on_restart=self._describe)
        self._broker = EmbeddedBroker(
            folder=wanted.data / "nats",
            log=self.logs / "nats.log",
            port=ports["nats"],
        )
        self._database = EmbeddedDatabase(
            folder=wanted.data / "postgres", log=self.logs / "postgres.log", port=ports["postgres"]
        )

    @property
    def logs(self) -> Path:
        """The folder with a log for each child."""
        return self._wanted.data / "logs"

    @property
    def running_file(self) -> Path:
        """Where the description is while this runs."""
        return self._wanted.data / "running.json"

    @property
    def nats_url(self) -> str:
        """The broker's address, the embedded one's with its password."""
        return self._wanted.nats_url or self._broker.url()

    @property
    def public_nats_url(self) -> str:
        """The broker's address without a password: clients of this account find the password."""
        parts = urlsplit(self.nats_url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    @property
    def postgres_dsn(self) -> str:
        """The database's address for its owner, password included."""
        return self._wanted.postgres_dsn or self._database.dsn()

    def service_url(self, name: str) -> str:
        """Where `/healthz`, `/readyz` and `/metrics` of a service are."""
        return f"http://{LOOPBACK}:{self._ports[name]}"

    def description(self) -> dict[str, object]:
        """The line of `stratoscope up --json`."""
        return {
            "nats": self.nats_url,
            "postgres": self.postgres_dsn,
            "projector": self.service_url("projector"),
            "navigator": self.service_url("navigator"),
            "pids": self._supervisor.pids,
        }

    async def start(self) -> None:
        """The servers, side by side, then the services, each ready before the next is needed."""
        servers = []
        if self._wanted.nats_url is None:
            servers.append(self._broker.prepare())
        if self._wanted.postgres_dsn is None:
            servers.append(self._database.prepare())
        await self._start(servers)
        if self._wanted.postgres_dsn is None:
            passwords = {name: self._database.password_of(name) for name in _SERVICES}
            await prepare_logins(self.postgres_dsn, passwords)
        commands = {"projector": self._wanted.projector, "navigator": self._wanted.navigator}
        await self._start([self._service(name, command) for name, command in commands.items()])
        if self._wanted.nats_url is None:
            self._register()
        self._describe()

    async def stop(self) -> None:
        """Navigator, projector, database, broker."""
        await self._supervisor.stop()
        if self._wanted.nats_url is None:
            # A start that failed early has no password yet, and must say what it failed at.
            with suppress(OSError):
                local_brokers.unregister(self.nats_url)
        self.running_file.unlink(missing_ok=True)

    def _register(self) -> None:
        try:
            local_brokers.register(self.nats_url)
        except OSError as error:
            raise EmbeddedError(
                f"the broker's password can't be kept for this account's clients: {error};"
                " set XDG_STATE_HOME to a folder that can be written to"
            ) from error

    def _describe(self) -> None:
        write_private(self.running_file, json.dumps(self.description()))

    async def _start(self, programs: list[Program]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for program in programs:
                    group.create_task(self._supervisor.start(program))
        except ExceptionGroup as failures:
            # One cause is enough to act on; the others are most often its consequences.
            raise failures.exceptions[0] from None

    def _service(self, name: str, command: tuple[str, ...]) -> Program:
        port = self._ports[name]
        return Program(
            name=name,
            command=command,
            log=self.logs / f"{name}.log",
            environment={
                "STRATO_NATS_URL": self.nats_url,
                "STRATO_POSTGRES_DSN": self._wanted.postgres_dsn or self._database.dsn_as(name),
                # Where they are asked whether they are ready, whatever this process was told.
                "STRATO_HTTP_HOST": LOOPBACK,
                "STRATO_HTTP_PORT": str(port),
            },
            is_ready=lambda _pid: _answers_ready(port),
            ready_seconds=60.0,
            stop_seconds=5.0,
        )


@asynccontextmanager
async def running_stack(wanted: Wanted) -> AsyncIterator[Stack]:
    """Start everything, and stop it at the end; the data stays.

    Raises EmbeddedError where the folder or a port is another's, or a part does not come up.
    """
    wanted = replace(wanted, data=wanted.data.expanduser().resolve())
    _make_data_folder(wanted.data)
    async with folder_lock(wanted.data) as hold:
        stack = await _started(wanted, hold)
        try:
            yield stack
        finally:
            await stack.stop()


async def _started(wanted: Wanted, hold: int) -> Stack:
    memory = wanted.data / "ports.json"
    for chance in reversed(range(START_CHANCES)):
        ports = choose_ports(wanted.ports, remembered_ports(memory))
        remember_ports(memory, ports)
        stack = Stack(wanted, ports, hold)
        try:
            await stack.start()
        except EmbeddedError as error:
            await stack.stop()
            # Taken by another between our look and our start, and perhaps free again by now.
            if not chance or "address already in use" not in str(error).lower():
                raise
        except BaseException:
            await stack.stop()
            raise
        else:
            return stack
    raise AssertionError("the last chance returns or raises")


def _make_data_folder(folder: Path) -> None:
    # Its owner's alone, but for root: the account that its Postgres runs as has to pass through.
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(f"the data folder {folder} can't be made: {error.strerror}") from error


def _answers_ready(port: int) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
