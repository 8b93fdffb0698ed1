"""Passwords of the brokers that this account runs on this machine.

`stratoscope up` protects its broker with a password. It registers the address in a folder that only
the account itself can read, so that its commands, recorders and clients connect by
`nats://127.0.0.1:4222` without the password in their hands. Other accounts of the machine and web
pages cannot read the folder.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_DEFAULT_PORT: Final = 4222
_STATE: Final = "XDG_STATE_HOME"
_LONGEST: Final = 4096


def registry() -> Path:
    """The folder with a file for each broker: below `XDG_STATE_HOME`, else `~/.local/state`.

    Raises OSError for an account without a home folder, as in a container with any user id.
    """
    state = os.environ.get(_STATE)
    try:
        base = Path(state) if state else Path.home() / ".local" / "state"
    except RuntimeError as error:
        raise OSError(f"this account has no home folder: set {_STATE}") from error
    return base / "stratoscope" / "brokers"


def register(url: str) -> None:
    """Keep the user and password in `url` for the clients of this account; OSError on failure."""
    file = _file(url)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    writing = file.with_name(f"{file.name}.{os.getpid()}.new")
    writing.unlink(missing_ok=True)
    with os.fdopen(os.open(writing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(f"{url}\n")
    writing.replace(file)


def unregister(url: str) -> None:
    """Remove the entry of a broker that has stopped, unless another has taken its port since."""
    if _read(_file(url)) == url:
        _file(url).unlink(missing_ok=True)


def with_password(url: str) -> str:
    """`url` with the registered user and password, where it names none and an entry exists."""
    parts = urlsplit(url if "//" in url else f"nats://{url}")
    if "@" in parts.netloc or parts.hostname not in _LOOPBACK:
        return url
    try:
        found = _read(_file(url))
    except OSError:
        found = None
    if found is None:
        return url
    secret = urlsplit(found).netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{secret}@{parts.netloc}").geturl()


def _file(url: str) -> Path:
    try:
        port = urlsplit(url if "//" in url else f"nats://{url}").port
    except ValueError:
        # No number: the client itself says what is wrong with the address.
        port = None
    return registry() / str(port or _DEFAULT_PORT)


def _read(file: Path) -> str | None:
    """The URL in a file that belongs to this account alone; None for every other file."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    with os.fdopen(descriptor, "r", encoding="utf-8", errors="replace") as opened:
        status = os.fstat(descriptor)
        foreign = status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077
        text = "" if foreign else opened.read(_LONGEST).strip()
    return text or None
