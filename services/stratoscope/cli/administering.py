"""`rebuild`, `verify` and `migrate`: what is done beside the services, at the database itself."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from pydantic import TypeAdapter

from stratoscope.cli import reports
from stratoscope.cli.asking import Output, OutputOption
from stratoscope.cli.entering import chosen
from stratoscope.cli.faults import Exit, Fault
from stratoscope.cli.running import extras
from stratoscope.cli.screen import show, show_json, stderr
from stratoscope.cli.telling import telling
from stratoscope.client import DEFAULT_URL

DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="The folder of a running `stratoscope up`, which knows both."),
]
ServerOption = Annotated[
    str | None,
    typer.Option("--server", envvar="STRATO_NATS_URL", help="The broker's address."),
]
DsnOption = Annotated[
    str | None,
    typer.Option("--postgres-dsn", envvar="STRATO_POSTGRES_DSN", help="The database's address."),
]


_WITHOUT_LOG = "name it with --server or STRATO_NATS_URL; --no-log checks the projection in itself"


class Unreached(Fault):
    """The broker or the database is not there, or is gone."""

    exit_code = Exit.UNREACHABLE


class NotThere(Fault):
    """What was named is not there."""

    exit_code = Exit.NOT_FOUND


class Addresses(NamedTuple):
    """Where broker and database are."""

    nats: str
    postgres: str


def rebuild(
    force_swap: Annotated[
        bool, typer.Option("--force-swap", help="Swap even where the two projections differ.")
    ] = False,
    keep_old: Annotated[
        bool, typer.Option("--keep-old", help="Do not drop the projection that is replaced.")
    ] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="Do not go on with what an earlier rebuild left.")
    ] = False,
    drop_unfinished: Annotated[
        bool, typer.Option("--discard", help="Only drop what an earlier rebuild left.")
    ] = False,
    grace: Annotated[
        float,
        typer.Option(min=0, help="Seconds after which the old projection is dropped."),
    ] = 35.0,
    output: OutputOption = Output.TABLE,
    data: DataOption = None,
    server: ServerOption = None,
    postgres_dsn: DsnOption = None,
) -> None:
    """Build the projection anew from the log, beside the one that answers, and swap it in."""
    where = addresses(data, server, postgres_dsn)
    with extras("server"):
        from stratoscope.admin.app import run_discard, run_rebuild
        from stratoscope.admin.rebuild import Wanted
    with faults_told("it is left as it is: run the same command again to go on"):
        if drop_unfinished:
            dropped = run_discard(where.postgres)
            show_report({"dropped": dropped}, output, reports.discarded(dropped))
            return
        wanted = Wanted(force_swap, keep_old, anew, grace)
        with telling(stderr()) as teller:
            done = run_rebuild(where.nats, where.postgres, wanted, teller, chosen())
    show_report(document_of(done), output, reports.rebuilt(done))
    if not done.swapped:
        raise typer.Exit(Exit.FAILED)


def verify(
    agent: Annotated[
        str | None, typer.Option("--agent", help="Only the agent of this name.")
    ] = None,
    space: Annotated[str | None, typer.Option("--space", help="Only this space.")] = None,
    no_log: Annotated[
        bool, typer.Option("--no-log", help="Do not compare with the log; needs no broker.")
    ] = False,
    output: OutputOption = Output.TABLE,
    data: DataOption = None,
    server: ServerOption = None,
    postgres_dsn: DsnOption = None,
) -> None:
    """Check every state against its hash, all that is counted, and all of it against the log."""
    where = addresses(data, server, postgres_dsn)
    with extras("server"):
        from stratoscope.admin.app import run_verify
    with faults_told("", _WITHOUT_LOG), telling(stderr()) as teller:
        nats_url = None if no_log else where.nats
        found = run_verify(where.postgres, teller, space, agent, nats_url=nats_url, login=chosen())
    show_report(document_of(found), output, reports.verified(found))
    if not found.is_sound:
        raise typer.Exit(Exit.FAILED)


def migrate(
    output: OutputOption = Output.TABLE,
    data: DataOption = None,
    postgres_dsn: DsnOption = None,
) -> None:
    """Bring the database to what this version needs, as its owner."""
    where = addresses(data, None, postgres_dsn)
    with extras("server"):
        from stratoscope.admin.app import run_migrate
    with faults_told(""):
        done = run_migrate(where.postgres)
    show_report(document_of(done), output, reports.migrated(done))


def addresses(data: Path | None, server: str | None, dsn: str | None) -> Addresses:
    """Those that are named, else those of a running `stratoscope up`."""
    if dsn is not None and data is None:
        return Addresses(server or DEFAULT_URL, dsn)
    with extras("embedded"):
        from stratoscope.embedded.up import default_data_folder
    folder = data or default_data_folder()
    try:
        running = json.loads((folder / "running.json").read_text("utf-8"))
    except FileNotFoundError as error:
        raise Fault(
            f"no database is named, and nothing runs on {folder}",
            "name it with --postgres-dsn or STRATO_POSTGRES_DSN, or the folder with --data",
        ) from error
    return Addresses(running["nats"], running["postgres"])


@contextmanager
def faults_told(hint: str, without_broker: str = "") -> Iterator[None]:
    """Have what goes wrong told as a fault; the hint is for what was cut short.

    `without_broker` says what to do where there is none.
    """
    with extras("server"):
        from nats.errors import Error as NatsError

        from stratoscope.admin.rebuild import RebuildRefused
        from stratoscope.admin.verify import NoSuchAgent
        from stratoscope.broker.connection import BrokerUnreachable
        from stratoscope.store.database import DATABASE_ERRORS, DatabaseUnreachable
    try:
        yield
    except RebuildRefused as error:
        raise Fault(str(error), error.hint) from error
    except NoSuchAgent as error:
        raise NotThere(str(error), "`stratoscope agents` lists those there are") from error
    except BrokerUnreachable as error:
        raise Unreached(str(error), without_broker) from error
    except DatabaseUnreachable as error:
        raise Unreached(str(error)) from error
    except (*DATABASE_ERRORS, NatsError) as error:
        raise Unreached(f"cut short: {type(error).__name__}: {error}".rstrip(": "), hint) from error
    except KeyboardInterrupt:
        if hint:
            print(hint, file=sys.stderr)
        raise


def document_of(done: object) -> dict[str, Any]:
    dumped: dict[str, Any] = TypeAdapter(type(done)).dump_python(done, mode="json")
    return dumped


def show_report(document: dict[str, Any], output: Output, report: reports.Report) -> None:
    if output is Output.JSON:
        show_json(document)
    else:
        show(report)
