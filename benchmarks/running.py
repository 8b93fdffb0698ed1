"""What running to a condition costs, a million events away: by index, and by an expression.

    python benchmarks/running.py [--events 1000000] [--requests 20]

Starts a broker, a database, a projector and a navigator of its own. Records one agent: an event
each, a snapshot of 1.4 KB every ten, and near both ends what is run to from the other. Every run
goes through the broker, as an operator's would. Leaves with 1 where a floor fails.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from typing import Any

import orjson
import uvloop
from floors import Floors
from processes import projected, service
from servers import servers
from states import SMALL_THINGS, inventories
from timelines import new_id, publish

from stratoscope.broker.connection import Connection, connect
from stratoscope_contracts import subjects
from stratoscope_contracts.errors import StratoError
from stratoscope_contracts.words import DEFAULT_SPACE, HEADER_ERROR

AGENT = "runner"
EVENTS_A_SNAPSHOT = 10
NEAR = 20
MILLISECONDS = 50.0
EVENTS_A_SECOND = 50_000.0
PATIENCE = 300.0

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
            await projected(dsn, await publish(broker, AGENT, _records(options.events)), process)
        stack.enter_context(service("navigator", url, dsn))
        session = await _Session.started(broker)
        await _hold_jumps(session, options, floors)
        await _hold_scans(session, options, floors)
    floors.end()


def _records(events: int) -> Iterator[Json]:
    """Plain events; close to both ends one of each that is run to."""
    states = inventories(1 + events // EVENTS_A_SNAPSHOT, SMALL_THINGS)
    ends = (NEAR // 2, events - NEAR // 2)
    cause: str | None = None
    for number in range(events):
        is_end = number in ends
        deep = any(0 <= number - end < 3 for end in ends)
        identity = new_id()
        record: Json = {
            "kind": "event",
            "id": identity,
            "type": "error_occurred" if is_end else "action_execution",
            "data": {"action": "move", "number": number, "direction": "north"},
        }
        if deep and cause is not None:
            record["causes"] = [cause]
        cause = identity if deep else None
        yield record
        if number % EVENTS_A_SNAPSHOT == EVENTS_A_SNAPSHOT - 1:
            state = next(states)
            hurt = any(0 <= number - end < EVENTS_A_SNAPSHOT for end in ends)
            yield {
                "kind": "snapshot",
                "id": new_id(),
                "state": {**state, "health": 0 if hurt else 100},
            }


class _Session:
    """A session on the agent, moved through the broker."""

    def __init__(self, broker: Connection, identity: str) -> None:
        self._broker = broker
        self._id = identity

    @classmethod
    async def started(cls, broker: Connection) -> "_Session":
        config = {"auto_breakpoints": False}
        made = await _ask(broker, "session.create", {"agent": AGENT, "config": config})
        session = cls(broker, made["session"]["id"])
        await session.ask("session.start")
        return session

    async def ask(self, verb: str, **body: Any) -> Json:
        return await _ask(self._broker, verb, {"id": self._id, **body})

    async def run(self, start: int, direction: str, until: Json) -> tuple[float, int]:
        """Milliseconds of a run from an event, and the event that it came to."""
        await self.ask("session.goto", at={"event_index": start})
        body = {"direction": direction, "until": until, "seconds": PATIENCE}
        started = time.perf_counter()
        reply = await self.ask("session.continue", **body)
        taken = (time.perf_counter() - started) * 1e3
        if reply["stopped_by"] != {"condition": True}:
            raise SystemExit(f"{until} was not found from {start} {direction}")
        return taken, int(reply["position"]["event_index"])


async def _ask(broker: Connection, verb: str, body: Json) -> Json:
    subject = subjects.nav(DEFAULT_SPACE, verb)
    reply = await broker.client.request(subject, orjson.dumps(body), timeout=PATIENCE)
    if reply.headers and HEADER_ERROR in reply.headers:
        raise StratoError.from_reply(reply.data)
    answer: Json = orjson.loads(reply.data)
    return answer


async def _hold_jumps(session: _Session, options: argparse.Namespace, floors: Floors) -> None:
    last = options.events - NEAR // 2
    placed = await session.ask("session.goto", at={"event_index": last})
    conditions: dict[str, Json] = {
        "type": {"kind": "on_event_type", "type": "error_occurred"},
        "depth": {"kind": "on_causality_depth", "depth": 3},
        "state": {"kind": "on_state", "path": "health", "op": "eq", "value": 0},
        "change": {"kind": "on_change", "path": "health"},
    }
    onward: dict[str, Json] = {
        "index": {"kind": "at_event_index", "index": last},
        "time": {"kind": "at_time", "time": placed["position"]["occurred_at"]},
    }
    for direction, start in (("forward", NEAR * 2), ("backward", options.events - NEAR * 2)):
        for name, until in (conditions | (onward if direction == "forward" else {})).items():
            runs = [await session.run(start, direction, until) for _ in range(options.requests)]
            away = abs(runs[0][1] - start)
            said = f"{direction} to a {name}, {away:,} events away: p50"
            floors.at_most(said, median(taken for taken, _ in runs), MILLISECONDS, " ms")


async def _hold_scans(session: _Session, options: argparse.Namespace, floors: Floors) -> None:
    target = options.events - NEAR
    sources = {
        "the event": f"event.data.number == {target}",
        "event and state": f"event.data.number == {target} && state.health > 10",
        "the state": "state.health < 10",
    }
    for name, source in sources.items():
        until = {"kind": "expression", "source": source}
        taken, reached = await session.run(NEAR * 2, "forward", until)
        rate = (reached - NEAR * 2) / taken * 1e3
        floors.at_least(f"an expression over {name}", rate, EVENTS_A_SECOND, " events/s")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=1_000_000, help="of the timeline")
    parser.add_argument("--requests", type=int, default=20, help="of each sort of jump")
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.run(main())
