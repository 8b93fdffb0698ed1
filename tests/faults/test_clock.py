"""Rows of the matrix with wrong clocks: those of services, and that of Postgres."""

import asyncio
import os
import time
import urllib.request
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from random import Random
from typing import Final

import psutil
import pytest

from stratoscope.embedded.ports import LOOPBACK
from support.eventually import eventually
from support.fault_alerts import alerts_heard
from support.fault_driver import fault_driver
from support.fault_injection import SERVER, Injection
from support.fault_matrix import MATRIX, SEED, heard, recover
from support.fault_stage import fault_stage
from support.projection import assert_equals_log
from support.service import ServiceProcess
from support.stack import NatsServer
from support.wheels import WheelPostgres

ROUNDS: Final = int(os.environ.get("STRATO_FAULT_ROUNDS") or 0)
_LIBRARIES: Final = (
    Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"),
    Path("/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1"),
)
_FOUND: Final = [one for one in _LIBRARIES if one.exists()]
pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not ROUNDS, reason="make faults runs it"),
    pytest.mark.skipif(not _FOUND, reason="libfaketime is not there: clocks can't be set apart"),
]
_HOUR: Final = 3600


@pytest.fixture(autouse=True)
def no_shared_memory_is_left() -> Iterator[None]:
    """Remove what the library leaves of processes that have ended."""
    yield
    for file in Path("/dev/shm").glob("*faketime_s*_*"):
        if not psutil.pid_exists(int(file.name.rpartition("_")[2])):
            file.unlink(missing_ok=True)


class Clock:
    """A process's wall clock, which can be stepped; its monotonic clock is left alone."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.seconds = 0
        file.touch()
        file.chmod(0o644)
        self.step(0)

    def step(self, seconds: int) -> None:
        """Set it apart from the machine's by so many seconds."""
        self.seconds = seconds
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.chmod(0o644)
        new.rename(self._file)

    @property
    def settings(self) -> dict[str, str]:
        """The environment of a process that goes by it."""
        return {
            "LD_PRELOAD": str(_FOUND[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }


async def goes_by(running: ServiceProcess, clock: Clock) -> bool:
    """Whether a service's answers have the time of a clock."""

    def date() -> str:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{running.port}/healthz", timeout=5) as got:
            return str(got.headers["date"])

    said = parsedate_to_datetime(await asyncio.to_thread(date)).timestamp()
    return abs(said - (time.time() + clock.seconds)) < 60


async def test_steps_of_the_clocks_of_services(
    nats_server: NatsServer, postgres_server: WheelPostgres, postgres_dsn: str, tmp_path: Path
):
    """Two projectors and two navigators, each with a clock that goes hours forward and back."""
    row = MATRIX.row("clocks of services hours apart, stepped", SERVER)
    clocks = [Clock(tmp_path / f"clock-{number}") for number in range(4)]
    seed = f"{row.name} {SEED}"
    random = Random(seed)
    async with fault_stage(
        nats_server, postgres_server, postgres_dsn, tmp_path, projectors=0, navigators=0
    ) as stage:
        services = [await stage.start_projector(**one.settings) for one in clocks[:2]]
        services += [await stage.start_navigator(**one.settings) for one in clocks[2:]]
        async with fault_driver(stage.projecting, seed, pause=1.0) as driver:
            row.losses = driver.losses
            one = Injection(stage, driver, random, row, True, 3 * row.promised)
            async with heard(stage, row), alerts_heard(stage, row):
                await recover(driver, time.monotonic(), 30)
                for _ in range(3 * ROUNDS):
                    for clock in clocks:
                        clock.step(random.choice([-26, -5, -1, 1, 5, 26]) * _HOUR)
                    since = one.now()
                    for running, clock in zip(services, clocks, strict=True):
                        await eventually(lambda r=running, c=clock: goes_by(r, c))
                    await one.queries_go_on()
                    await one.recording_goes_on()
                    await one.recover(since)
                await one.examine()
            await driver.recorded_enough()
        await stage.rebuild()
        await assert_equals_log(stage.projecting.nats_url, stage.projecting.dsn)
        assert not stage.tracebacks(), seed
