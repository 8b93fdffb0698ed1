"""What a look costs: through the broker, at both ends of an agent's life, and beside LangGraph.

    python benchmarks/looking.py [--events 1000000] [--requests 1000]

Starts a broker, a database, a projector and a navigator of its own. Records one agent with 1,000
events, one with 1,000,000 (a snapshot of 1.4 KB each ten) and one with states of 45 KB, puts those
last through LangGraph's checkpointer too, and asks for random positions, one request at a time and
everyone in turn, so that a noisy moment meets all. Leaves with 1 where a floor fails.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import orjson
import uvloop
from floors import Floors
from peer import Peer, peer
from processes import projected, service
from servers import servers
from states import LARGE_THINGS, SMALL_THINGS, inventories
from timelines import publish, steps

from stratoscope.broker.connection import Connection, connect
from stratoscope.client import Navigator
from stratoscope_contracts import subjects
from stratoscope_contracts.errors import StratoError
from stratoscope_contracts.looking import StateAtRequest
from stratoscope_contracts.views import AtEventIndex
from stratoscope_contracts.words import DEFAULT_SPACE, HEADER_ERROR

SHORT, LONG, LARGE = "short", "long", "large"
SHORT_EVENTS = 1_000
LARGE_SNAPSHOTS = 2_048
EVENTS_A_SNAPSHOT = 10
GROWTH = 1.3
MILLISECONDS = 5.0

Ask = Callable[[], Awaitable[object]]
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
        checkpointer = await stack.enter_async_context(peer(dsn))
        await checkpointer.put(inventories(LARGE_SNAPSHOTS, LARGE_THINGS))
        stack.enter_context(service("navigator", url, dsn))
        client = await stack.enter_async_context(Navigator.connect(url))
        asking = _Asking(broker, client, checkpointer, options.events)
        _hold_states(await _taken(asking.states(), options.requests), floors)
        await _hold_fields(asking, options, floors)
    floors.end()


class _Asking:
    """The questions, each at a random place."""

    def __init__(
        self, broker: Connection, client: Navigator, checkpointer: Peer, events: int
    ) -> None:
        self._broker = broker
        self._client = client
        self._checkpointer = checkpointer
        self._sizes = {SHORT: SHORT_EVENTS, LONG: events, LARGE: LARGE_SNAPSHOTS}
        self._random = random.Random(7)

    def states(self) -> dict[str, Ask]:
        """Everyone who is asked for a state."""
        asked: dict[str, Ask] = {}
        for agent in self._sizes:
            asked[f"bare {agent}"] = lambda agent=agent: self._bare(agent)
            asked[f"client {agent}"] = lambda agent=agent: self._classy(agent)
        return asked | {"langgraph": self._peer}

    async def verb(self, verb: str, body: dict[str, Any]) -> dict[str, Any]:
        """A reply, decoded. Raises StratoError."""
        reply = await self._broker.client.request(
            subjects.nav(DEFAULT_SPACE, verb), orjson.dumps(body), timeout=5
        )
        if reply.headers and HEADER_ERROR in reply.headers:
            raise StratoError.from_reply(reply.data)
        answer: dict[str, Any] = orjson.loads(reply.data)
        return answer

    def field(self) -> dict[str, Any]:
        """A field of a random thing."""
        thing = self._random.randrange(SMALL_THINGS)
        return {"agent": LONG, "path": f"items[{thing}].quantity"}

    def _place(self, agent: str) -> int:
        return self._random.randrange(self._sizes[agent])

    async def _bare(self, agent: str) -> object:
        return await self.verb(
            "state.at", {"agent": agent, "at": {"event_index": self._place(agent)}}
        )

    async def _classy(self, agent: str) -> object:
        at = AtEventIndex(event_index=self._place(agent))
        return await self._client.request("state.at", StateAtRequest(agent=agent, at=at))

    async def _peer(self) -> object:
        return await self._checkpointer.get(self._place(LARGE))


async def _record(broker: Connection, events: int) -> int:
    """Everything that is asked for later; the log's last message."""
    small = inventories(1 + SHORT_EVENTS // EVENTS_A_SNAPSHOT, SMALL_THINGS)
    await publish(broker, SHORT, steps(SHORT_EVENTS, small, EVENTS_A_SNAPSHOT))
    large = inventories(LARGE_SNAPSHOTS, LARGE_THINGS)
    await publish(broker, LARGE, steps(LARGE_SNAPSHOTS, large, 1))
    small = inventories(1 + events // EVENTS_A_SNAPSHOT, SMALL_THINGS)
    return await publish(broker, LONG, steps(events, small, EVENTS_A_SNAPSHOT))


async def _taken(asked: dict[str, Ask], requests: int) -> Times:
    """Milliseconds of each request, everyone in turn."""
    times: Times = {name: [] for name in asked}
    for ask in asked.values():
        for _ in range(50):
            await ask()
    for _ in range(requests):
        for name, ask in asked.items():
            started = time.perf_counter()
            await ask()
            times[name].append((time.perf_counter() - started) * 1e3)
    for name, taken in times.items():
        print(f"{name:28} p50 {median(taken):6.2f} ms   p99 {_p99(taken):6.2f} ms", flush=True)
    return times


def _p99(taken: list[float]) -> float:
    return quantiles(taken, n=100)[98]


def _hold_states(times: Times, floors: Floors) -> None:
    for way in ("bare", "client"):
        short, long, large = (median(times[f"{way} {agent}"]) for agent in (SHORT, LONG, LARGE))
        theirs = median(times["langgraph"])
        floors.at_most(f"state.at, {way}: the long timeline to the short", long / short, GROWTH)
        floors.at_most(f"state.at, {way}: 45 KB to LangGraph's aget_tuple", large / theirs, 1.0)
        p99 = _p99(times[f"{way} {LARGE}"])
        floors.at_most(f"state.at, {way}: p99 on 45 KB", p99, MILLISECONDS, " ms")


async def _hold_fields(asking: _Asking, options: argparse.Namespace, floors: Floors) -> None:
    """Who wrote a field, over all snapshots of the long timeline."""
    for verb in ("state.last_write", "state.history"):
        said = f"{verb} over {options.events // EVENTS_A_SNAPSHOT:,} snapshots: p50"
        try:
            await asking.verb(verb, asking.field())
        except StratoError as error:
            floors.skipped(said, error.message)
            continue
        times = await _taken({verb: lambda verb=verb: asking.verb(verb, asking.field())}, 300)
        floors.at_most(said, median(times[verb]), MILLISECONDS, " ms")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=1_000_000, help="of the long timeline")
    parser.add_argument("--requests", type=int, default=1_000, help="of each sort")
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.run(main())
