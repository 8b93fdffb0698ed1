"""Servers from the embedded wheels, a process each."""

from dataclasses import replace
from pathlib import Path

import psutil

from stratoscope.embedded import (
    EmbeddedBroker,
    EmbeddedDatabase,
    EmbeddedError,
    Process,
)
from stratoscope.embedded.broker import ANY_PORT
from stratoscope.embedded.ports import LOOPBACK, free_port


class WheelNats:
    """A nats-server with JetStream on its own folder."""

    def __init__(self, folder: Path) -> None:
        self._broker = EmbeddedBroker(folder=folder, log=folder / "nats.log", monitor_port=ANY_PORT)
        self._process: Process | None = None
        self.start()

    @property
    def url(self) -> str:
        return self._broker.url()

    @property
    def monitor_url(self) -> str:
        return f"http://{LOOPBACK}:{self._broker.monitor_port}"

    def start(self) -> None:
        if self._process is not None:
            return
        self._process = Process(self._broker.prepare())
        # It chose its ports; from now on they are its own.
        ports = self._broker.ports(self._process.pid)
        assert ports is not None
        self._broker = replace(self._broker, port=ports.client, monitor_port=ports.monitor)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None

    def close(self) -> None:
        self.kill()  # a broker's clean stop takes longer than its data is worth now


class WheelPostgres:
    """A Postgres on its own folder, without fsync: a killed server loses nothing."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self._database = self._place(port or free_port())
        self._process: Process | None = None
        try:
            self.start()
        except EmbeddedError:
            if port is not None:
                raise
            # Somebody took the port between our look and the server's: once is bad luck.
            self._database = self._place(free_port())
            self.start()

    def dsn(self, database: str) -> str:
        return self._database.dsn(database)

    def start(self) -> None:
        if self._process is None:
            self._process = Process(self._database.prepare())

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None

    def kill(self) -> None:
        if self._process is None:
            return
        # Its backends notice by themselves, but a moment too late for a new server on the folder.
        backends = psutil.Process(self._process.pid).children(recursive=True)
        self.resume()
        self._process.kill()
        for backend in backends:
            if backend.is_running():
                backend.kill()
        psutil.wait_procs(backends, timeout=5)
        self._process = None

    def hang(self) -> None:
        """Suspend all its processes: the kernel goes on acknowledging, and nothing answers."""
        for process in self._processes():
            process.suspend()

    def resume(self) -> None:
        """Let all its processes go on."""
        for process in reversed(self._processes()):
            process.resume()

    def _processes(self) -> list[psutil.Process]:
        if self._process is None:
            return []
        server = psutil.Process(self._process.pid)
        return [server, *server.children(recursive=True)]

    def close(self) -> None:
        self.stop()

    def _place(self, port: int) -> EmbeddedDatabase:
        log = self.folder / "postgres.log"
        return EmbeddedDatabase(folder=self.folder, log=log, port=port, durable=False)
