"""What may be done to a session in which state."""

from datetime import UTC, datetime, timedelta

import pytest

from stratoscope.domain.sessions import OPEN, TRANSITIONS, after, check_version, ends_at, state_at
from stratoscope_contracts.errors import ConcurrentAccess

NOW = datetime(2026, 11, 23, tzinfo=UTC)
STATES = ("created", "active", "paused", "completed", "error")
ACTIONS = ("start", "pause", "resume", "complete", "move", "mark", "remove")
REASON = "its max_session_duration was over at 2026-11-23T00:00:00.000000Z"


def test_every_step_of_the_life_cycle():
    assert after("created", "start") == "active"
    assert after("active", "pause") == "paused"
    assert after("paused", "resume") == "active"
    assert after("paused", "complete") == after("active", "complete") == "completed"
    assert (after("active", "move"), after("paused", "move")) == ("active", "paused")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("action", ACTIONS)
def test_all_else_is_refused_with_the_state(state, action):
    if (state, action) in TRANSITIONS:
        return
    with pytest.raises(ConcurrentAccess) as refused:
        after(state, action)
    assert refused.value.details == {"state": state}


def test_a_session_in_error_can_only_be_completed():
    assert {action for state, action in TRANSITIONS if state == "error"} == {"complete"}
    with pytest.raises(ConcurrentAccess, match="max_session_duration") as refused:
        after("error", "move", REASON)
    assert refused.value.details == {"state": "error", "reason": REASON}


@pytest.mark.parametrize("state", STATES)
def test_an_open_session_past_its_time_is_an_error_that_says_why(state):
    assert state_at(state, NOW, NOW) == (state, None)
    told = ("error", REASON) if state in OPEN else (state, None)
    assert state_at(state, NOW, NOW + timedelta(microseconds=1)) == told


def test_a_session_of_any_duration_has_an_end():
    assert ends_at(NOW, 60) == NOW + timedelta(seconds=60)
    assert ends_at(NOW, 1e300) == datetime.max.replace(tzinfo=UTC)


def test_a_request_for_another_version_is_refused():
    check_version("active", 3, None)
    check_version("active", 3, 3)
    with pytest.raises(ConcurrentAccess) as refused:
        check_version("active", 3, 2)
    assert refused.value.details == {"state": "active", "version": 3}
    with pytest.raises(ConcurrentAccess) as refused:
        check_version("error", 3, 2, REASON)
    assert refused.value.details == {"state": "error", "reason": REASON, "version": 3}
