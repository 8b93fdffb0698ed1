"""`creds`: keys for those who connect to the broker, and what it lets each of them do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from stratoscope.cli.asking import Output, OutputOption, SpaceOption
from stratoscope.cli.faults import Fault, UsageFault
from stratoscope.cli.running import extras
from stratoscope.cli.screen import show, show_json
from stratoscope_contracts.words import DEFAULT_SPACE

if TYPE_CHECKING:
    from stratoscope.admin.roles import Role

app = typer.Typer(
    name="creds", help="Who is let in at the broker, and as what.", no_args_is_help=True
)

FolderOption = Annotated[
    Path,
    typer.Option(
        "--dir",
        envvar="STRATO_CREDS_DIR",
        help="Where the roster, the broker's users and the seeds are.",
    ),
]
RenewOption = Annotated[
    bool, typer.Option("--renew", help="Another key for who has one; the old one ends.")
]
_FOLDER: Final = Path("deploy/secrets/nats")
_RELOAD: Final = "it counts once the broker reads it: nats-server --signal reload"
_TWICE: Final = (
    "\nthe space's first agent: reload the broker twice, a second apart, or it answers none of them"
)
_SPACED: Final[dict["Role", str]] = {
    "agent": "One agent: records its own timeline, hears its own commands, asks its own gate.",
    "operator": "One who asks, hears hits and exchanges exports; records nothing.",
    "console": "The same for a browser, over WebSocket only.",
}
_SERVING: Final[dict["Role", str]] = {
    "projector": "A projector.",
    "navigator": "A navigator.",
    "admin": "One who tends the log: may do all, purge it too.",
}


def _in_a_space(role: "Role") -> Callable[..., None]:
    def command(
        name: Annotated[str, typer.Argument(help="Who it is.", show_default=False)],
        space: SpaceOption = DEFAULT_SPACE,
        renew: RenewOption = False,
        folder: FolderOption = _FOLDER,
    ) -> None:
        _add(folder, role, name, space, renew)

    return command


def _of_all_spaces(role: "Role") -> Callable[..., None]:
    def command(
        name: Annotated[str, typer.Argument(help="Who it is.")] = "main",
        renew: RenewOption = False,
        folder: FolderOption = _FOLDER,
    ) -> None:
        _add(folder, role, name, DEFAULT_SPACE, renew)

    return command


for _role, _help in _SPACED.items():
    app.command(_role, help=_help)(_in_a_space(_role))
for _role, _help in _SERVING.items():
    app.command(_role, help=_help)(_of_all_spaces(_role))


@app.command("list")
def list_(output: OutputOption = Output.TABLE, folder: FolderOption = _FOLDER) -> None:
    """Who is let in."""
    from stratoscope.admin.creds import members
    from stratoscope.admin.roles import SPACED_ROLES

    with _told():
        found = members(folder)
    if output is Output.JSON:
        one = [[each.role, each.space, each.name, each.nkey] for each in found]
        names = ("role", "space", "name", "nkey")
        show_json({"members": [dict(zip(names, each, strict=True)) for each in one]})
        return
    table = Table("ROLE", "SPACE", "NAME", "KEY", box=None, header_style="bold")
    for each in found:
        space = each.space if each.role in SPACED_ROLES else "all"
        table.add_row(each.role, space, each.name, each.nkey)
    show(table if found else Text(f"nobody is let in by {folder}"))


@app.command()
def revoke(
    role: Annotated[str, typer.Argument(help="As what.", show_default=False)],
    name: Annotated[str, typer.Argument(help="Who.", show_default=False)],
    space: SpaceOption = DEFAULT_SPACE,
    folder: FolderOption = _FOLDER,
) -> None:
    """Let somebody in no longer."""
    from stratoscope.admin import creds
    from stratoscope.admin.roles import ROLES

    known = next((one for one in ROLES if one == role), None)
    if known is None:
        raise UsageFault(f"{role} is no role", f"one of {', '.join(ROLES)}")
    with _told():
        creds.revoke(folder, known, name, space)
    show(Text(f"the {role} {name} is let in no longer\n{_RELOAD}"))


@app.command()
def rewrite(folder: FolderOption = _FOLDER) -> None:
    """Write what the broker reads anew from the roster, as an upgrade may need it."""
    from stratoscope.admin import creds

    with _told():
        count = creds.rewrite(folder)
        files = ", ".join(str(folder / file) for file in creds.USERS.values())
    show(Text(f"{count} users: {files}\n{_RELOAD}"))


def _add(folder: Path, role: "Role", name: str, space: str, renew: bool) -> None:
    with extras("nkeys"):
        import nkeys  # noqa: F401

        from stratoscope.admin import creds
    with _told():
        file = creds.add(folder, role, name, space, renew=renew)
        first = creds.is_first_of_space(folder, role, space)
    show(Text(f"{file}\n{_RELOAD}{_TWICE if first else ''}"))


@contextmanager
def _told() -> Iterator[None]:
    from stratoscope.admin.creds import CredsError

    try:
        yield
    except CredsError as error:
        raise UsageFault(str(error), "`stratoscope creds list` says who is let in") from error
    except OSError as error:
        raise Fault(f"can't write: {error}", "--dir names another folder") from error
