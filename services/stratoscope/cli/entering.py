"""How every command is let in at the broker: options before the command's name.

They are the program's own and not each command's, so they are kept beside the commands for as long
as one runs.
"""

from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Final

import typer

from stratoscope.broker.login import Access, Login, LoginUnusable
from stratoscope.cli.faults import UsageFault

CredsOption = Annotated[
    Path | None,
    typer.Option("--creds", envvar="STRATO_NATS_CREDS", help="A file of `stratoscope creds`."),
]
CaOption = Annotated[
    Path | None,
    typer.Option(
        "--tls-ca", envvar="STRATO_NATS_TLS_CA", help="The authority that signed the broker."
    ),
]
CertOption = Annotated[
    Path | None,
    typer.Option("--tls-cert", envvar="STRATO_NATS_TLS_CERT", help="A certificate to show."),
]
KeyOption = Annotated[
    Path | None,
    typer.Option("--tls-key", envvar="STRATO_NATS_TLS_KEY", help="The certificate's key."),
]
InboxOption = Annotated[
    str | None,
    typer.Option(
        "--inbox-prefix",
        envvar="STRATO_INBOX_PREFIX",
        help="What replies come to; by default as the credentials say.",
    ),
]

_NOBODY: Final = Login()
_chosen: ContextVar[Login] = ContextVar("login", default=_NOBODY)


def choose(
    creds: Path | None, ca: Path | None, cert: Path | None, key: Path | None, inbox: str | None
) -> None:
    """Have the command that follows let in like this. Raises UsageFault where nobody would be."""
    access = Access(
        nats_creds=_named(creds),
        nats_tls_ca=_named(ca),
        nats_tls_cert=_named(cert),
        nats_tls_key=_named(key),
        inbox_prefix=inbox,
    )
    try:
        login = access.login
        login.options()
    except LoginUnusable as error:
        raise UsageFault(str(error)) from error
    _chosen.set(login)


def chosen() -> Login:
    """How the running command is let in."""
    return _chosen.get()


def _named(path: Path | None) -> str | None:
    return None if path is None else str(path)
