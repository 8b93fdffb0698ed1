"""What an agent's account costs: publishing through its import, beside publishing directly.

    python benchmarks/accounts.py [PAIRS]

One broker, two users with an agent's permissions: one in the account of its space's agents, as
`stratoscope creds` makes it, one in the account that has the stream. Both do the same in turn, in
pairs that begin with the one and the other alternately. What counts is the ratio within each pair:
its median over all pairs, with an interval of 95 % by resampling.

Floors: an acknowledgement takes at most 10 % longer; single messages in flight are at most 30 %
slower, batches of 64 KiB at most 12 %.
"""

import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import nats
import uvloop
from nats.aio.client import Client
from nats.js import JetStreamContext

from stratoscope.admin import roles
from stratoscope.broker.streams import StreamSettings, ensure_streams
from stratoscope.embedded import Process
from stratoscope.embedded.broker import find_nats_server
from stratoscope.embedded.ports import LOOPBACK, free_port
from stratoscope.embedded.program import Program

# Many short pairs: what else the machine does meets both halves of a pair.
PAIRS = 100
SPACE, AGENT = "default", "explorer"
SMALL = json.dumps({"type": "action_execution", "data": {"note": "x" * 200}}).encode()
BATCH = os.urandom(32 * 1024).hex().encode()
IN_FLIGHT = 64
RESAMPLED = 2000


@dataclass(frozen=True)
class Measure:
    """Something that both do, and how much slower it may be through the import."""

    name: str
    floor: float
    seconds: Callable[[JetStreamContext], Awaitable[float]]


async def acknowledgements(js: JetStreamContext) -> float:
    """Seconds for one message after another, the median of many."""
    taken = []
    for _ in range(20):
        begun = time.perf_counter()
        await js.publish(f"strato.{SPACE}.rec.{AGENT}.event", SMALL)
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


async def singles(js: JetStreamContext) -> float:
    """Seconds for single messages, so many in flight."""
    return await in_flight(js, "event", SMALL, 256)


async def batches(js: JetStreamContext) -> float:
    """Seconds for batches, so many in flight."""
    return await in_flight(js, "batch", BATCH, 32)


async def in_flight(js: JetStreamContext, kind: str, body: bytes, count: int) -> float:
    """Seconds for so many messages."""
    slots = asyncio.Semaphore(IN_FLIGHT)

    async def one() -> None:
        async with slots:
            await js.publish(f"strato.{SPACE}.rec.{AGENT}.{kind}", body, timeout=30)

    begun = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(count)))
    return time.perf_counter() - begun


MEASURES = (
    Measure("a single acknowledgement", 1.10, acknowledgements),
    Measure(f"single messages, {IN_FLIGHT} in flight", 1.30, singles),
    Measure("batches of 64 KiB", 1.12, batches),
)


def configuration(folder: Path, port: int) -> str:
    """Accounts as they are shipped, with passwords in place of keys and without TLS."""
    agent = roles.permissions("agent", SPACE, AGENT).configured()
    agents = {
        "limits": roles.AGENT_LIMITS,
        "imports": roles.agents_imports(SPACE),
        "users": [{"user": "import", "password": "x"} | agent],
    }
    strato = {
        "jetstream": "enabled",
        "exports": [
            {"service": "strato.>"},
            {"stream": "strato.*.ctl.*"},
            {"stream": "strato.*.dlq.*"},
        ],
        "users": [{"user": "direct", "password": "x"} | agent, {"user": "admin", "password": "x"}],
    }
    whole = {
        "listen": f"{LOOPBACK}:{port}",
        "max_payload": 9 << 20,
        "jetstream": {"store_dir": str(folder / "data"), "sync_interval": "always"},
        "accounts": {"STRATO": strato, roles.agents_account(SPACE): agents},
    }
    return "\n".join(f"{name}: {json.dumps(value)}" for name, value in whole.items())


async def connected(port: int, user: str) -> Client:
    """A client with an agent's inboxes."""
    prefix = roles.inbox_prefix("agent", SPACE, AGENT)
    return await nats.connect(
        f"nats://{user}:x@{LOOPBACK}:{port}", inbox_prefix=prefix, pending_size=64 << 20
    )


async def ratios(port: int, pairs: int) -> dict[Measure, list[float]]:
    """Through the import, as a multiple of directly."""
    admin = await connected(port, "admin")
    await ensure_streams(admin.jetstream(), StreamSettings())
    clients = {name: await connected(port, name) for name in ("direct", "import")}
    found: dict[Measure, list[float]] = {measure: [] for measure in MEASURES}
    for pair in range(-1, pairs):
        order = ("direct", "import") if pair % 2 else ("import", "direct")
        for measure in MEASURES:
            taken = {name: await measure.seconds(clients[name].jetstream()) for name in order}
            # The first pair warms everything up.
            if pair >= 0:
                found[measure].append(taken["import"] / taken["direct"])
        await admin.jetstream().purge_stream("STRATO_RECORD")
    for client in (admin, *clients.values()):
        await client.close()
    return found


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Where the median lies, with 95 %."""
    generator = random.Random(1)
    medians = sorted(
        statistics.median(generator.choices(values, k=len(values))) for _ in range(RESAMPLED)
    )
    return medians[RESAMPLED // 40], medians[-RESAMPLED // 40]


def main() -> int:
    """Print the ratios; 1 where a floor is not held."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS
    with tempfile.TemporaryDirectory(prefix="stratoscope-accounts-") as name:
        folder, port = Path(name), free_port()
        (folder / "nats.conf").write_text(configuration(folder, port))
        program = Program(
            name="nats",
            command=(str(find_nats_server()), "--config", str(folder / "nats.conf")),
            log=folder / "nats.log",
            is_ready=lambda _: "Server is ready" in (folder / "nats.log").read_text(),
        )
        broker = Process(program)
        try:
            found = uvloop.run(ratios(port, pairs))
        finally:
            broker.kill()
    failed = False
    for measure, values in found.items():
        median, (low, high) = statistics.median(values), interval(values)
        failed |= median > measure.floor
        print(
            f"{measure.name}: {median:.3f} of the time ({low:.3f} to {high:.3f} with 95 %),"
            f" at most {measure.floor:.2f}: {'held' if median <= measure.floor else 'NOT held'}"
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
