"""Rows of the matrix with storage of their own: full disks, a log that is rolled back."""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Final

import pytest

from stratoscope.embedded.database import find_postgres
from support.eventually import eventually
from support.fault_alerts import alerts_heard
from support.fault_driver import fault_driver
from support.fault_injection import SERVER, Injection
from support.fault_matrix import MATRIX, SEED, FaultRow, heard, recover
from support.fault_stage import FaultStage, fault_stage
from support.pages import ROOT
from support.service import ServiceProcess
from support.stack import new_database
from support.wheels import WheelNats, WheelPostgres

ROUNDS: Final = int(os.environ.get("STRATO_FAULT_ROUNDS") or 0)
pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not ROUNDS, reason="make faults runs it"),
]
_MIB: Final = 1 << 20


def mount(folder: Path, *options: str) -> None:
    """Mount a file system in memory, or change its size; skips the test where that is refused."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"a small disk can't be mounted: {mounted.stderr.strip()}")


@pytest.fixture
def small_disk(scratch: Path) -> Iterator[Path]:
    """A file system of 192 MiB in memory."""
    folder = scratch / "disk"
    folder.mkdir()
    mount(folder, "size=192m")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def nats_server(scratch: Path) -> Iterator[WheelNats]:
    """A broker in a folder that a test may exchange."""
    (scratch / "broker").mkdir()
    server = WheelNats(scratch / "broker")
    yield server
    server.close()


def fill(disk: Path) -> Path:
    """Leave no byte free; the file that takes the room."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * _MIB)
        except OSError:
            pass
        try:
            while True:
                file.write(b"\0" * 512)
        except OSError:
            pass
    return filler


@asynccontextmanager
async def at_work(
    broker: WheelNats,
    database: WheelPostgres,
    dsn: str,
    folder: Path,
    row: FaultRow,
    *,
    exchanging: bool = True,
) -> AsyncIterator[Injection]:
    """A deployment at work; at the end it is held to what was acknowledged."""
    seed = f"{row.name} {SEED}"
    async with fault_stage(broker, database, dsn, folder) as stage:
        async with fault_driver(stage.projecting, seed, pause=1.0, exchanging=exchanging) as driver:
            row.losses = driver.losses
            async with heard(stage, row), alerts_heard(stage, row):
                await recover(driver, time.monotonic(), 30)
                yield Injection(stage, driver, Random(seed), row, True, 3 * row.promised)
        await stage.rebuild()


async def is_unready(stage: FaultStage) -> bool:
    """Whether a service says that it is of no use now."""
    return any([await one.is_unready() for one in (*stage.projectors, *stage.navigators)])


async def test_a_full_disk_of_the_database(
    nats_server: WheelNats, small_disk: Path, tmp_path: Path
):
    row = MATRIX.row("Postgres's disk full until it is told", SERVER)
    database = WheelPostgres(small_disk)
    try:
        with new_database(database) as dsn:
            async with at_work(nats_server, database, dsn, tmp_path, row) as one:
                filler = fill(small_disk)
                await eventually(lambda: is_unready(one.stage), within=60)
                await one.recording_goes_on()
                await one.examine()
                filler.unlink()
                # It may have ended; its supervisor starts it again.
                database.kill()
                one.driver.database_crashed()
                database.start()
                await one.recover(one.now())
    finally:
        database.kill()


async def test_a_log_that_is_rolled_back_and_restored(
    nats_server: WheelNats, shared_postgres: WheelPostgres, scratch: Path, tmp_path: Path
):
    """The projector halts at the older log, and goes on with the restored one."""
    row = MATRIX.row("log rolled back, told, and restored", SERVER)
    folder, older, newer = (scratch / name for name in ("broker", "older", "newer"))
    with new_database(shared_postgres) as dsn:
        async with at_work(nats_server, shared_postgres, dsn, tmp_path, row) as one:
            recording = one.driver.recording
            await recording.rest()
            nats_server.kill()
            shutil.copytree(folder, older)
            nats_server.start()
            recording.go_on()
            await recover(one.driver, one.now(), 30)
            await recording.rest()
            await eventually(lambda: one.driver.has_passed(recording.last_seq))
            nats_server.kill()
            folder.rename(newer)
            older.rename(folder)
            nats_server.start()
            projector = one.stage.projectors[0]
            await eventually(projector.is_unready, within=40)
            await eventually(lambda: says(projector, "rolled back"), within=40)
            await one.queries_go_on()
            await one.examine()
            nats_server.kill()
            shutil.rmtree(folder)
            newer.rename(folder)
            nats_server.start()
            recording.go_on()
            since = one.now()
            await one.stage.kill(projector)
            await one.stage.start_projector(ready=False)
            await one.recover(since)


