"""What a check comes to, and how checks are told apart from each other's failures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail", "skip"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was looked at, how it is, and what to do where that is not well.

    `skip` is what can't be known from here.
    """

    name: str
    status: Status
    message: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All checks, in the order in which they depend on each other."""

    checks: Sequence[Check]

    @property
    def is_healthy(self) -> bool:
        """Whether nothing fails; warnings do not count."""
        return all(one.status != "fail" for one in self.checks)


def graded(name: str, value: float, warn: float, fail: float, message: str, advice: str) -> Check:
    """A check of a number that should be low."""
    if value >= fail:
        return Check(name, "fail", message, advice)
    if value >= warn:
        return Check(name, "warn", message, advice)
    return Check(name, "ok", message)
