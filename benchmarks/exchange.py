"""What sharing takes: a session of 1,000,000 events out of a navigator and into it again.

    python benchmarks/exchange.py [--events 1000000] [--formats archive,binary,json]

Starts a broker, a database, a projector and a navigator of its own, records one agent (small
events, a snapshot of 1.4 KB each hundred, a cause each ten), exports it in each format and imports
the last. Meanwhile another agent is asked for its state, again and again: that says how far others
are held up. Memory is the navigator's peak, and that of the process that reads an import. Leaves
with 1 where a floor fails.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from statistics import median, quantiles
from typing import TypeVar

import psutil
import uvloop
from floors import Floors
from processes import projected, service
from servers import servers
from states import SMALL_THINGS, inventories
from timelines import Record, publish, steps

from stratoscope.broker.connection import Connection, connect
from stratoscope.client import Navigator
from stratoscope_contracts.looking import StateAtRequest
from stratoscope_contracts.sessions import (
    ExportFormat,
    SessionCreateRequest,
    SessionExportRequest,
    SessionImportRequest,
)
from stratoscope_contracts.views import AtEventIndex

LONG, OTHER = "long", "other"
OTHER_EVENTS = 1_000
EVENTS_A_SNAPSHOT = 100
EVENTS_A_CAUSE = 10
MEGABYTES = 300.0

Answer = TypeVar("Answer")


async def main() -> None:
    options = _options()
    floors = Floors()
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        url, dsn = stack.enter_context(servers(Path(folder)))
        broker = await connect(url, name="benchmark")
        stack.push_async_callback(broker.close)
        projector = stack.enter_context(service("projector", url, dsn))
        await projected(dsn, await _record(broker, options.events), projector)
        navigator = stack.enter_context(service("navigator", url, dsn))
        client = await stack.enter_async_context(Navigator.connect(url, timeout=60))
        measuring = _Measuring(client, psutil.Process(navigator.pid))
        print(f"alone: {await measuring.idle(5.0)}", flush=True)
        exported = ""
        for form in options.formats:
            exported = await measuring.export(form, options.events)
        floors.at_most("memory of the navigator while exporting", measuring.peak, MEGABYTES, " MB")
        await measuring.take(exported, options.events)
        floors.at_most("memory of the navigator while importing", measuring.peak, MEGABYTES, " MB")
        print(f"memory of the process that reads an import: {measuring.workers:.0f} MB")
    floors.end()


class _Measuring:
    """Sharing, and what others notice of it."""

    def __init__(self, client: Navigator, process: psutil.Process) -> None:
        self._client = client
        self._process = process
        self.workers = 0.0

    @property
    def peak(self) -> float:
        """The most that the navigator has taken, in MB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1024

    async def idle(self, seconds: float) -> str:
        """What others notice while nothing is shared."""
        return (await self._beside(asyncio.sleep(seconds)))[1]

    async def export(self, form: ExportFormat, events: int) -> str:
        """Export all; the object's name."""
        body = SessionCreateRequest(agent=LONG)
        session = (await self._client.request("session.create", body)).session
        asked = SessionExportRequest(id=session.id, format=form)
        started = time.perf_counter()
        doing = self._client.request_long("session.export", asked, lambda _: None)
        reply, noticed = await self._beside(doing)
        taken = time.perf_counter() - started
        print(
            f"export {form:8} {taken:6.1f} s {events / taken:8,.0f} events/s"
            f" {reply.size / 1e6:7.1f} MB   peak {self.peak:.0f} MB   others {noticed}",
            flush=True,
        )
        return reply.object

    async def take(self, name: str, events: int) -> None:
        """Import all of it."""
        started = time.perf_counter()
        stages: dict[str, float] = {}
        doing = self._client.request_long(
            "session.import",
            SessionImportRequest(object=name),
            lambda told: stages.__setitem__(str(told.stage), time.perf_counter() - started),
        )
        _, noticed = await self._beside(doing)
        taken = time.perf_counter() - started
        said = ", ".join(f"{stage} until {seconds:.0f} s" for stage, seconds in stages.items())
        print(
            f"import {taken:6.1f} s {events / taken:8,.0f} events/s ({said})"
            f"   peak {self.peak:.0f} MB   others {noticed}",
            flush=True,
        )

    async def _beside(self, doing: Awaitable[Answer]) -> tuple[Answer, str]:
        """The answer, and what whoever asks for another agent's state notices meanwhile."""
        task = asyncio.ensure_future(doing)
        times: list[float] = []
        while not task.done():
            started = time.perf_counter()
            at = AtEventIndex(event_index=len(times) * 7 % OTHER_EVENTS)
            await self._client.request("state.at", StateAtRequest(agent=OTHER, at=at))
            times.append((time.perf_counter() - started) * 1e3)
            self._look_at_workers()
            await asyncio.sleep(0.01)
        return await task, f"p50 {median(times):.1f} p99 {quantiles(times, n=100)[98]:.1f} ms"

    def _look_at_workers(self) -> None:
        for child in self._process.children():
            with suppress(psutil.Error):
                self.workers = max(self.workers, child.memory_info().rss / 1e6)


async def _record(broker: Connection, events: int) -> int:
    small = inventories(1 + OTHER_EVENTS // EVENTS_A_SNAPSHOT, SMALL_THINGS)
    await publish(broker, OTHER, steps(OTHER_EVENTS, small, EVENTS_A_SNAPSHOT))
    small = inventories(1 + events // EVENTS_A_SNAPSHOT, SMALL_THINGS)
    return await publish(broker, LONG, _caused(steps(events, small, EVENTS_A_SNAPSHOT)))


def _caused(records: Iterator[Record]) -> Iterator[Record]:
    """Every tenth event caused by the one before it."""
    before = None
    for number, record in enumerate(records):
        if record["kind"] == "event":
            if before is not None and number % EVENTS_A_CAUSE == 0:
                record["causes"] = [before]
            before = record["id"]
        yield record


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument(
        "--formats", type=lambda text: text.split(","), default="archive,binary,json"
    )
    options = parser.parse_args()
    if isinstance(options.formats, str):
        options.formats = options.formats.split(",")
    return options


if __name__ == "__main__":
    uvloop.run(main())
