"""Which of the shipped alerts a fault raises: the real Prometheus on the shipped rules.

It looks every second. An alert is pending while its condition holds, and fires once that has lasted
as long as the rule says, which is longer than most faults of the matrix do.
"""

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from stratoscope.broker.ending import end_tasks
from stratoscope.embedded.ports import LOOPBACK, free_port
from support.eventually import eventually
from support.fault_matrix import FaultRow
from support.fault_stage import FaultStage
from support.observed import PROMETHEUS
from support.prometheus import Prometheus

# The load has messages in it that no record can be made of: that is told, and is true.
EXPECTED: Final = frozenset({"StratoscopeDeadLetters"})


def is_installed() -> bool:
    """Whether there is a Prometheus to evaluate the rules."""
    return shutil.which("prometheus") is not None


@asynccontextmanager
async def alerts_heard(stage: FaultStage, row: FaultRow) -> AsyncIterator[None]:
    """Write down in a row which alerts are pending and firing while the block runs."""
    if not is_installed():
        row.alerts["not evaluated: no Prometheus"] = None
        yield
        return
    folder, port = Path(tempfile.mkdtemp(prefix="stratoscope-alerts-")), free_port()
    (folder / "prometheus.yml").write_text(yaml.safe_dump(_configuration(folder)), "utf-8")
    _write_targets(stage, folder)
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={LOOPBACK}:{port}",
            stdout=log,
            stderr=log,
        )
    asked = Prometheus(port)
    listening = asyncio.create_task(_listen(stage, folder, asked, row))
    try:
        # Before the first scrape everything is absent.
        await eventually(lambda: _is_scraped(asked), within=20)
        row.alerts.clear()
        yield
        assert not listening.done(), listening.exception()
    finally:
        await end_tasks([listening])
        process.kill()
        await process.wait()
        shutil.rmtree(folder)


def _configuration(folder: Path) -> dict[str, Any]:
    """What is shipped, every second, with targets from files."""
    settings: dict[str, Any] = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text("utf-8"))
    hurry = ("scrape_interval", "scrape_timeout", "evaluation_interval")
    settings["global"] |= dict.fromkeys(hurry, "1s")
    settings["rule_files"] = [str(PROMETHEUS / name) for name in settings["rule_files"]]
    for job in settings["scrape_configs"]:
        del job["dns_sd_configs"]
        job["file_sd_configs"] = [{"files": [str(folder / f"{job['job_name']}.json")]}]
    return settings


def _write_targets(stage: FaultStage, folder: Path) -> None:
    """The services that there are, as their names would be resolved."""
    for name, group in (("projector", stage.projectors), ("navigator", stage.navigators)):
        found = [{"targets": [f"{LOOPBACK}:{running.port}" for running in group]}]
        file = folder / f"stratoscope-{name}.json"
        text = json.dumps(found)
        if not file.exists() or file.read_text() != text:
            new = file.with_suffix(".new")
            new.write_text(text)
            new.rename(file)


async def _is_scraped(prometheus: Prometheus) -> bool:
    try:
        found = await prometheus.ask("query", query="count(count by (job) (up == 1)) == 2")
        pending = (await prometheus.ask("alerts"))["alerts"]
    except OSError:
        return False
    return bool(found["result"]) and not any("Absent" in str(one) for one in pending)


async def _listen(stage: FaultStage, folder: Path, prometheus: Prometheus, row: FaultRow) -> None:
    while True:
        _write_targets(stage, folder)
        try:
            found = (await prometheus.ask("alerts"))["alerts"]
        except OSError:
            found = []
        for one in found:
            name = one["labels"]["alertname"]
            if name not in EXPECTED:
                row.alerts[f"{name.removeprefix('Stratoscope')} {one['state']}"] = None
        await asyncio.sleep(0.5)
