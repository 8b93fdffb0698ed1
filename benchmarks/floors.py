"""What a benchmark is held to: figures of one run beside each other, and whether each floor holds.

Absolute figures say more about the machine than about the program, so floors are ratios wherever
two figures can be had in one run.
"""

import sys
from dataclasses import dataclass, field
from typing import NoReturn


@dataclass(slots=True)
class Floors:
    """Every floor that was looked at, in order."""

    failed: list[str] = field(default_factory=list)

    def at_most(self, said: str, value: float, bound: float, unit: str = "") -> None:
        """A figure that must not be larger than its bound."""
        self._said(said, value, f"at most {_figure(bound)}{unit}", value <= bound, unit)

    def at_least(self, said: str, value: float, bound: float, unit: str = "") -> None:
        """A figure that must not be smaller than its bound."""
        self._said(said, value, f"at least {_figure(bound)}{unit}", value >= bound, unit)

    def skipped(self, said: str, reason: str) -> None:
        """A floor that can't be looked at; it neither holds nor fails."""
        print(f"  SKIP  {said}: {reason}", flush=True)

    def end(self) -> NoReturn:
        """Leave with 1 where a floor failed."""
        if self.failed:
            print(f"\n{len(self.failed)} failed: {'; '.join(self.failed)}")
        sys.exit(1 if self.failed else 0)

    def _said(self, said: str, value: float, bound: str, holds: bool, unit: str) -> None:
        verdict = "ok  " if holds else "FAIL"
        print(f"  {verdict}  {said}: {_figure(value)}{unit} (floor: {bound})", flush=True)
        if not holds:
            self.failed.append(said)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"
