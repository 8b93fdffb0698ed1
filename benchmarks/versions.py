"""Two checkouts side by side: what an operation costs each of them in processor time.

    python benchmarks/versions.py BEFORE AFTER [--pairs 20] [--only intake,hits,looks]

BEFORE and AFTER are folders with a checkout each; this interpreter's environment has what both
import. Each checkout has a stack of its own (`stratoscope up`), and the two do the same work in
turn, so that a busy moment meets both. Figures are user and system time of the projector and of the
navigator per operation, which a busy machine changes less than it changes times. The ratio
AFTER/BEFORE has the 95 % interval of its geometric mean over the pairs.
"""

import argparse
import asyncio
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM
from typing import Any, Final

import nats
import orjson
import psutil
from nats.aio.client import Client

from stratoscope.embedded.ports import free_port

# The system counts processor time in hundredths of a second.
_EVENTS: Final = 20_000
_LOOKS: Final = 1_000
_BATCH: Final = 50
# The 97.5th percentile of Student's t for 5 to 60 pairs; the normal's beyond.
_STUDENT: Final = {5: 2.78, 10: 2.26, 15: 2.14, 20: 2.09, 30: 2.05, 60: 2.0}


@dataclass(slots=True)
class Side:
    """One checkout's running stack."""

    client: Client
    pids: dict[str, int]
    recorded: int = 0

    def processor_seconds(self, *names: str) -> float:
        """What some of its processes and their children have used so far."""
        used = 0.0
        for name in names:
            process = psutil.Process(self.pids[name])
            for one in (process, *process.children(recursive=True)):
                times = one.cpu_times()
                used += times.user + times.system
        return used

    async def ask(self, verb: str, **body: Any) -> dict[str, Any]:
        """A verb's reply; RuntimeError where it is an error."""
        reply = await self.client.request(
            f"strato.default.nav.{verb}", orjson.dumps(body), timeout=60
        )
        answer: dict[str, Any] = orjson.loads(reply.data)
        if "code" in answer:
            raise RuntimeError(f"{verb}: {answer}")
        return answer

    async def record(self, events: int, agents: int = 10) -> None:
        """Record events in batches, and return once they are projected."""
        for number in range(events // _BATCH):
            records = [_event(self.recorded + index) for index in range(_BATCH)]
            self.recorded += _BATCH
            subject = f"strato.default.rec.agent-{number % agents}.batch"
            body = orjson.dumps({"records": records})
            acknowledged = await self.client.request(subject, body, timeout=60)
            last = orjson.loads(acknowledged.data)["seq"]
        await self.ask("stats", wait_for=last, wait_ms=30_000)


def _event(number: int) -> dict[str, Any]:
    return {
        "kind": "event",
        "id": str(uuid.uuid4()),
        "type": "decision_made" if number % 10 == 0 else "action_execution",
        "occurred_at": "2026-11-23T08:00:00.123456Z",
        "data": {"action": "move", "direction": "north", "distance": 5, "note": "x" * 80},
        "metadata": {"phase": "m"},
    }


async def _intake(side: Side) -> float:
    before = side.processor_seconds("projector")
    await side.record(_EVENTS)
    return (side.processor_seconds("projector") - before) / _EVENTS


async def _hits(side: Side) -> float:
    """Of projector and navigator, for a record where one in ten is hit."""
    created = await side.ask(
        "breakpoint.create", agent="*", condition={"kind": "on_event_type", "type": "decision_made"}
    )
    identifier = created["breakpoint"]["id"]
    before = side.processor_seconds("projector", "navigator")
    await side.record(_EVENTS)
    async with asyncio.timeout(60):
        while True:
            found = await side.ask("breakpoint.get", id=identifier)
            if found["breakpoint"]["hit_count"] >= _EVENTS // 10:
                break
            await asyncio.sleep(0.05)
    used = side.processor_seconds("projector", "navigator") - before
    await side.ask("breakpoint.remove", id=identifier)
    return used / _EVENTS


async def _looks(side: Side) -> float:
    before = side.processor_seconds("navigator")
    for index in range(_LOOKS):
        await side.ask("state.at", agent="agent-0", at={"event_index": index})
    return (side.processor_seconds("navigator") - before) / _LOOKS


_WORKS: Final[dict[str, Callable[[Side], Awaitable[float]]]] = {
    "intake": _intake,
    "hits": _hits,
    "looks": _looks,
}


@contextmanager
def _running(checkout: Path, folder: Path) -> Iterator[dict[str, Any]]:
    """`stratoscope up` of a checkout; its line of addresses."""
    sources = f"{checkout / 'contracts'}{os.pathsep}{checkout / 'services'}"
    alone = {name: value for name, value in os.environ.items() if not name.startswith("STRATO_")}
    command = [sys.executable, "-m", "stratoscope.cli.app", "up", "--json", "--data", str(folder)]
    process = subprocess.Popen(
        [*command, "--nats-port", str(free_port())],
        stdout=subprocess.PIPE,
        text=True,
        env=alone | {"PYTHONPATH": sources, "XDG_STATE_HOME": str(folder / "state")},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"{checkout}: `up` did not start")
        yield json.loads(line)
    finally:
        process.send_signal(SIGTERM)
        process.communicate(timeout=60)


def _interval(ratios: list[float]) -> tuple[float, float, float]:
    """The geometric mean of ratios with its 95 % interval."""
    logs = [math.log(ratio) for ratio in ratios]
    mean = statistics.fmean(logs)
    factor = next((t for pairs, t in _STUDENT.items() if len(logs) <= pairs), 1.96)
    margin = factor * statistics.stdev(logs) / math.sqrt(len(logs)) if len(logs) > 1 else 0.0
    return math.exp(mean), math.exp(mean - margin), math.exp(mean + margin)


async def _compare(sides: list[Side], names: list[str], pairs: int) -> bool:
    """Print each work's figures; whether none became dearer beyond its interval."""
    for side in sides:
        await side.ask("stats")
        await side.client.request(
            "strato.default.rec.agent-0.snapshot", b'{"state":{"health":100}}', timeout=10
        )
        await side.record(_EVENTS)
    print(
        f"load of the machine: {os.getloadavg()[0]:.1f}; {pairs} pairs, microseconds of processor"
    )
    holds = True
    for name in names:
        used: list[list[float]] = [[], []]
        for pair in range(pairs + 1):
            # Each is the first of a pair in turn; the first pair of all warms up.
            for index in (0, 1) if pair % 2 else (1, 0):
                cost = await _WORKS[name](sides[index])
                if pair:
                    used[index].append(cost)
        mean, low, high = _interval([b / a for a, b in zip(*used, strict=True)])
        before, after = (statistics.median(one) * 1e6 for one in used)
        verdict = "dearer" if low > 1 else "cheaper" if high < 1 else "no difference shown"
        holds &= low <= 1
        print(
            f"  {name:7} before {before:8.1f}  after {after:8.1f}"
            f"  ratio {mean:.3f} ({low:.3f} to {high:.3f})  {verdict}",
            flush=True,
        )
    return holds


async def _main(said: list[dict[str, Any]], names: list[str], pairs: int) -> bool:
    sides = [Side(await nats.connect(one["nats"]), one["pids"]) for one in said]
    try:
        return await _compare(sides, names, pairs)
    finally:
        for side in sides:
            await side.client.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--only", default=",".join(_WORKS))
    asked = parser.parse_args()
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stratoscope-")))
        # The database may run as another account, which has to come this far.
        root.chmod(0o755)
        told = [
            stack.enter_context(_running(checkout.resolve(), root / name))
            for name, checkout in (("before", asked.before), ("after", asked.after))
        ]
        sys.exit(0 if asyncio.run(_main(told, asked.only.split(","), asked.pairs)) else 1)
