"""When a child that died is started again."""

from stratoscope.embedded.supervisor import (
    FIRST_DELAY,
    LONGEST_DELAY,
    SETTLED_SECONDS,
    next_delay,
)


def test_the_first_death_is_answered_at_once_or_nearly() -> None:
    assert next_delay(None, lived=0) == FIRST_DELAY


def test_a_child_that_keeps_dying_is_tried_less_and_less_often() -> None:
    delay = next_delay(None, lived=0)
    delays = [delay := next_delay(delay, lived=1) for _ in range(10)]
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST_DELAY


def test_a_child_that_has_lived_a_while_starts_afresh() -> None:
    assert next_delay(LONGEST_DELAY, lived=SETTLED_SECONDS) == FIRST_DELAY
