"""What a comparison costs through the broker, and that a long one holds nobody up.

    python benchmarks/comparing.py [--requests 300] [--events 100000]

Starts a broker, a database, a projector and a navigator of its own. Records an agent with 1,001
snapshots of 45 KB, one in which nothing has an order, and two runs of many events that differ in
one; compares, and asks for a state every few milliseconds meanwhile. Leaves with 1 where a floor
fails.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

import orjson
import uvloop
from floors import Floors
from processes import projected, service
from servers import servers
from states import LARGE_THINGS, inventories
from timelines import event, publish, steps

from stratoscope.broker.connection import Connection, connect
from stratoscope_contracts import subjects
from stratoscope_contracts.errors import StratoError
from stratoscope_contracts.words import DEFAULT_SPACE, HEADER_ERROR

LARGE, HOSTILE, FIRST, SECOND = "large", "hostile", "first", "second"
SNAPSHOTS = 1_001
PLAIN_MILLISECONDS = 10.0
TIMELINE_SECONDS = 2.0
DIVERGENCE_SECONDS = 5.0
BUDGET_SECONDS = 5.0
STALL_MILLISECONDS = 100.0

Json = dict[str, Any]


async def main() -> None:
    options = _options()
    floors = Floors()
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        url, dsn = stack.enter_context(servers(Path(folder)))
        broker = await connect(url, name="benchmark")
        stack.push_async_callback(broker.close)
        with service("projector", url, dsn) as process:
            await projected(dsn, await _record(broker, options.events), process)
        stack.enter_context(service("navigator", url, dsn))
        await _plain(broker, options.requests, floors)
        await _timeline(broker, floors)
        await _divergence(broker, options.events, floors)
        await _stalls(broker, floors)
    floors.end()


async def _record(broker: Connection, events: int) -> int:
    """Everything that is asked for later; the log's last message."""
    states = inventories(SNAPSHOTS, LARGE_THINGS)
    await publish(broker, LARGE, steps(SNAPSHOTS, states, 1))
    await publish(broker, HOSTILE, _hostile(), 1)
    await publish(broker, FIRST, map(event, range(events)))
    other = (event(number if number < events - 10 else -number) for number in range(events))
    return await publish(broker, SECOND, other)


def _hostile() -> Iterator[Json]:
    """Two states whose lists have the same elements but for a little, in any order."""
    drawn = random.Random(7)
    for turn in range(2):
        rows = [
            {"id": n, "values": [n * 7 + k + turn for k in range(20)], "note": f"{n} {turn}"}
            for n in range(2_000)
        ]
        drawn.shuffle(rows)
        yield event(turn)
        yield {"kind": "snapshot", "state": {"rows": rows}}


async def _plain(broker: Connection, requests: int, floors: Floors) -> None:
    drawn = random.Random(7)
    times = []
    for _ in range(requests + 20):
        first, last = sorted(drawn.sample(range(SNAPSHOTS), 2))
        body = {"agent": LARGE, "from": {"event_index": first}, "to": {"event_index": last}}
        times.append(await _timed(broker, "compare", body))
    middle = median(times[20:]) * 1e3
    floors.at_most("compare of two 45 KB states: p50", middle, PLAIN_MILLISECONDS, " ms")
    near = []
    for _ in range(requests):
        first = drawn.randrange(SNAPSHOTS - 1)
        body = {"agent": LARGE, "from": {"event_index": first}, "to": {"event_index": first + 1}}
        near.append(await _timed(broker, "compare", body))
    floors.at_most("neighbours: p50", median(near) * 1e3, PLAIN_MILLISECONDS, " ms")


async def _timeline(broker: Connection, floors: Floors) -> None:
    body: Json = {"agent": LARGE, "limit": 1_000}
    await _timed(broker, "compare.timeline", body | {"limit": 100})
    taken = min([await _timed(broker, "compare.timeline", body) for _ in range(3)])
    floors.at_most("a timeline of 1,000 snapshots of 45 KB", taken, TIMELINE_SECONDS, " s")
    taken = min([await _timed(broker, "compare.patterns", {"agent": LARGE}) for _ in range(2)])
    floors.at_most("the patterns of the same", taken, TIMELINE_SECONDS, " s")


async def _divergence(broker: Connection, events: int, floors: Floors) -> None:
    body = {"agent": FIRST, "to_agent": SECOND}
    taken = await _timed(broker, "compare.divergence", body)
    said = f"divergence of two runs of {events:,} events, ten before the end"
    floors.at_most(said, taken, DIVERGENCE_SECONDS, " s")


async def _stalls(broker: Connection, floors: Floors) -> None:
    """A comparison that never ends, and how long others wait for an answer meanwhile."""
    body = {
        "agent": HOSTILE,
        "from": {"event_index": 0},
        "to": {"event_index": 1},
        "options": {"ignore_order": True},
    }
    async with _asking(broker) as waits:
        taken = await _timed(broker, "compare", body, may_fail=True)
    floors.at_most("a comparison without order is stopped after", taken, BUDGET_SECONDS, " s")
    longest = max(waits) * 1e3
    floors.at_most("longest wait for a state meanwhile", longest, STALL_MILLISECONDS, " ms")


@asynccontextmanager
async def _asking(broker: Connection) -> AsyncIterator[list[float]]:
    """Ask for a state again and again; how long each took."""
    waits: list[float] = []

    async def ask() -> None:
        while True:
            waits.append(await _timed(broker, "agents.list", {"limit": 1}))
            await asyncio.sleep(0.005)

    task = asyncio.create_task(ask())
    try:
        yield waits
    finally:
        task.cancel()


async def _timed(broker: Connection, verb: str, body: Json, *, may_fail: bool = False) -> float:
    """Seconds that a reply took. Raises StratoError."""
    started = time.perf_counter()
    reply = await broker.client.request(
        subjects.nav(DEFAULT_SPACE, verb), orjson.dumps(body), timeout=15
    )
    taken = time.perf_counter() - started
    if reply.headers and HEADER_ERROR in reply.headers and not may_fail:
        raise StratoError.from_reply(reply.data)
    return taken


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=300, help="comparisons of two states")
    parser.add_argument("--events", type=int, default=100_000, help="of each run")
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.run(main())
