"""All commands in one program, and what becomes of the errors that they end in."""

import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from stratoscope.cli import (
    administering,
    breaking,
    causes,
    comparing,
    credentials,
    cutting,
    doctoring,
    entering,
    exchanging,
    fields,
    holding,
    looking,
    moving,
    protecting,
    recording,
    replaying,
    running,
    sessions,
    tailing,
)
from stratoscope.cli.debug import opening
from stratoscope.cli.faults import Exit, Fault, UsageFault, exit_code
from stratoscope.cli.moments import FORMS
from stratoscope.cli.screen import tell_error, tell_fault
from stratoscope_contracts.errors import StratoError
from stratoscope_contracts.version import __version__

app = typer.Typer(
    name="stratoscope",
    help="A time-travel debugger for agents.",
    epilog=f"A moment is {FORMS}."
    " Exit codes: 0 done, 1 failed, 2 used wrongly, 3 not found, 4 nobody reached.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_RUN = "Run"
_LOOK = "Look"
_HOLD = "Hold"
_RECORD = "Record"
_TEND = "Tend"

_GROUPS: dict[str, tuple[Callable[..., None], ...]] = {
    _RUN: (running.up, running.demo, running.projector, running.navigator),
    _LOOK: (
        looking.agents,
        looking.events,
        looking.state,
        fields.history,
        fields.blame,
        cutting.cut,
        replaying.replay,
        moving.step,
        opening.debug,
        sessions.sessions,
        sessions.session,
        sessions.close,
        causes.why,
        causes.relation,
    ),
    _HOLD: (breaking.watch, tailing.tail, holding.pause, holding.resume),
}
for group, commands in _GROUPS.items():
    for command in commands:
        app.command(rich_help_panel=group)(command)
app.add_typer(breaking.app, rich_help_panel=_HOLD)
# A moment may be -1, which is no option.
_negative = {"ignore_unknown_options": True}
app.command(rich_help_panel=_LOOK, context_settings=_negative)(comparing.diff)
app.command(rich_help_panel=_LOOK)(comparing.patterns)
app.command(rich_help_panel=_LOOK)(looking.stats)
app.command(rich_help_panel=_RECORD)(recording.record)
_SHARE = "Share"
app.command(rich_help_panel=_SHARE)(exchanging.export)
app.command("import", rich_help_panel=_SHARE)(exchanging.import_)
for command in (
    administering.rebuild,
    administering.verify,
    administering.migrate,
    protecting.erase,
    protecting.audit,
    doctoring.doctor,
):
    app.command(rich_help_panel=_TEND)(command)
app.add_typer(credentials.app, rich_help_panel=_TEND)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"stratoscope {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="The version."),
    ] = False,
    creds: entering.CredsOption = None,
    tls_ca: entering.CaOption = None,
    tls_cert: entering.CertOption = None,
    tls_key: entering.KeyOption = None,
    inbox_prefix: entering.InboxOption = None,
) -> None:
    """A time-travel debugger for agents."""
    entering.choose(creds, tls_ca, tls_cert, tls_key, inbox_prefix)


def execute(arguments: Sequence[str]) -> int:
    """Run one command; its exit code. What it ends in is told on stderr."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that can't show a character gets another, not the end of the command.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        return app(list(arguments), prog_name="stratoscope", standalone_mode=False) or Exit.DONE
    except TyperException as error:
        # Without a message it is the help that was printed in place of a command.
        if error.format_message():
            tell_fault(_usage(error))
        return error.exit_code
    except Fault as fault:
        tell_fault(fault)
        return fault.exit_code
    except StratoError as error:
        tell_error(error)
        return exit_code(error)
    except typer.Abort:
        return Exit.FAILED


def _usage(error: TyperException) -> UsageFault:
    """What the parser found, with the help that has the rest."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "stratoscope"
    message = error.format_message()
    return UsageFault(message, f"`{command} --help` says what it takes")
