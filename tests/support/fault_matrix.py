"""The rows of the fault matrix: what was injected, what was said meanwhile, and what came of it."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import SystemRandom
from typing import Final

import orjson

from stratoscope.broker.ending import end_tasks
from support.eventually import eventually
from support.fault_driver import FaultDriver, Losses
from support.fault_stage import FaultStage
from support.service import ServiceProcess

SEED: Final = os.environ.get("STRATO_FAULT_SEED") or str(SystemRandom().randrange(10_000))
_LAG: Final = {
    "projector": "strato_projector_lag_messages{",
    "navigator": "strato_navigator_partitions_watched",
}
_HEADER: Final = (
    "| fault | rounds | seconds to lag 0: median, worst (promised) | went on meanwhile "
    "| `/readyz` meanwhile | metrics | alerts | `doctor` | lost / doubled / reordered "
    "| hits missing / doubled | early answers |"
)


@dataclass
class FaultRow:
    """One fault, injected several times."""

    name: str
    promised: float
    recoveries: list[float] = field(default_factory=list)
    went_on: dict[str, None] = field(default_factory=dict)
    readiness: dict[str, None] = field(default_factory=dict)
    metrics: dict[str, None] = field(default_factory=dict)
    doctor: dict[str, None] = field(default_factory=dict)
    # By name and state, as in `Blind pending`.
    alerts: dict[str, None] = field(default_factory=dict)
    losses: Losses | None = None

    def line(self) -> str:
        """As a line of a table."""
        times = sorted(self.recoveries)
        took = f"{times[len(times) // 2]:.1f}, {times[-1]:.1f}" if times else "not measured"
        found = self.losses
        counts = ("not checked",) * 3
        if found is not None and found.checked:
            counts = (
                f"{found.lost} / {found.doubled} / {found.reordered}",
                f"{found.hits_missing} / {found.hits_doubled}",
                str(found.early),
            )
        cells = (
            self.name,
            str(len(times)),
            f"{took} ({self.promised:.0f})",
            *map(_told, (self.went_on, self.readiness, self.metrics, self.alerts, self.doctor)),
            *counts,
        )
        return f"| {' | '.join(cells)} |"


def _told(found: dict[str, None]) -> str:
    return "; ".join(found) or "-"


class FaultMatrix:
    """All rows of a run of tests."""

    def __init__(self) -> None:
        self._rows: dict[str, FaultRow] = {}

    def row(self, name: str, promised: float) -> FaultRow:
        """The row of a fault."""
        return self._rows.setdefault(name, FaultRow(name, promised))

    def lines(self) -> list[str]:
        """The matrix as a table."""
        if not self._rows:
            return []
        rule = "|" + "---|" * (_HEADER.count("|") - 1)
        return [
            f"seed {SEED}, load average {os.getloadavg()[1]:.1f}",
            "",
            _HEADER,
            rule,
            *(row.line() for row in self._rows.values()),
        ]


MATRIX: Final = FaultMatrix()


@asynccontextmanager
async def heard(stage: FaultStage, row: FaultRow) -> AsyncIterator[None]:
    """Write down in a row what the services say of themselves while the block runs."""
    listening = asyncio.create_task(_listen(stage, row))
    try:
        yield
    finally:
        await end_tasks([listening])


async def _listen(stage: FaultStage, row: FaultRow) -> None:
    while True:
        for name, group in (("projector", stage.projectors), ("navigator", stage.navigators)):
            for running in [*group]:
                await _ask(name, running, row)
        await asyncio.sleep(0.2)


async def _ask(name: str, running: ServiceProcess, row: FaultRow) -> None:
    try:
        async with asyncio.timeout(1):
            status, body = await running.get("/readyz")
            if status == 503:
                row.readiness |= dict.fromkeys(f"{name}: {one}" for one in _reasons(body))
                page = (await running.get("/metrics"))[1]
                if not any(line.startswith(_LAG[name]) for line in page.splitlines()):
                    row.metrics[f"{_LAG[name].strip('{')} absent"] = None
            elif status == 0:
                row.readiness[f"{name}: refuses connections"] = None
    except (TimeoutError, OSError):
        row.readiness[f"{name}: no answer"] = None


def _reasons(body: str) -> list[str]:
    found = orjson.loads(body)
    reasons: dict[str, str] = found.get("reasons", {})
    checks = [key for key, value in found["checks"].items() if value is False]
    # Addresses and numbers differ from round to round.
    return [
        f"`{check}`" + (f" ({_brief(reasons[check])})" if check in reasons else "")
        for check in checks
    ]


def _brief(reason: str) -> str:
    return re.sub(r"\d+", "N", reason.replace("|", "/"))[:70]


async def recover(driver: FaultDriver, since: float, within: float) -> float:
    """Wait until lag is 0: new records are projected, answered and watched; seconds `since` then.

    TimeoutError names what did not come back.
    """
    loop = asyncio.get_running_loop()
    recording, answers = driver.recording, driver.answers
    acknowledged = recording.acknowledged
    stage = "recorded"
    try:
        async with asyncio.timeout_at(max(since, loop.time()) + within):
            while recording.acknowledged < acknowledged + 3:  # noqa: ASYNC110 - of other tasks
                await asyncio.sleep(0.01)
            seen, stage = recording.last_seq, "projected"
            await eventually(lambda: driver.has_passed(seen), within=within)
            stage = "watched"
            await eventually(lambda: driver.has_watched(seen), within=within)
            stage = "answered"
            while driver.answers < answers + 2:  # noqa: ASYNC110 - of other tasks
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise TimeoutError(f"nothing was {stage} within {within} s") from None
    return loop.time() - since
