"""`export` and `import`: a recording into a file, and back out of one."""

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Annotated, Final, cast
from uuid import UUID

import typer
from rich.console import Group, RenderableType
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from stratoscope.cli.asking import (
    Asking,
    Output,
    OutputOption,
    ServerOption,
    SpaceOption,
    TimeoutOption,
    request_of,
)
from stratoscope.cli.faults import Fault, UsageFault
from stratoscope.cli.rendering import DIM
from stratoscope.cli.screen import show, stderr
from stratoscope.client import DEFAULT_TIMEOUT, DEFAULT_URL, Navigator
from stratoscope_contracts.errors import SessionNotFound, StratoError
from stratoscope_contracts.looking import EventsListRequest
from stratoscope_contracts.sessions import (
    Session,
    SessionConfig,
    SessionCreateRequest,
    SessionExportRequest,
    SessionImportReply,
    SessionImportRequest,
    SessionRequest,
)
from stratoscope_contracts.words import DEFAULT_SPACE

_SUFFIXES: Final = {"json": ".json", "binary": ".cbor.zst", "archive": ".tar.zst"}
_STDOUT: Final = "-"
# What is done, how far it is, of how many.
Step = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class Target:
    """Where an export goes: a file, stdout, or a file that is named after the agent."""

    file: str | None
    force: bool
    suffix: str

    def path(self, agent: str) -> Path:
        """The file. Raises UsageFault where there is one that may not be replaced."""
        path = Path(self.file) if self.file is not None else Path(f"{agent}{self.suffix}")
        if path.exists() and not self.force:
            raise UsageFault(f"{path} is there already", "--force replaces it")
        if not path.parent.is_dir():
            raise UsageFault(f"there is no folder {path.parent}")
        return path

    @contextmanager
    def opened(self, agent: str) -> Iterator[IO[bytes]]:
        """The file as it is written: it is there once it is whole."""
        if self.file == _STDOUT:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        path = self.path(agent)
        with _opened(path) as file:
            try:
                yield file
                file.close()
                Path(file.name).replace(path)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(file.name)


def export(
    what: Annotated[
        str, typer.Argument(metavar="SESSION|AGENT", help="A session's id, or an agent's name.")
    ],
    form: Annotated[
        str, typer.Option("--format", help="archive (tar), binary (CBOR) or json.")
    ] = "archive",
    file: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            help="The file, - for stdout; without it one here, named after the agent.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """A session and its agent's whole recording into a file, to be imported elsewhere."""
    if form not in _SUFFIXES:
        raise UsageFault(f"--format is {', '.join(_SUFFIXES)}, not {form!r}")
    target = Target(file, force, _SUFFIXES[form])
    if file not in (None, _STDOUT):
        target.path("")

    async def question(nav: Navigator) -> str:
        async with _session_of(nav, what) as session:
            if file is None:
                target.path(session.agent)
            body = request_of(SessionExportRequest, id=session.id, format=form)
            with _bar() as step:
                reply = await nav.request_long(
                    "session.export",
                    body,
                    lambda told: step(told.stage or "exporting", told.done, told.total),
                )
                with target.opened(session.agent) as out:
                    await nav.download(
                        reply.object, out, lambda done, total: step("fetching", done, total)
                    )
            return session.agent

    agent = Asking(server, space, timeout).ask(question)
    if file != _STDOUT:
        show(Text(file or f"{agent}{_SUFFIXES[form]}"))


def import_(
    file: Annotated[
        Path, typer.Argument(help="A file that `export` wrote.", exists=True, dir_okay=False)
    ],
    as_agent: Annotated[
        str | None,
        typer.Option(
            "--as", help="The new agent's name; AGENT-import-1 without.", show_default=False
        ),
    ] = None,
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """A recording out of a file: a new session on a new agent."""
    asking = Asking(server, space, timeout, output)
    # Refused before anything is sent.
    request_of(SessionImportRequest, object=file.name, as_agent=as_agent)

    async def question(nav: Navigator) -> SessionImportReply:
        size = file.stat().st_size
        with _opened_to_read(file) as source, _bar() as step:
            name = await nav.upload(
                file, source, size, lambda done, total: step("sending", done, total)
            )
            body = request_of(SessionImportRequest, object=name, as_agent=as_agent)
            return await nav.request_long(
                "session.import",
                body,
                lambda told: step(told.stage or "importing", told.done, told.total),
            )

    reply = asking.ask(question)
    asking.show(reply, lambda: _imported(reply))


@asynccontextmanager
async def _session_of(nav: Navigator, what: str) -> AsyncIterator[Session]:
    """The session that is named; for an agent one of its own, which is forgotten afterwards."""
    session = await _named(nav, what)
    if session is not None:
        yield session
        return
    # Says that the agent is not there, where it is not: a session may be made for one to come.
    await nav.request("events.list", request_of(EventsListRequest, agent=what, limit=1))
    body = request_of(
        SessionCreateRequest,
        agent=what,
        name=f"export of {what}",
        config=SessionConfig(auto_breakpoints=False),
    )
    session = (await nav.request("session.create", body)).session
    try:
        yield session
    finally:
        # One that stays behind ends by itself, and is no reason to fail.
        with suppress(StratoError):
            own = SessionRequest(id=session.id)
            await nav.request("session.start", own)
            await nav.request("session.complete", own)
            await nav.request("session.remove", own)


async def _named(nav: Navigator, what: str) -> Session | None:
    try:
        session_id = UUID(what)
    except ValueError:
        return None
    # An agent may be called by a UUID, too.
    with suppress(SessionNotFound):
        return (await nav.request("session.get", SessionRequest(id=session_id))).session
    return None


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        file = NamedTemporaryFile(dir=path.parent, prefix=f".{path.name[:100]}.", delete=False)  # noqa: SIM115
    except OSError as error:
        raise Fault(f"{path} can't be written: {error.strerror}") from error
    with file:
        yield cast(IO[bytes], file)


@contextmanager
def _opened_to_read(path: Path) -> Iterator[IO[bytes]]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise Fault(f"{path} can't be read: {error.strerror}") from error
    with file:
        yield file


@contextmanager
def _bar() -> Iterator[Step]:
    """A bar on a terminal, nothing elsewhere."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    console = stderr()
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("asking", total=None)

        def step(what: str, done: int, total: int | None) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield step


def _imported(reply: SessionImportReply) -> RenderableType:
    taken = (
        f"{reply.events:,} events, {reply.snapshots:,} snapshots, {reply.breakpoints:,} breakpoints"
    )
    lines = [
        Text.assemble(("agent   ", DIM), (reply.agent, "bold")),
        Text.assemble(("session ", DIM), str(reply.session.id)),
        Text(taken),
    ]
    if reply.without_origin:
        lines.append(
            Text(f"{reply.without_origin:,} had no room to say where they come from", style=DIM)
        )
    return Group(*lines)
