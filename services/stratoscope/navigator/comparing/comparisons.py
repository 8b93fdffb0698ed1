"""Where a comparison is made: short ones here, all others in a process that can be killed."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

import structlog

from stratoscope.domain.delta import DamagedChain
from stratoscope.navigator.comparing import frames
from stratoscope.navigator.comparing.jobs import perform
from stratoscope.navigator.shares import Share
from stratoscope.navigator.workers import Worker, WorkerLost, Workers
from stratoscope_contracts.errors import ComparisonFailed, OverBudget

# A reply is to come within five seconds, which is what a client waits by default.
BUDGET_SECONDS: Final = 4.5
# Up to so many bytes a plain comparison takes a few milliseconds.
SHORT_BYTES: Final = 256 * 1024
_PROGRAM: Final = ("-m", "stratoscope.navigator.comparing.worker")
log = structlog.get_logger(__name__)


def _deadline() -> float:
    return monotonic() + BUDGET_SECONDS


@dataclass(frozen=True, slots=True)
class Budget:
    """What time is left to a request."""

    deadline: float = field(default_factory=_deadline)

    @property
    def left(self) -> float:
        """Seconds; none are less than none."""
        return max(0.0, self.deadline - monotonic())


class Comparisons(Workers):
    """Makes comparisons, a few at a time where they are long."""

    def __init__(self, workers: int = 2, share: Share | None = None) -> None:
        super().__init__(_PROGRAM, workers, share)

    async def make(
        self,
        job: str,
        told: dict[str, Any],
        states: Sequence[bytes],
        budget: Budget,
        *,
        work: int,
    ) -> bytes:
        """Do a job; `work` is how many bytes of states a plain comparison as long would have.

        Raises OverBudget, ComparisonFailed and DamagedChain.
        """
        if work <= SHORT_BYTES:
            return perform(job, told, states)
        try:
            async with asyncio.timeout(budget.left), self.one() as worker:
                answer = await _answer(worker, frames.asked(job, told, states))
        except TimeoutError as error:
            raise too_long() from error
        except WorkerLost as error:
            raise ComparisonFailed("the comparison took more memory than it may") from error
        return _result(answer)


def too_long() -> OverBudget:
    """The error for what did not end in time."""
    return OverBudget(
        f"the comparison was stopped after {BUDGET_SECONDS:g} s: compare less of the states with"
        " include_paths or exclude_paths, or keep the order of lists",
        {"seconds": BUDGET_SECONDS},
    )


async def _answer(worker: Worker, frame: bytes) -> bytes:
    async with aclosing(worker.answers(frame)) as answers:
        return await anext(answers)


def _result(answer: bytes) -> bytes:
    if answer.startswith(frames.DONE):
        return answer[1:]
    word, _, said = answer[1:].partition(b" ")
    match word:
        case frames.TOO_MUCH:
            raise too_long()
        case frames.DAMAGED:
            raise DamagedChain("a state could not be rebuilt")
        case _:
            log.error("a comparison broke", said=said.decode(errors="replace"))
            raise ComparisonFailed("these states could not be compared")