async def says(running: ServiceProcess, text: str) -> bool:
    """Whether readiness gives a reason."""
    return text in (await running.get("/readyz"))[1]


@pytest.fixture
def broker_disk(scratch: Path) -> Iterator[Path]:
    """A file system with room for what the streams reserve, which is little in memory."""
    folder = scratch / "disk"
    folder.mkdir()
    mount(folder, "size=4g")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def nats_on_disk(broker_disk: Path) -> Iterator[WheelNats]:
    """A broker that shares its disk with nothing."""
    server = WheelNats(broker_disk)
    yield server
    server.close()


def shrink(disk: Path) -> None:
    """Leave no room: the file system gets as small as what it holds."""
    while os.statvfs(disk).f_bavail:
        found = os.statvfs(disk)
        # The broker may write meanwhile: a size below what is used is refused.
        used = (found.f_blocks - found.f_bfree) * found.f_bsize
        subprocess.run(["mount", "-o", f"remount,size={used}", str(disk)], check=False)


def widen(disk: Path) -> None:
    """Give the room back."""
    subprocess.run(["mount", "-o", "remount,size=4g", str(disk)], check=True)


async def test_a_full_disk_of_the_broker(
    nats_on_disk: WheelNats, broker_disk: Path, shared_postgres: WheelPostgres, tmp_path: Path
):
    """What was acknowledged stays. Space alone does not help: the broker has to be restarted."""
    row = MATRIX.row("broker's disk full until it is told", SERVER)
    with new_database(shared_postgres) as dsn:
        async with at_work(nats_on_disk, shared_postgres, dsn, tmp_path, row) as one:
            await asyncio.to_thread(shrink, broker_disk)
            since = one.now()
            for running in (*one.stage.projectors, *one.stage.navigators):
                await eventually(lambda run=running: says(run, "stored nothing"), within=20)
            assert one.now() - since < 15
            await one.queries_go_on()
            await one.examine()
            await asyncio.to_thread(widen, broker_disk)
            one.stage.kill_broker()
            nats_on_disk.start()
            await one.recover(one.now())
            for running in (*one.stage.projectors, *one.stage.navigators):
                await eventually(running.is_ready, within=10)


def run_script(script: str, *words: str | Path, dsn: str = "") -> None:
    """Run a script of backups as an operator does."""
    programs = find_postgres()
    names = {name.upper(): str(programs / name) for name in ("pg_dump", "pg_restore", "psql")}
    done = subprocess.run(
        [ROOT / "deploy/backup" / script, *words],
        env=os.environ | names | {"STRATO_POSTGRES_DSN": dsn, "SETTLE_SECONDS": "0.1"},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


async def test_a_backup_is_restored_into_nothing(
    nats_server: WheelNats, shared_postgres: WheelPostgres, scratch: Path, tmp_path: Path
):
    """Operations are backed up at work, the log some seconds later; all else is gone then."""
    row = MATRIX.row("all lost; operations and log restored from backups", SERVER)
    kept, data = scratch / "kept", scratch / "broker"
    with new_database(shared_postgres) as dsn, new_database(shared_postgres) as empty_dsn:
        async with at_work(
            nats_server, shared_postgres, dsn, tmp_path, row, exchanging=False
        ) as one:
            stage, recording = one.stage, one.driver.recording
            await asyncio.to_thread(run_script, "backup.sh", "operations", kept, dsn=dsn)
            # Hits of these are in no backup but the log's: they are made again, once.
            await one.recover(one.now())
            await recording.rest()
            await eventually(lambda: one.driver.has_watched(recording.last_seq), within=20)
            for running in (*stage.projectors, *stage.navigators):
                await stage.kill(running)
            nats_server.stop()
            await asyncio.to_thread(run_script, "backup.sh", "log", kept, data / "store")
            shutil.rmtree(data / "store")
            await asyncio.to_thread(run_script, "restore.sh", "log", kept, data / "store")
            await asyncio.to_thread(run_script, "restore.sh", "operations", kept, dsn=empty_dsn)
            stage.projecting.look_at(empty_dsn)
            one.driver.database_crashed()
            since = one.now()
            nats_server.start()
            await stage.start_projector(ready=False)
            await stage.start_navigator()
            recording.go_on()
            await one.recover(since)
