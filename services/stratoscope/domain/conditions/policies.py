"""Which hits of a breakpoint count: after the first n, every n-th, or the first only."""

from typing import assert_never

from stratoscope_contracts.breakpoints import HitAfter, HitEvery, HitOnce, HitRule


def counts(rule: HitRule | None, earlier: int) -> bool:
    """Whether the next hit of an agent counts, once `earlier` ones have been there."""
    match rule:
        case None:
            return True
        case HitAfter(after=after):
            return earlier >= after
        case HitEvery(every=every):
            return earlier % every == every - 1
        case HitOnce():
            return earlier == 0
        case _:
            assert_never(rule)


def is_over(rule: HitRule | None, earlier: int) -> bool:
    """Whether no hit of an agent can count any more."""
    return isinstance(rule, HitOnce) and earlier > 0
