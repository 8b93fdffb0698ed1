"""What a step of a session costs at both ends of an agent's life; many operators on one session.

    python benchmarks/sessions.py [--events 1000000] [--requests 1000] [--operators 32]

Starts a broker, a database, a projector and two navigators of its own. Records one agent with 1,000
events and one with 1,000,000 (a snapshot each ten), and steps from random places, in turn, so that
a noisy moment meets both. Then 32 operators move one session 1,000 times each, and what they were
told is compared with the serial order that the versions say. Leaves with 1 where a floor fails.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import orjson
import uvloop
from floors import Floors
from processes import projected, service
from servers import servers
from states import SMALL_THINGS, inventories
from timelines import publish, steps

from stratoscope.broker.connection import Connection, connect
from stratoscope_contracts import subjects
from stratoscope_contracts.errors import StratoError
from stratoscope_contracts.words import DEFAULT_SPACE, HEADER_ERROR

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support.operators import Model, Operators

SHORT, LONG = "short", "long"
SHORT_EVENTS = 1_000
EVENTS_A_SNAPSHOT = 10
GROWTH = 1.3
MILLISECONDS = 2.0
SIZES: dict[str, Any] = {
    "event": "event",
    "100 events": {"events": 100},
    "snapshot": "snapshot",
    "seconds": {"seconds": 0.001},
}
Times = dict[str, list[float]]


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
        asking = _Asking(broker)
        _hold_steps(await _stepped(asking, options), floors)
        stack.enter_context(service("navigator", url, dsn))
        await _operate(asking, options, floors)
    floors.end()


class _Asking:
    """Requests, as any client of NATS sends them."""

    def __init__(self, broker: Connection) -> None:
        self._broker = broker

    async def __call__(self, verb: str, body: dict[str, Any]) -> dict[str, Any]:
        """A reply, decoded. Raises StratoError."""
        reply = await self._broker.client.request(
            subjects.nav(DEFAULT_SPACE, verb), orjson.dumps(body), timeout=30
        )
        if reply.headers and HEADER_ERROR in reply.headers:
            raise StratoError.from_reply(reply.data)
        answer: dict[str, Any] = orjson.loads(reply.data)
        return answer

    async def started(self, agent: str) -> str:
        """A session of an agent, started."""
        body = {"agent": agent, "config": {"auto_breakpoints": False}}
        session_id: str = (await self("session.create", body))["session"]["id"]
        await self("session.start", {"id": session_id})
        return session_id


async def _record(broker: Connection, events: int) -> int:
    """Both timelines; the log's last message."""
    small = inventories(1 + SHORT_EVENTS // EVENTS_A_SNAPSHOT, SMALL_THINGS)
    await publish(broker, SHORT, steps(SHORT_EVENTS, small, EVENTS_A_SNAPSHOT))
    small = inventories(1 + events // EVENTS_A_SNAPSHOT, SMALL_THINGS)
    return await publish(broker, LONG, steps(events, small, EVENTS_A_SNAPSHOT))


async def _stepped(asking: _Asking, options: argparse.Namespace) -> dict[str, Times]:
    """Milliseconds of each step by size and timeline, the timelines in turn."""
    lengths = {SHORT: SHORT_EVENTS, LONG: options.events}
    sessions = {agent: await asking.started(agent) for agent in lengths}
    drawn = random.Random(7)
    found: dict[str, Times] = {}
    for name, size in SIZES.items():
        times: Times = {agent: [] for agent in lengths}
        for number in range(50 + options.requests):
            for agent, events in lengths.items():
                at = {"event_index": drawn.randrange(200, events // 2)}
                await asking("session.goto", {"id": sessions[agent], "at": at})
                direction = drawn.choice(("forward", "backward"))
                body = {"id": sessions[agent], "direction": direction, "size": size}
                started = time.perf_counter()
                await asking("session.step", body)
                if number >= 50:
                    times[agent].append((time.perf_counter() - started) * 1e3)
        for agent, taken in times.items():
            p99 = quantiles(taken, n=100)[98]
            told = f"step by {name}, {agent}"
            print(f"{told:28} p50 {median(taken):6.2f} ms   p99 {p99:6.2f} ms", flush=True)
        found[name] = times
    return found


def _hold_steps(found: dict[str, Times], floors: Floors) -> None:
    for name, times in found.items():
        short, long = (median(times[agent]) for agent in (SHORT, LONG))
        floors.at_most(f"a step by {name} in the long timeline: p50", long, MILLISECONDS, " ms")
        floors.at_most(f"a step by {name}: the long timeline to the short", long / short, GROWTH)


async def _operate(asking: _Asking, options: argparse.Namespace, floors: Floors) -> None:
    session_id = await asking.started(SHORT)
    operators = Operators(asking, session_id, version=2)
    started = time.perf_counter()
    await asyncio.gather(
        *(operators.operate(seed, options.moves, SHORT_EVENTS) for seed in range(options.operators))
    )
    seconds = time.perf_counter() - started
    made = len(operators.told)
    print(f"{options.operators} operators: {made / seconds:,.0f} moves a second", flush=True)
    wrong = 0
    try:
        operators.check(Model(SHORT_EVENTS, (SHORT_EVENTS - 1,)), version=2)
    except AssertionError as error:
        print(error)
        wrong = 1
    floors.at_most(f"{made:,} replies that no serial order gives", wrong, 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=1_000_000, help="of the long timeline")
    parser.add_argument("--requests", type=int, default=1_000, help="of each size")
    parser.add_argument("--operators", type=int, default=32, help="on one session")
    parser.add_argument("--moves", type=int, default=1_000, help="of each operator")
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.run(main())
