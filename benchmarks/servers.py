"""A broker and a database for one benchmark, durable as `stratoscope up` has them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from stratoscope.embedded import (
    EmbeddedBroker,
    EmbeddedDatabase,
    EmbeddedError,
    Process,
)
from stratoscope.embedded.ports import free_port


@contextmanager
def servers(folder: Path) -> Iterator[tuple[str, str]]:
    """Both, on new folders: the broker's URL and the database's DSN."""
    # The database may run as another account, which has to come this far.
    folder.chmod(0o755)
    with ExitStack() as stack:
        broker = EmbeddedBroker(folder=folder / "nats", log=folder / "nats.log")
        running = Process(broker.prepare())
        stack.callback(running.kill)
        ports = broker.ports(running.pid)
        if ports is None:
            raise EmbeddedError("nats-server does not say where it listens")
        database = EmbeddedDatabase(
            folder=folder / "postgres", log=folder / "postgres.log", port=free_port()
        )
        stack.callback(Process(database.prepare()).stop)
        yield replace(broker, port=ports.client).url(), database.dsn()
