"""One injection of a fault, and what it looks at while the fault lasts."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from nats.errors import Error as NatsError

from support.eventually import eventually
from support.fault_driver import FaultDriver
from support.fault_matrix import FaultRow, recover
from support.fault_stage import FaultStage

# Seconds: what recovers in how long.
SERVICE: Final = 5.0
SERVER: Final = 15.0
SILENCE: Final = 30.0


@dataclass
class Injection:
    """One injection of a fault: where, by which draw, and what is written down."""

    stage: FaultStage
    driver: FaultDriver
    random: Random
    row: FaultRow
    # Whether there is the time to ask the doctor.
    thorough: bool
    within: float

    def now(self) -> float:
        """The loop's clock."""
        return asyncio.get_running_loop().time()

    async def epochs(self, table: str) -> int:
        """The sum of the epochs of leases: it grows where one is taken over."""
        rows = await self.stage.projecting.fetch(f"select sum(epoch) from {table}")
        return int(rows[0][0])

    async def queries_go_on(self) -> None:
        """Queries that wait for nothing are answered."""
        for space in ("default", "other"):
            async with asyncio.timeout(15):
                while True:
                    try:
                        reply = await self.driver.ask(space, "agents.list")
                    except NatsError:
                        continue
                    if "agents" in reply:
                        break
                    await asyncio.sleep(0.1)
        self.row.went_on["queries answered"] = None

    async def recording_goes_on(self) -> None:
        """Records are acknowledged."""
        recording = self.driver.recording
        acknowledged = recording.acknowledged

        async def are_acknowledged() -> bool:
            return recording.acknowledged >= acknowledged + 5

        await eventually(are_acknowledged, within=10)
        self.row.went_on["records acknowledged"] = None

    async def examine(self) -> None:
        """Ask the doctor while the fault lasts."""
        if self.thorough:
            self.row.doctor |= dict.fromkeys(await self.stage.examine())

    async def recover(self, since: float) -> None:
        """Write down how long it took until lag was 0."""
        self.row.recoveries.append(await recover(self.driver, since, self.within))


@dataclass(frozen=True)
class Fault:
    """A fault, with what it needs and within how many seconds lag is 0 again."""

    name: str
    promised: float
    inject: Callable[[Injection], Awaitable[None]] = field(repr=False)
    projectors: int = 1
    navigators: int = 1
    # How often a soak draws it.
    weight: int = 1
