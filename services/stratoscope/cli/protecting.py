"""`erase` and `audit`: what is owed to those whose data this is."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from stratoscope.cli.administering import (
    DataOption,
    DsnOption,
    NotThere,
    ServerOption,
    addresses,
    document_of,
    faults_told,
    show_report,
)
from stratoscope.cli.asking import LimitOption, Output, OutputOption, SpaceOption
from stratoscope.cli.entering import chosen
from stratoscope.cli.faults import Fault, UsageFault
from stratoscope.cli.gist import harmless
from stratoscope.cli.rendering import DIM, columns
from stratoscope.cli.running import extras
from stratoscope.cli.screen import stderr
from stratoscope.cli.telling import telling
from stratoscope_contracts.subjects import SubjectError, record
from stratoscope_contracts.words import DEFAULT_SPACE

if TYPE_CHECKING:
    from stratoscope.admin.erase import Erased, Survey
    from stratoscope.store.audit import Kept


def erase(
    agent: Annotated[str, typer.Argument(help="Its name.")],
    space: SpaceOption = DEFAULT_SPACE,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether that is meant.")] = False,
    output: OutputOption = Output.TABLE,
    data: DataOption = None,
    server: ServerOption = None,
    postgres_dsn: DsnOption = None,
) -> None:
    """Remove an agent for good: from the log, all that was made of it, and its exports."""
    _check_names(space, agent)
    if not (yes or sys.stdin.isatty()):
        raise UsageFault("nobody is there to be asked whether that is meant", "--yes says so")
    where = addresses(data, server, postgres_dsn)
    with extras("server"):
        from stratoscope.admin.tending import NothingThere, run_erase

    def agreed(survey: "Survey") -> bool:
        return yes or _asked(survey)

    try:
        with (
            faults_told("run the same command again: it begins again"),
            telling(stderr()) as teller,
        ):
            key, login = (space, agent), chosen()
            done = run_erase(where.nats, where.postgres, key, agreed, teller, login)
    except NothingThere as error:
        raise NotThere(str(error), "`stratoscope agents` lists those there are") from error
    if done is None:
        raise Fault("nothing was erased")
    show_report(document_of(done), output, _erased(done))


def audit(
    agent: Annotated[str | None, typer.Option("--agent", help="Only this agent.")] = None,
    space: Annotated[str | None, typer.Option("--space", help="Only this space.")] = None,
    action: Annotated[
        str | None,
        typer.Option("--action", help="Only pause, resume, import, rebuild, retention or erase."),
    ] = None,
    limit: LimitOption = 100,
    output: OutputOption = Output.TABLE,
    data: DataOption = None,
    postgres_dsn: DsnOption = None,
) -> None:
    """List who paused, resumed, imported, rebuilt, dropped and erased what, newest first."""
    where = addresses(data, None, postgres_dsn)
    with extras("server"):
        from stratoscope.admin.tending import run_audit
        from stratoscope.store.audit import Filter
    with faults_told(""):
        found = run_audit(where.postgres, Filter(space, agent, action), limit)
    entries = {"entries": [document_of(one) for one in found]}
    show_report(entries, output, _entries(found))


def _check_names(space: str, agent: str) -> None:
    try:
        record(space, agent, "event")
    except SubjectError as error:
        raise UsageFault(str(error)) from error


def _asked(survey: "Survey") -> bool:
    held = survey.held
    console = stderr()
    console.print(
        f"{survey.agent} in the space {survey.space}: {survey.messages:,} messages,"
        f" {held.events:,} events, {held.states:,} states, {held.sessions:,} sessions,"
        f" {held.breakpoints:,} breakpoints, {held.hits:,} hits,"
        f" {held.dead_letters:,} dead letters,"
        f" {len(survey.exports):,} exports"
    )
    return typer.confirm("Erase all of it? It can't be undone", err=True)


def _erased(done: "Erased") -> RenderableType:
    held = done.held
    return Group(
        Text(
            f"{done.agent} is erased up to message {done.through_seq:,}:"
            f" {done.messages:,} messages,"
            f" {held.events:,} events and {held.states:,} states in {', '.join(done.projections)},"
            f" {held.sessions:,} sessions, {held.breakpoints:,} breakpoints, {held.hits:,} hits,"
            f" {held.dead_letters:,} dead letters, {len(done.exports):,} exports",
            style="green",
        ),
        Text("What is left, and where:"),
        *(Text(f"- {harmless(line)}") for line in done.left),
    )


def _entries(found: "list[Kept]") -> RenderableType:
    if not found:
        return Text("nothing was done yet that is audited", style=DIM)
    rows = [
        (
            Text(f"{one.done_at:%Y-%m-%d %H:%M:%S}"),
            Text(harmless(one.who)),
            Text(one.action, style="bold"),
            Text(harmless(one.space or "")),
            Text(harmless(one.agent or "")),
            Text(harmless(", ".join(f"{name} {value}" for name, value in one.details.items()))),
        )
        for one in found
    ]
    return columns(("when", "who", "what", "space", "agent", ""), rows)
