"""The fault matrix: each fault costs time, and nothing that was acknowledged.

`make faults` injects each fault in rounds; `make test` injects a few, one after the other.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

import pytest

from support.fault_alerts import alerts_heard
from support.fault_driver import FaultDriver, fault_driver
from support.fault_injection import Fault, Injection
from support.fault_matrix import MATRIX, SEED, heard, recover
from support.fault_stage import FaultStage, fault_stage
from support.fault_tally import SoakPart, run_parts
from support.faults import (
    FAULTS,
    cut_broker,
    cut_database,
    flood,
    kill_navigator,
    kill_projector,
    quiet,
    terminate_at_commit,
)
from support.projection import assert_equals_log
from support.stack import NatsServer, PostgresServer, new_database, new_nats

ROUNDS: Final = int(os.environ.get("STRATO_FAULT_ROUNDS") or 0)
SOAK_SECONDS: Final = float(os.environ.get("STRATO_FAULT_SOAK_SECONDS") or 0)
pytestmark = [pytest.mark.faults, pytest.mark.timeout(180 + 120 * ROUNDS + 2 * SOAK_SECONDS)]
# Recovery may take this many times what is promised before a test fails: a machine that does other
# things besides is slower. The matrix says what was measured.
SLACK: Final = 3.0
# What is nothing to be alarmed by.
HARMLESS: Final = {quiet, flood}
SHORT: Final = {terminate_at_commit, kill_projector, kill_navigator, cut_database, cut_broker}


async def inject(
    stage: FaultStage, driver: FaultDriver, random: Random, fault: Fault, *, thorough: bool = False
) -> None:
    """One round of a fault."""
    row = MATRIX.row(fault.name, fault.promised)
    row.losses = driver.losses
    within = SLACK * fault.promised
    await driver.exchanges.import_begins()
    async with heard(stage, row):
        await fault.inject(Injection(stage, driver, random, row, thorough, within))


async def test_several_faults_cost_nothing_but_time(
    nats_server: NatsServer, postgres_server: PostgresServer, postgres_dsn: str, tmp_path: Path
):
    seed = f"several {SEED}"
    faults = [fault for fault in FAULTS if fault.inject in SHORT]
    random = Random(seed)
    random.shuffle(faults)
    async with fault_stage(nats_server, postgres_server, postgres_dsn, tmp_path) as stage:
        async with fault_driver(stage.projecting, seed, pause=1.0) as driver:
            for fault in faults:
                await inject(stage, driver, random, fault)
        assert not stage.tracebacks(), seed


@pytest.mark.skipif(not ROUNDS, reason="make faults runs it")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.inject.__name__)
async def test_a_fault_costs_nothing_but_time(
    nats_server: NatsServer,
    postgres_server: PostgresServer,
    postgres_dsn: str,
    tmp_path: Path,
    fault: Fault,
):
    seed = f"{fault.name} {SEED}"
    async with fault_stage(
        nats_server,
        postgres_server,
        postgres_dsn,
        tmp_path,
        projectors=fault.projectors,
        navigators=fault.navigators,
    ) as stage:
        async with fault_driver(stage.projecting, seed, pause=1.0) as driver:
            random, row = Random(seed), MATRIX.row(fault.name, fault.promised)
            async with alerts_heard(stage, row):
                for number in range(ROUNDS):
                    await recover(driver, time.monotonic(), 30)
                    await inject(stage, driver, random, fault, thorough=number == 0)
            if fault.inject in HARMLESS:
                assert not [one for one in row.alerts if one.endswith("firing")], row.alerts
                assert not row.readiness, row.readiness
            await driver.recorded_enough()
        await is_rebuilt_equal(stage)
        assert not stage.tracebacks(), seed


@pytest.mark.skipif(not SOAK_SECONDS, reason="make soak runs it")
def test_faults_for_hours_cost_nothing_but_time(
    postgres_server: PostgresServer, backend: str, scratch: Path
):
    """In parts, each with a broker and a database of its own that are checked at its end."""

    def run(part: SoakPart, folder: Path, seconds: float) -> None:
        (folder / "broker").mkdir()
        broker = new_nats(backend, folder / "broker")
        try:
            with new_database(postgres_server) as dsn:
                asyncio.run(soak(part, broker, postgres_server, dsn, folder, seconds))
        finally:
            broker.close()

    run_parts("matrix", SEED, scratch, SOAK_SECONDS, run)


def drawn(random: Random) -> Iterator[Fault]:
    """Faults without end: each as often as its weight before the next turn."""
    while True:
        turn = [fault for fault in FAULTS for _ in range(fault.weight)]
        random.shuffle(turn)
        yield from turn


async def soak(
    part: SoakPart,
    broker: NatsServer,
    database: PostgresServer,
    dsn: str,
    folder: Path,
    seconds: float,
) -> None:
    """One part: faults are drawn by weight, and counted even where a check fails."""
    random = Random(part.seed)
    # Every other part has short leases, so that more of them are raced for.
    short = {"STRATO_LEASE_SECONDS": "2"} if random.random() < 0.5 else {}
    until = time.monotonic() + seconds
    async with fault_stage(
        broker, database, dsn, folder, projectors=2, navigators=2, **short
    ) as stage:
        driver = None
        try:
            async with fault_driver(stage.projecting, part.seed, pause=1.0) as driver:
                for fault in drawn(random):
                    if time.monotonic() > until:
                        break
                    await stage.revive()
                    await recover(driver, time.monotonic(), 60)
                    part.rounds[fault.name] = part.rounds.get(fault.name, 0) + 1
                    recoveries = MATRIX.row(fault.name, fault.promised).recoveries
                    known = len(recoveries)
                    await inject(stage, driver, random, fault)
                    worst = max(recoveries[known:], default=0.0)
                    part.recoveries[fault.name] = max(part.recoveries.get(fault.name, 0.0), worst)
                await driver.recorded_enough()
            await is_rebuilt_equal(stage)
            assert not stage.tracebacks(), "a service wrote a traceback"
            part.checked = True
        finally:
            if driver is not None:
                part.take(driver, stage.done)


async def is_rebuilt_equal(stage: FaultStage) -> None:
    """Make the projection anew, and hold the new one to the log as well."""
    await stage.rebuild()
    await assert_equals_log(stage.projecting.nats_url, stage.projecting.dsn)
