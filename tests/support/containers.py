"""Servers in containers, for machines where a Docker engine answers."""

import os
import socket
import time
from typing import Any

from stratoscope.embedded.broker import MAX_PAYLOAD
from stratoscope.embedded.ports import LOOPBACK, free_port

_NATS_IMAGE = "nats:2.15-alpine"
_POSTGRES_IMAGE = "postgres:18-alpine"
_READY_SECONDS = 60.0
_NATS_CONFIGURATION = f"""\
port: 4222
http: 8222
max_payload: {MAX_PAYLOAD}
ping_interval: "10s"
ping_max: 2
jetstream {{ store_dir: "/data", sync_interval: "1s" }}
"""


def docker_answers() -> bool:
    """Whether an engine answers within two seconds."""
    address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    # Looked at first, because the SDK leaves a socket open where there is nobody.
    if address.startswith("unix://") and not _listens(address.removeprefix("unix://")):
        return False
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=2)
    except DockerException:
        return False
    try:
        return bool(client.ping())
    except DockerException:
        return False
    finally:
        client.close()


def _listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        return connection.connect_ex(path) == 0


class _Container:
    """A container on host ports of its own, which it keeps when it is started again."""

    def __init__(self, container: Any) -> None:
        self._container = container.start()
        self._running = True
        self._await_ready()

    def start(self) -> None:
        if not self._running:
            self._container.get_wrapped_container().start()
            self._running = True
            self._await_ready()

    def stop(self) -> None:
        if self._running:
            self._container.get_wrapped_container().stop(timeout=10)
            self._running = False

    def kill(self) -> None:
        if self._running:
            self._container.get_wrapped_container().kill()
            self._running = False

    def close(self) -> None:
        self._container.stop()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not self._answers():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self._container.image} was not ready in {_READY_SECONDS} s")
            time.sleep(0.05)

    def _answers(self) -> bool:
        raise NotImplementedError


class ContainerNats(_Container):
    """A broker in a container."""

    def __init__(self) -> None:
        from testcontainers.core.container import DockerContainer

        self._port, self._monitor_port = free_port(), free_port()
        super().__init__(
            DockerContainer(_NATS_IMAGE)
            .with_command("--config /etc/strato.conf")
            .with_copy_into_container(_NATS_CONFIGURATION.encode(), "/etc/strato.conf")
            .with_bind_ports(4222, self._port)
            .with_bind_ports(8222, self._monitor_port)
        )

    @property
    def url(self) -> str:
        return f"nats://{LOOPBACK}:{self._port}"

    @property
    def monitor_url(self) -> str:
        return f"http://{LOOPBACK}:{self._monitor_port}"

    def _answers(self) -> bool:
        # The proxy of the engine accepts before the server does: only its greeting counts.
        try:
            with socket.create_connection((LOOPBACK, self._port), timeout=1) as connection:
                return connection.recv(4) == b"INFO"
        except OSError:
            return False


class ContainerPostgres(_Container):
    """A database server in a container."""

    def __init__(self) -> None:
        from testcontainers.core.container import DockerContainer

        self._port = free_port()
        super().__init__(
            DockerContainer(_POSTGRES_IMAGE)
            .with_env("POSTGRES_PASSWORD", "stratoscope")
            .with_command("postgres -c fsync=off")
            .with_bind_ports(5432, self._port)
        )

    def dsn(self, database: str) -> str:
        return f"postgresql://postgres:stratoscope@{LOOPBACK}:{self._port}/{database}"

    def _answers(self) -> bool:
        # The image's first server, for its own set-up, listens on no port: TCP is the real one.
        look = self._container.get_wrapped_container().exec_run("pg_isready -h 127.0.0.1")
        return bool(look.exit_code == 0)
