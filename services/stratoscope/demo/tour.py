"""`stratoscope demo`: an agent's run that goes wrong, recorded, and a walk through its time.

The run is made here and now: a broker, a database, a projector and a navigator start on a folder
of their own, the agent runs and is recorded, and every stop of the tour is a command that is
really run against them. Afterwards nothing is left running, and nothing on the disk.
"""

import shlex
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager
from pathlib import Path
from typing import Final, Protocol

import stratoscope
from stratoscope.adapters.langgraph import record
from stratoscope.client import Navigator
from stratoscope.demo import agent
from stratoscope.demo.stops import Landmarks, landmarks, stops
from stratoscope.embedded.stack import Wanted, running_stack
from stratoscope_contracts.looking import EventsListRequest
from stratoscope_contracts.words import MAX_LIMIT, MAX_WAIT_MS

_WELCOME: Final = """\
An agent is to bill a customer for energy: a LangGraph graph, its tools at work on real files, its
chat model scripted so that it needs no network. It goes wrong. It is recorded while it runs, and
then we go back in its time."""
_ONWARD: Final = """\
That was the whole path: recorded over JetStream, projected into Postgres, asked over NATS."""
_PATIENCE: Final = 10.0
_SNIPPET: Final = """\
import stratoscope
from stratoscope.adapters.langgraph import record

with stratoscope.connect_sync() as strato:
    record(graph, strato).invoke(...)    # the graph does what it did before"""


class Work(Protocol):
    """Something under way, as it is shown."""

    def done(self, text: str) -> None:
        """It is finished; what came of it."""
        ...


class Guide(Protocol):
    """Who shows the tour to the reader."""

    def heading(self, text: str) -> None:
        """Open a stop."""
        ...

    def say(self, text: str) -> None:
        """Some words."""
        ...

    def code(self, text: str) -> None:
        """Something to type."""
        ...

    async def command(self, words: Sequence[str], hidden: Sequence[str]) -> None:
        """Show a command and run it, with the arguments that are of no interest to the reader."""
        ...

    def working(self, text: str) -> AbstractContextManager[Work]:
        """Show that something is under way."""
        ...


async def take_tour(guide: Guide, keep: Path | None) -> None:
    """The whole demo; what was recorded stays in `keep`, where that is given.

    Raises EmbeddedError where something does not start.
    """
    guide.heading("Stratoscope: a time-travel debugger for agents")
    guide.say(_WELCOME)
    with _folder(keep) as data:
        async with AsyncExitStack() as cleanup:
            with guide.working("starting broker, database and services") as work:
                stack = await cleanup.enter_async_context(running_stack(Wanted(data=data)))
                work.done("ready")
            last = await _record(guide, stack.nats_url)
            found = await _landmarks(guide, stack.nats_url, last)
            await _walk(guide, found, ("--server", stack.nats_url))
    _farewell(guide, keep)


async def _record(guide: Guide, url: str) -> int | None:
    """Run the agent; the last message of the stream that holds some of it."""
    with tempfile.TemporaryDirectory(prefix="stratoscope-agent-") as folder:
        graph = agent.build(Path(folder))
        with guide.working("the agent runs, and is recorded") as work:
            async with stratoscope.connect(url, name="stratoscope-demo") as strato:
                failure = await agent.arun(record(graph, strato))
                last = await strato.flush()
                work.done(f"{strato.stats.acknowledged} records")
    guide.say(f"It failed: {failure}." if failure else "It did not fail, against its script.")
    return last


async def _landmarks(guide: Guide, url: str, last: int | None) -> Landmarks:
    with guide.working("what it did is projected into Postgres") as work:
        async with Navigator.connect(url, timeout=_PATIENCE) as nav:
            body = EventsListRequest(
                agent=agent.THREAD, limit=MAX_LIMIT, wait_for=last, wait_ms=MAX_WAIT_MS
            )
            events = (await nav.request("events.list", body)).events
        work.done(f"{len(events)} events")
    return landmarks(agent.THREAD, events)


async def _walk(guide: Guide, found: Landmarks, hidden: Sequence[str]) -> None:
    for stop in stops(found):
        guide.heading(stop.heading)
        for shown in stop.shown:
            guide.say(shown.words)
            await guide.command(shown.command, hidden)


def _farewell(guide: Guide, keep: Path | None) -> None:
    guide.heading("Go on")
    guide.say(_ONWARD)
    if keep is not None:
        guide.say("This run is kept. Start everything on it again, and look around:")
        guide.code(shlex.join(["stratoscope", "up", "--data", str(keep)]))
    guide.say("For an agent of your own, start everything and let it run:")
    guide.code("stratoscope up")
    guide.say("and record the agent; for one of LangGraph it takes two lines:")
    guide.code(_SNIPPET)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="stratoscope-demo-") as folder:
        yield Path(folder)
