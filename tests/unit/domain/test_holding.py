"""Whether a held agent may go on, decided from who holds it."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.holding import (
    HEARD_WITHIN,
    AtGate,
    Go,
    GoFor,
    Held,
    Hold,
    holders,
    verdict,
)

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
holds = st.lists(
    st.builds(Hold, st.sampled_from("abc"), st.none() | st.integers(1, 20)), max_size=5
)


def test_an_agent_that_nobody_holds_goes_on() -> None:
    assert verdict([], 7) == Go()


def test_a_held_agent_waits_for_all_that_hold_it() -> None:
    assert verdict([Hold("b"), Hold("a"), Hold("b")], 7) == Held(("b", "a"))


def test_a_step_goes_up_to_its_event_and_no_further() -> None:
    stepped = [Hold("a", step_until=10)]
    assert verdict(stepped, 7) == GoFor(3)
    assert verdict(stepped, 9) == GoFor(1)
    assert verdict(stepped, 10) == Held(("a",))


def test_a_hold_that_came_after_a_step_ends_it() -> None:
    assert verdict([Hold("a", step_until=10), Hold("b")], 7) == Held(("a", "b"))


@given(holds, st.integers(0, 25))
def test_nobody_is_let_past_the_nearest_end(found: list[Hold], events: int) -> None:
    said = verdict(found, events)
    if not found:
        assert said == Go()
    elif any(hold.step_until is None or hold.step_until <= events for hold in found):
        assert said == Held(holders(found))
    else:
        assert said == GoFor(min(hold.step_until or 0 for hold in found) - events)


def test_one_that_was_not_heard_for_a_while_does_not_wait() -> None:
    since = NOW - timedelta(minutes=5)
    assert AtGate(NOW - HEARD_WITHIN, since).waits_since(NOW) == since
    assert AtGate(NOW - HEARD_WITHIN - timedelta(seconds=1), since).waits_since(NOW) is None
    assert AtGate(NOW, None).waits_since(NOW) is None
