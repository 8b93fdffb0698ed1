"""The broker as it is shipped: its own configuration, with TLS and roles, on ports of its own."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGHUP

from stratoscope.admin import creds
from stratoscope.admin.roles import Role
from stratoscope.broker.login import Access, Login
from stratoscope.embedded import Process
from stratoscope.embedded.broker import find_nats_server
from stratoscope.embedded.ports import LOOPBACK, free_port
from stratoscope.embedded.program import Program
from stratoscope_contracts.words import DEFAULT_SPACE
from support.pages import ROOT

SHIPPED = ROOT / "deploy/nats/nats.conf"
MEMBERS: tuple[tuple[Role, str, str], ...] = (
    ("agent", "explorer", DEFAULT_SPACE),
    ("agent", "stranger", DEFAULT_SPACE),
    ("agent", "explorer", "other"),
    ("operator", "ops", DEFAULT_SPACE),
    ("operator", "ops", "other"),
    ("console", "browser", DEFAULT_SPACE),
    ("projector", "main", DEFAULT_SPACE),
    ("navigator", "main", DEFAULT_SPACE),
    ("admin", "main", DEFAULT_SPACE),
)


class Guarded:
    """A running broker that lets in whom the roster has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.monitor_port, self.websocket_port = free_port(), free_port(), free_port()
        self.configuration = folder / "nats.conf"
        self.log = folder / "nats.log"
        self._refused_before = 0
        self.watchers: dict[str, str] = {}
        """Seeds of users that may do all, by account."""
        self.leafnode_port = 0
        self.process: Process | None = None

    @property
    def url(self) -> str:
        """How clients name it."""
        return f"tls://{LOOPBACK}:{self.port}"

    @property
    def authority(self) -> Path:
        """The certificate that signed its own."""
        return self.folder / "ca.pem"

    def seed(self, role: Role, name: str, space: str = DEFAULT_SPACE) -> Path:
        """The credentials of a member."""
        return self.folder / creds.Member(role, space, name, "").seed_file

    def key(self, role: Role, name: str, space: str = DEFAULT_SPACE) -> str:
        """The seed itself."""
        lines = self.seed(role, name, space).read_text().splitlines()
        return next(line for line in lines if line.startswith("SU"))

    def login(self, role: Role, name: str = "main", space: str = DEFAULT_SPACE) -> Login:
        """How a member is let in."""
        file = str(self.seed(role, name, space))
        return Access(nats_creds=file, nats_tls_ca=str(self.authority)).login

    def settings(
        self, role: Role, name: str = "main", space: str = DEFAULT_SPACE
    ) -> dict[str, str]:
        """The same as variables."""
        return {
            "STRATO_NATS_URL": self.url,
            "STRATO_NATS_CREDS": str(self.seed(role, name, space)),
            "STRATO_NATS_TLS_CA": str(self.authority),
        }

    def prepare(self) -> None:
        """Write all that the server reads."""
        certify(self.folder)
        for role, name, space in MEMBERS:
            creds.add(self.folder, role, name, space)
        text = SHIPPED.read_text()
        for shipped, here in {
            "0.0.0.0:4222": f"{LOOPBACK}:{self.port}",
            "0.0.0.0:8222": f"{LOOPBACK}:{self.monitor_port}",
            "0.0.0.0:8443": f"{LOOPBACK}:{self.websocket_port}",
            '"/data"': f'"{self.folder / "data"}"',
            "/run/secrets/nats_cert": str(self.folder / "server.pem"),
            "/run/secrets/nats_key": str(self.folder / "server.key"),
            '"users/users.conf"': f'"{creds.USERS["STRATO"]}"',
            '"users/agents.conf"': f'"{creds.USERS["AGENTS"]}"',
        }.items():
            assert shipped in text, shipped
            text = text.replace(shipped, here)
        self.configuration.write_text(text)

    def add_watchers(self) -> dict[str, str]:
        """Let one more user into each account, which may do all; their seeds, by account."""
        folder, found = self.folder / "watchers", {}
        own, agents = (self.folder / creds.USERS[kind] for kind in creds.ACCOUNTS)
        for account in ("STRATO", "AGENTS-default", "AGENTS-other"):
            found[account] = creds.add(folder, "admin", account).read_text().split()[-1]
            user = {"nkey": next(it.nkey for it in creds.members(folder) if it.name == account)}
            file = own if account == "STRATO" else agents
            before, name, rest = file.read_text().partition(f'"{account}": ')
            if file is own:
                before, name, rest = before.partition("users: ")
            # Of an account, what is behind its name is its block, and then other accounts.
            block, end = json.JSONDecoder().raw_decode(rest)
            (block if file is own else block["users"]).append(user)
            file.write_text(f"{before}{name}{json.dumps(block)}{rest[end:]}")
        return found

    def reload(self) -> None:
        """Have it read again who is let in."""
        assert self.process is not None
        os.kill(self.process.pid, SIGHUP)

    def forget_refusals(self) -> None:
        """Have only what is refused from now on told."""
        self._refused_before = len(self._refusals())

    def refusals(self) -> list[str]:
        """What the server has refused to those whom it had let in."""
        return self._refusals()[self._refused_before :]

    def _refusals(self) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if "Violation" in line]

    def check(self) -> subprocess.CompletedProcess[str]:
        """What `nats-server -t` says to the configuration."""
        command = (str(find_nats_server()), "-t", "-c", str(self.configuration))
        return subprocess.run(command, capture_output=True, text=True, check=False)


@contextmanager
def guarded(
    folder: Path, *, watched: bool = False, change: Callable[["Guarded"], None] | None = None
) -> Iterator[Guarded]:
    """The broker, for as long as the block lasts; `watched` by users that may do all.

    `change` may change what it is going to read.
    """
    broker = Guarded(folder)
    broker.prepare()
    if watched:
        broker.watchers = broker.add_watchers()
    if change is not None:
        change(broker)
    program = Program(
        name="nats",
        command=(str(find_nats_server()), "--config", str(broker.configuration)),
        log=broker.log,
        is_ready=lambda _: "Server is ready" in broker.log.read_text(),
    )
    broker.process = Process(program)
    try:
        yield broker
    finally:
        broker.process.kill()


def certify(folder: Path, name: str = "server", host: str = f"IP:{LOOPBACK}") -> None:
    """An authority, and a certificate of its making for a server."""
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1")
    ca = ("-keyout", "ca.key", "-out", "ca.pem", "-addext", "keyUsage=critical,keyCertSign")
    own = ("-keyout", f"{name}.key", "-out", f"{name}.pem", "-CA", "ca.pem", "-CAkey", "ca.key")
    for_host = ("-addext", f"subjectAltName={host}", "-addext", "basicConstraints=CA:FALSE")
    for files, subject, more in ((ca, "/CN=authority", ()), (own, f"/CN={name}", for_host)):
        command = ("openssl", "req", "-x509", *new, *files, "-subj", subject, *more)
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
