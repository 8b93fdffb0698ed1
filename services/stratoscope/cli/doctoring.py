"""`doctor`: is all as it has to be, and what to do where it is not."""

from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from stratoscope.cli.administering import (
    DataOption,
    DsnOption,
    ServerOption,
    addresses,
    document_of,
    show_report,
)
from stratoscope.cli.asking import Output, OutputOption
from stratoscope.cli.entering import chosen
from stratoscope.cli.faults import Exit
from stratoscope.cli.gist import harmless
from stratoscope.cli.rendering import DIM
from stratoscope.cli.running import extras

if TYPE_CHECKING:
    from stratoscope.admin.doctor.checks import Check, Diagnosis

_STYLES: Final = {"ok": "green", "warn": "yellow", "fail": "bold red", "skip": DIM}


def doctor(
    monitor: Annotated[
        str | None,
        typer.Option(
            "--monitor",
            envvar="STRATO_NATS_MONITOR",
            help="The broker's monitoring address, which knows its sync_interval and health.",
        ),
    ] = None,
    output: OutputOption = Output.TABLE,
    data: DataOption = None,
    server: ServerOption = None,
    postgres_dsn: DsnOption = None,
) -> None:
    """Check broker, streams, database, services, clocks, disks and lag, and say what to do."""
    where = addresses(data, server, postgres_dsn)
    with extras("server"):
        from stratoscope.admin.doctor.examining import run_doctor
    found = run_doctor(where.nats, where.postgres, monitor, chosen())
    show_report(document_of(found) | {"healthy": found.is_healthy}, output, _told(found))
    if not found.is_healthy:
        raise typer.Exit(Exit.FAILED)


def _told(found: "Diagnosis") -> RenderableType:
    width = max(len(one.name) for one in found.checks)
    return Group(*(_line(one, width) for one in found.checks))


def _line(check: "Check", width: int) -> Text:
    line = Text.assemble(
        (f"{check.status:<4}", _STYLES[check.status]),
        f"  {check.name:<{width}}  {harmless(check.message)}",
    )
    if check.advice:
        line.append(f"\n{'':{width + 8}}{check.advice}", style=DIM)
    return line
