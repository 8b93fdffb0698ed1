"""The broker and the database that tests run against: real ones, wherever the tests run.

Containers where a Docker engine answers, the embedded wheels elsewhere; the tests see no
difference. `STRATO_TEST_BACKEND=embedded|docker` decides instead of looking.
"""

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from stratoscope.embedded.database import find_postgres
from support.containers import ContainerNats, ContainerPostgres, docker_answers
from support.wheels import WheelNats, WheelPostgres


class Server(Protocol):
    """A server that tests may take away and bring back: the same port, the same data."""

    def start(self) -> None:
        """Start it, and return once it answers; nothing where it runs."""
        ...

    def stop(self) -> None:
        """Stop it as an operator would; its data stays."""
        ...

    def kill(self) -> None:
        """End it as a crash would; its data stays."""
        ...

    def close(self) -> None:
        """Stop it for good and forget its data."""
        ...


class NatsServer(Server, Protocol):
    """A broker."""

    @property
    def url(self) -> str:
        """`nats://…`."""
        ...

    @property
    def monitor_url(self) -> str:
        """`http://…`, where `/healthz`, `/varz` and `/jsz` are."""
        ...


class PostgresServer(Server, Protocol):
    """A database server."""

    def dsn(self, database: str) -> str:
        """`postgresql://…` of one of its databases."""
        ...


def backend() -> str:
    """`docker` or `embedded`."""
    asked = os.environ.get("STRATO_TEST_BACKEND")
    if asked not in (None, "docker", "embedded"):
        raise ValueError(f"STRATO_TEST_BACKEND is docker or embedded, not {asked!r}")
    return asked or ("docker" if docker_answers() else "embedded")


def new_nats(kind: str, folder: Path) -> NatsServer:
    """A broker with nothing in it, started."""
    return ContainerNats() if kind == "docker" else WheelNats(folder)


def new_postgres(kind: str, folder: Path) -> PostgresServer:
    """A database server, started."""
    return ContainerPostgres() if kind == "docker" else WheelPostgres(folder)


@contextmanager
def new_database(server: PostgresServer, template: str = "template0") -> Iterator[str]:
    """The DSN of a database with nothing in it but the template's, dropped at the end."""
    name = f"test_{secrets.token_hex(6)}"
    # Files that are copied take a quarter of the processor time of blocks that are logged.
    run_sql(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    try:
        yield server.dsn(name)
    finally:
        server.start()  # a test may have taken it away
        run_sql(server, f"DROP DATABASE {name} WITH (FORCE)")


def run_sql(server: PostgresServer, statement: str) -> str:
    """What psql says to a statement, as the server's owner, outside of any event loop."""
    command = [str(find_postgres() / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", statement]
    done = subprocess.run(
        [*command, server.dsn("postgres")], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{statement}: {done.stderr}")
    return done.stdout.strip()
