"""How a client is let in, where the URL itself does not say it.

A file of `stratoscope creds` holds an nkey's seed, and in a comment what the inboxes of its owner
begin with: who may listen to his own inboxes only must be told which are his. The file is read at
each connection, so that another one put in its place counts from the next on.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from nats.aio.client import DEFAULT_INBOX_PREFIX
from pydantic import BaseModel, Field

INBOX_COMMENT: Final = "# inbox: "
_JWT: Final = "BEGIN NATS USER JWT"
_SEED: Final = "SU"
_PREFIX: Final = "STRATO_"
_MOST_BYTES: Final = 64 * 1024


class LoginUnusable(ValueError):
    """What was to let a client in can't be read, or lets nobody in."""


@dataclass(frozen=True, slots=True)
class Login:
    """How to be let in, where the URL itself does not say it."""

    credentials: str | None = None
    """A file: an nkey's seed as `stratoscope creds` writes it, or `.creds` with a JWT."""
    tls: ssl.SSLContext | None = None
    inbox_prefix: str | None = None
    """What its inboxes begin with; by default what the credentials say."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """As `STRATO_NATS_CREDS`, `STRATO_NATS_TLS_…` and `STRATO_INBOX_PREFIX` say.

        Raises LoginUnusable where a certificate can't be read.
        """
        told = os.environ if environment is None else environment
        named = {field: told.get(f"{_PREFIX}{field}".upper()) for field in Access.model_fields}
        found = Access(**named).login
        return cls(found.credentials, found.tls, found.inbox_prefix)

    def options(self) -> dict[str, Any]:
        """As nats-py takes it. Raises LoginUnusable for a file that it could make nothing of."""
        prefix = self.inbox_prefix
        options: dict[str, Any] = {"tls": self.tls}
        if self.credentials is not None:
            text = _read(self.credentials)
            prefix = prefix or _inbox_of(text)
            options |= _key(self.credentials, text)
        return options | {"inbox_prefix": prefix or DEFAULT_INBOX_PREFIX}


class Access(BaseModel):
    """The settings that all who connect have in common."""

    nats_creds: str | None = Field(
        None, description="A file with what lets it in: an nkey's seed, or .creds."
    )
    nats_tls_ca: str | None = Field(None, description="The authority that signed the broker.")
    nats_tls_cert: str | None = Field(None, description="A certificate to show to the broker.")
    nats_tls_key: str | None = Field(None, description="The key of that certificate.")
    inbox_prefix: str | None = Field(
        None, description="What its inboxes begin with; by default what the credentials say."
    )

    @property
    def login(self) -> Login:
        """What they come to. Raises LoginUnusable where a certificate can't be read."""
        tls = _tls(self.nats_tls_ca, self.nats_tls_cert, self.nats_tls_key)
        return Login(self.nats_creds, tls, self.inbox_prefix)


def _tls(ca: str | None, cert: str | None, key: str | None) -> ssl.SSLContext | None:
    if ca is None and cert is None:
        if key is not None:
            raise LoginUnusable("a key without its certificate: STRATO_NATS_TLS_CERT names that")
        return None
    try:
        context = ssl.create_default_context(cafile=ca)
        if cert is not None:
            context.load_cert_chain(cert, key)
    except OSError as error:  # ssl's own errors are among them
        files = ", ".join(name for name in (ca, cert, key) if name)
        raise LoginUnusable(f"can't use the certificates of {files}: {error}") from error
    return context


def _read(path: str) -> str:
    try:
        # A device or a pipe may never end.
        with Path(path).open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
        if len(raw) > _MOST_BYTES:
            raise LoginUnusable(f"can't read the credentials {path}: more than {_MOST_BYTES} bytes")
        return raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LoginUnusable(f"can't read the credentials {path}: {error}") from error


def _inbox_of(text: str) -> str | None:
    said = (line for line in text.splitlines() if line.startswith(INBOX_COMMENT))
    return next((line.removeprefix(INBOX_COMMENT).strip() for line in said), None)


def _key(path: str, text: str) -> dict[str, str]:
    _check_installed()
    if _JWT in text:
        return {"user_credentials": path}
    seed = next((line.strip() for line in text.splitlines() if line.startswith(_SEED)), None)
    if seed is None:
        raise LoginUnusable(f"{path} holds neither an nkey's seed (SU…) nor a JWT")
    return {"nkeys_seed_str": seed}


def _check_installed() -> None:
    try:
        # nats-py imports it at its first use, where a failure would end a background task.
        import nkeys  # noqa: F401
    except ModuleNotFoundError as error:
        raise LoginUnusable(
            "credentials need their extra: pip install 'stratoscope[nkeys]'"
        ) from error
