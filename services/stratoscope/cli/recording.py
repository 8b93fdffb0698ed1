"""`record`: a file of records, sent as an agent would have sent them."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated, Final

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from stratoscope.broker.connection import BrokerUnreachable
from stratoscope.cli.asking import (
    Asking,
    Output,
    OutputOption,
    ServerOption,
    SpaceOption,
    TimeoutOption,
)
from stratoscope.cli.duplicate_count import DuplicateCount
from stratoscope.cli.entering import chosen
from stratoscope.cli.faults import Exit, Fault
from stratoscope.cli.ndjson import BadLine, Line, lines
from stratoscope.cli.screen import stderr
from stratoscope.client import DEFAULT_TIMEOUT, DEFAULT_URL, Unreachable
from stratoscope.recorder.errors import InvalidRecord
from stratoscope.recorder.recorder import Recorder
from stratoscope.recorder.settings import RecorderSettings
from stratoscope_contracts.words import DEFAULT_SPACE, MIB

# How much may be on its way: far less than the recorder's queue, which would wait without end
# for a broker that is gone.
_RECORDS_AT_A_TIME: Final = 5_000
_BYTES_AT_A_TIME: Final = 16 * MIB


class NotStored(Fault):
    """The broker was lost on the way."""

    exit_code = Exit.UNREACHABLE


@dataclass(slots=True)
class Sent:
    """What has been recorded so far."""

    events: int = 0
    snapshots: int = 0
    agents: set[str] = field(default_factory=set)
    stream_seq: int | None = None
    """The last message of the stream that holds some of it."""
    duplicates: int | None = 0
    """How many of them the agents had already; None where it is not known."""

    @property
    def records(self) -> int:
        """Events and snapshots."""
        return self.events + self.snapshots

    def count(self, line: Line) -> None:
        """Take in a record."""
        self.agents.add(line.agent)
        if line.kind == "event":
            self.events += 1
        else:
            self.snapshots += 1

    def document(self) -> dict[str, object]:
        """As JSON."""
        return {
            "events": self.events,
            "snapshots": self.snapshots,
            "duplicates": self.duplicates,
            "agents": sorted(self.agents),
            "stream_seq": self.stream_seq,
        }

    def rendered(self) -> Text:
        """As a sentence."""
        return Text(
            f"recorded {_counted(self.events, 'event')} and"
            f" {_counted(self.snapshots, 'snapshot')} of {_counted(len(self.agents), 'agent')}"
            + self._before()
            + ("" if self.stream_seq is None else f", the last at seq:{self.stream_seq}")
        )

    def _before(self) -> str:
        match self.duplicates:
            case None:
                return ", how many of them were recorded before is not known"
            case 0:
                return ""
            case 1:
                return ", 1 of them was recorded before"
            case many:
                return f", {many:,} of them were recorded before"


class _Bar:
    """A progress bar on stderr, shown on terminals only."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def move(self, line: Line) -> None:
        """Show how far the source is read."""
        if not self._progress.disable:
            self._progress.update(self._task, completed=line.end, records=line.number)


def record(
    file: Annotated[
        str, typer.Argument(help="A file of JSON lines, or - for stdin.", show_default=False)
    ],
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """Record a file of events and snapshots, one JSON object a line.

    Each has an agent and a kind (event or snapshot), and the record's own fields. A file is
    checked whole before anything of it is sent; stdin is recorded up to a line that is wrong.
    Records with an id of their own may be sent again without harm: the command says how many
    were recorded before.
    """
    asking = Asking(server, space, timeout, output)
    settings = RecorderSettings(
        url=server,
        space=space,
        name="stratoscope-record",
        # A file waits for as long as it takes; nothing of it is dropped.
        on_full="wait",
        wait_connected=timeout,
        login=chosen(),
    )
    with _opened(file) as (source, length):
        if length is not None:
            _check(source, length)
        sent = asyncio.run(_send(settings, source, length, timeout))
    asking.show(sent.document(), sent.rendered)


@contextmanager
def _opened(file: str) -> Iterator[tuple[IO[bytes], int | None]]:
    """The source, and its length where it can be read twice."""
    if file == "-":
        yield sys.stdin.buffer, None
        return
    try:
        with Path(file).open("rb") as source:
            yield source, Path(file).stat().st_size if source.seekable() else None
    except OSError as error:
        raise Fault(f"{file} can't be read: {error.strerror}") from error


def _check(source: IO[bytes], length: int) -> None:
    with _bar("checking", length) as bar:
        try:
            for line in lines(source):
                bar.move(line)
        except BadLine as bad:
            raise BadLine(f"{bad.message} (nothing was recorded)", bad.hint) from None
    source.seek(0)


async def _send(
    settings: RecorderSettings, source: IO[bytes], length: int | None, patience: float
) -> Sent:
    sent = Sent()
    try:
        async with (
            Recorder(settings) as recorder,
            DuplicateCount.open(settings.url, settings.space, chosen()) as duplicates,
        ):
            with _bar("recording", length) as bar:
                await _send_all(recorder, duplicates, source, sent, bar, patience)
            sent.duplicates = await duplicates.total(sent.stream_seq, patience)
            if recorder.stats.retries:
                # A message that is stored twice is no record that was there before.
                sent.duplicates = None if sent.duplicates else 0
    except BrokerUnreachable as error:
        raise Unreachable(error.message) from error
    except BadLine as bad:
        before = f"{bad.message} ({_counted(sent.records, 'record')} before it recorded)"
        raise BadLine(before, bad.hint) from None
    return sent


async def _send_all(
    recorder: Recorder,
    duplicates: DuplicateCount,
    source: IO[bytes],
    sent: Sent,
    bar: _Bar,
    patience: float,
) -> None:
    stored = 0
    for line in lines(source):
        if line.fields.get("id") is not None:
            await duplicates.begin(line.agent)
        await _send_one(recorder, line)
        sent.count(line)
        bar.move(line)
        if sent.records % _RECORDS_AT_A_TIME == 0 or line.end - stored >= _BYTES_AT_A_TIME:
            await _stored(recorder, patience)
            stored = line.end
    sent.stream_seq = await _stored(recorder, patience)


async def _send_one(recorder: Recorder, line: Line) -> None:
    agent = recorder.agent(line.agent)
    try:
        if line.kind == "event":
            await agent.event(**line.fields)
        else:
            await agent.snapshot(**line.fields)
    except InvalidRecord as error:
        raise BadLine(f"line {line.number}: {error.message}") from error


async def _stored(recorder: Recorder, patience: float) -> int | None:
    """Up to which message, once all is stored; NotStored where nothing more was for so long."""
    while True:
        before = recorder.stats.acknowledged
        try:
            return await recorder.flush(patience)
        except TimeoutError as error:
            if recorder.stats.acknowledged == before:
                raise NotStored(
                    f"the broker took {before} records and then no more: {error}",
                    "send them again; those with an id of their own are recorded once",
                ) from error


@contextmanager
def _bar(text: str, length: int | None) -> Iterator[_Bar]:
    console = stderr()
    progress = Progress(
        TextColumn(text),
        BarColumn(),
        TextColumn("{task.fields[records]:,} lines"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with progress:
        yield _Bar(progress, progress.add_task(text, total=length, records=0))


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
