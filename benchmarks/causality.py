"""What following causes costs, through the broker, among many events that name other causes.

    python benchmarks/causality.py [--background 200000] [--requests 30]

Records a chain of 10,000 events over four agents, an event with 10,000 effects, and 2,000 events of
which each has two causes; asks for each in turn. Leaves with 1 where a floor fails.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from typing import Any

import orjson
import uvloop
from floors import Floors
from processes import projected, service
from servers import servers
from timelines import Record, event, publish

from stratoscope.broker.connection import Connection, connect
from stratoscope_contracts import subjects
from stratoscope_contracts.errors import StratoError
from stratoscope_contracts.words import DEFAULT_SPACE, HEADER_ERROR

CHAIN, EFFECTS, GRAPH = 10_000, 10_000, 2_000
AGENTS = 4
TURN = 500


async def main() -> None:
    options = _options()
    floors = Floors()
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        url, dsn = stack.enter_context(servers(Path(folder)))
        broker = await connect(url, name="benchmark")
        stack.push_async_callback(broker.close)
        recording = _Recording(broker)
        await recording.background(options.background)
        chain = [*_chain(CHAIN)]
        effects = [event(0)]
        effects += [event(number) | {"causes": [effects[0]["id"]]} for number in range(EFFECTS)]
        graph = [*_graph(GRAPH, random.Random(7))]
        for records in (chain, effects, graph):
            await recording.across_agents(records)
        with service("projector", url, dsn) as process:
            await projected(dsn, recording.last, process)
        stack.enter_context(service("navigator", url, dsn))
        asked = {
            f"chain of {CHAIN:,}": ("causality.chain", {"event_id": chain[-1]["id"]}, 100.0),
            f"first page of {EFFECTS:,} effects": (
                *("causality.effects", {"event_id": effects[0]["id"]}, 20.0),
            ),
            f"graph of {GRAPH:,}": (
                "causality.graph",
                {"event_id": graph[-1]["id"], "direction": "causes", "max_nodes": GRAPH},
                200.0,
            ),
            f"path over {CHAIN:,}": (
                "causality.path",
                {"from": chain[0]["id"], "to": chain[-1]["id"]},
                None,
            ),
            "relation across the log": (
                *("causality.relation", {"a": chain[0]["id"], "b": graph[-1]["id"]}, None),
            ),
        }
        for said, (verb, body, floor) in asked.items():
            taken = await _taken(broker, verb, body, options.requests)
            if floor is None:
                print(f"        {said}: p50 {median(taken):.1f} ms", flush=True)
            else:
                floors.at_most(f"{said}: p50", median(taken), floor, " ms")
    floors.end()


class _Recording:
    """What was published so far."""

    def __init__(self, broker: Connection) -> None:
        self._broker = broker
        self.last = 0

    async def across_agents(self, records: Sequence[Record]) -> None:
        """A message of each agent in turn, so that causes stand in other agents too."""
        for start in range(0, len(records), TURN):
            agent = f"agent-{start // TURN % AGENTS}"
            self.last = await publish(self._broker, agent, records[start : start + TURN])

    async def background(self, events: int) -> None:
        """Others' events, each with a cause, in one agent."""

        def records() -> Iterator[Record]:
            before: list[str] = []
            for number in range(events):
                one = event(number) | {"causes": before}
                before = [one["id"]]
                yield one

        self.last = await publish(self._broker, "background", records())


def _chain(length: int) -> Iterator[Record]:
    before: list[str] = []
    for number in range(length):
        one = event(number) | {"causes": before}
        before = [one["id"]]
        yield one


def _graph(size: int, drawn: random.Random) -> Iterator[Record]:
    """Each event has the one before it and another as its causes: all lead to the last."""
    ids: list[str] = []
    for number in range(size):
        one = event(number) | {
            "causes": [*ids[-1:], *drawn.sample(ids[:-1], min(1, len(ids[:-1])))]
        }
        ids.append(one["id"])
        yield one


async def _taken(broker: Connection, verb: str, body: dict[str, Any], requests: int) -> list[float]:
    """Milliseconds until the whole reply is there; reading its JSON is the asker's own."""
    times = []
    for _ in range(requests + 3):
        started = time.perf_counter()
        reply = await broker.client.request(
            subjects.nav(DEFAULT_SPACE, verb), orjson.dumps(body), timeout=30
        )
        if reply.headers and HEADER_ERROR in reply.headers:
            raise StratoError.from_reply(reply.data)
        times.append((time.perf_counter() - started) * 1e3)
    return times[3:]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--background", type=int, default=200_000, help="events of others")
    parser.add_argument("--requests", type=int, default=30, help="of each sort")
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.run(main())
