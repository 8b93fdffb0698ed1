"""One process floods a navigator with messages; the requests of another space go on.

`pytest -s` prints the figures.
"""

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError

from support import flooding
from support.eventually import eventually
from support.fairness import ATTEMPTS, FACTOR, LOUD, QUIET, Question, shown
from support.recorded import Recorded, event, snapshot
from support.saturating import saturator
from support.service import ServiceProcess, service
from support.wire import connected

STATE = Question("state.at", {"agent": "walker", "at": {"latest": True}})
ASKED = 20
# Messages a second.
RATE = 5_000
# Just below what is cut off, and above it.
UNCUT_RATE = 9_000
CUT_RATE = 20_000
# Broker, database and test run on the same processors, and the broker works for the flood too.
GRACE_SECONDS = 0.01
BACK_SECONDS = 2.0
WAITING = json.dumps({"wait_for": 10**12, "wait_ms": 30_000})
FLOODS = {
    "requests": (f"strato.{LOUD}.nav.stats", WAITING),
    "gates": (f"strato.{LOUD}.gate.walker", '{"after":0}'),
    "gates that wait": (f"strato.{LOUD}.gate.walker", '{"after":1000000000000}'),
    "discovery": ("$SRV.INFO", ""),
    "cancels": (f"strato.{LOUD}.nav.cancel.none", ""),
}
# What a flood costs the machine and the broker, since the navigator reads none of it.
UNREAD = (f"strato.{LOUD}.none", "")
UNPACED = 0
LARGE = {"large requests": (f"strato.{LOUD}.nav.stats", json.dumps({"wait": "x" * 100_000}))}


@pytest.fixture
async def navigator(
    nats_url: str, projection_dsn: str, recorded: Recorded, tmp_path: Path
) -> AsyncIterator[ServiceProcess]:
    """A navigator with the same agent in both spaces."""
    for space in (LOUD, QUIET):
        events = [event(data={"n": n}, at=n) for n in range(100)]
        await recorded.add("walker", *events, snapshot({"list": list(range(400))}), space=space)
    async with service("navigator", nats_url, projection_dsn, tmp_path) as running:
        yield running


@asynccontextmanager
async def flood(url: str, subject: str, body: str, rate: int = RATE) -> AsyncIterator[None]:
    """Flood from a process of its own, from its first message until the block ends."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, flooding.__file__, url, subject, body, str(rate)), stdin=PIPE, stdout=PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            await process.stdout.readline()
        yield
        assert process.returncode is None
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def asked(client: Client, times: int = ASKED) -> list[float]:
    """What so many questions of the quiet space take, in seconds."""
    return [await STATE.seconds(client, QUIET) for _ in range(times)]


@pytest.mark.parametrize(
    ("kind", "rate"),
    [
        *((kind, RATE) for kind in FLOODS),
        *((kind, rate) for kind in ("requests", "gates") for rate in (UNCUT_RATE, CUT_RATE)),
    ],
)
async def test_a_flood_of_messages_delays_no_other_space(
    nats_url: str, navigator: ServiceProcess, kind: str, rate: int
) -> None:
    """At most twice the usual median beside it, and back to usual within two seconds after it."""
    async with connected(nats_url) as quiet:
        await asked(quiet)
        async with saturator() as process, process.load(None):
            usual = await asked(quiet)
        bound = FACTOR * median(usual) + GRACE_SECONDS
        async with flood(nats_url, *FLOODS[kind], rate), asyncio.timeout(8):
            # A flood needs a moment to be what it is.
            await asyncio.sleep(0.5)
            beside = await asked(quiet)
        ended = time.monotonic()
        while median(after := await asked(quiet, 5)) > bound:
            assert time.monotonic() - ended < BACK_SECONDS, after
        taken = time.monotonic() - ended
        said = f"beside {rate} {kind}: {shown(beside)}, usually {shown(usual)}"
        said += f", back after {taken:.2f} s"
        print(said)
        assert median(beside) <= bound, said


async def asked_or_held(client: Client, times: int = ASKED) -> list[float]:
    """What so many questions of the quiet space and of an agent at its gate take together."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        await STATE.seconds(client, QUIET)
        reply = await client.request(f"strato.{QUIET}.gate.walker", b'{"after":0}', timeout=60)
        assert json.loads(reply.data) == {"go": True}
        taken.append(time.perf_counter() - begun)
    return taken


@pytest.mark.parametrize("kind", FLOODS | LARGE)
async def test_a_flood_at_full_speed_is_left_to_the_broker(
    nats_url: str, navigator: ServiceProcess, kind: str
) -> None:
    """Beside it at most twice the median beside a flood that reaches no navigator."""
    async with connected(nats_url) as quiet:
        await asked_or_held(quiet)
        for attempt in range(ATTEMPTS):
            async with flood(nats_url, *UNREAD, UNPACED):
                usual = await asked_or_held(quiet)
            async with flood(nats_url, *(FLOODS | LARGE)[kind], UNPACED), asyncio.timeout(60):
                # The first of them waits for what was sent before the flood was noticed.
                await asyncio.sleep(0.5)
                beside = await asked_or_held(quiet)
            said = f"beside {kind}: {shown(beside)}, usually {shown(usual)}, attempt {attempt}"
            print(said)
            if median(beside) <= FACTOR * median(usual) + GRACE_SECONDS:
                break
        else:
            pytest.fail(said)


@pytest.mark.parametrize("kind", ["requests", "gates", "cancels"])
async def test_a_space_that_stops_its_flood_is_answered_again(
    nats_url: str, navigator: ServiceProcess, kind: str
) -> None:
    """Some of its requests are answered beside the flood, all of them soon after it."""
    async with connected(nats_url) as client:
        async with flood(nats_url, *FLOODS[kind], UNPACED):
            await asyncio.sleep(0.5)
            await asked(client, 1)

        async def is_answered(space: str) -> bool:
            try:
                await client.request(f"strato.{space}.nav.stats", b"", timeout=2)
                await client.request(f"strato.{space}.gate.walker", b'{"after":0}', timeout=2)
            except NatsError:
                return False
            return True

        await eventually(lambda: is_answered(LOUD), within=20)
        # A space of which nothing was known has its answers by the wildcard again.
        await eventually(lambda: is_answered("unheard"), within=20)
