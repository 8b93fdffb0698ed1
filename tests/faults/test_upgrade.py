"""A row of the matrix: from the version before the last migration to this one, under load."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from stratoscope.embedded.ports import free_port
from stratoscope.store.migration import migrate
from support.eventually import eventually
from support.fault_alerts import alerts_heard
from support.fault_driver import fault_driver
from support.fault_injection import SERVER
from support.fault_matrix import MATRIX, SEED, heard, recover
from support.pages import ROOT
from support.projecting import projecting
from support.service import ServiceProcess, service

ROUNDS: Final = int(os.environ.get("STRATO_FAULT_ROUNDS") or 0)
# The last commit before the newest migration: there is no release yet.
_BEFORE: Final = "fcab9e139"
pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not ROUNDS, reason="make faults runs it"),
]


@dataclass
class Services:
    """Those that run at present, old and new."""

    projectors: list[ServiceProcess] = field(default_factory=list)
    navigators: list[ServiceProcess] = field(default_factory=list)


@pytest.fixture
def old_version(scratch: Path) -> Path:
    """The source of the version before."""
    folder = scratch / "old"
    folder.mkdir()
    archive = folder / "source.tar"
    asked = ("git", "-C", str(ROOT), "archive", "-o", str(archive), _BEFORE)
    done = subprocess.run(
        (*asked, "services", "contracts"), capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"the version before is not in this checkout: {done.stderr.strip()}")
    subprocess.run(("tar", "-xf", str(archive), "-C", str(folder)), check=True)
    return folder


@asynccontextmanager
async def old_service(
    source: Path, name: str, nats_url: str, owner_dsn: str, folder: Path
) -> AsyncIterator[ServiceProcess]:
    """A service of the version before, which migrates the database to its own schema."""
    port, log = free_port(), folder / f"old-{name}.log"
    environment = {
        "PYTHONPATH": f"{source / 'services'}:{source / 'contracts'}",
        "STRATO_NATS_URL": nats_url,
        "STRATO_POSTGRES_DSN": owner_dsn,
        "STRATO_HTTP_PORT": str(port),
    }
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"stratoscope.{name}"),
            env=os.environ | environment,
            stdout=file,
            stderr=file,
        )
    running = ServiceProcess(process, port, log)
    try:
        await eventually(running.is_ready, within=30)
        yield running
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_an_upgrade_under_load(
    nats_url: str, postgres_dsn: str, tmp_path: Path, old_version: Path
):
    """Old services go on over the new schema, then beside new ones, then are stopped."""
    row, services = MATRIX.row("upgrade over a migration, services in turn", SERVER), Services()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        projectors = await enter(projecting(nats_url, postgres_dsn, tmp_path))
        old = [
            await enter(old_service(old_version, name, nats_url, postgres_dsn, tmp_path))
            for name in ("projector", "navigator")
        ]
        services.projectors, services.navigators = old[:1], old[1:]
        async with fault_driver(projectors, f"upgrade {SEED}", pause=1.0) as driver:
            row.losses = driver.losses
            async with heard(services, row), alerts_heard(services, row):

                async def goes_on() -> None:
                    row.recoveries.append(await recover(driver, time.monotonic(), 3 * row.promised))

                await recover(driver, time.monotonic(), 30)
                applied = (await migrate(postgres_dsn)).applied
                assert applied, "nothing to upgrade: name a commit before the newest migration"
                await goes_on()
                services.projectors.append(await projectors.start())
                await goes_on()
                assert await services.projectors.pop(0).stop() == 0
                await goes_on()
                new = await enter(service("navigator", nats_url, postgres_dsn, tmp_path))
                services.navigators.append(new)
                await goes_on()
                assert await services.navigators.pop(0).stop() == 0
                await goes_on()
                row.went_on |= dict.fromkeys(["queries answered", "records acknowledged"])
            await driver.recorded_enough()
