"""What may be done to a session in which state."""

from datetime import UTC, datetime, timedelta

import pytest

from stratoscope.domain.sessions import TRANSITIONS, after, check_version, state_at
from stratoscope_contracts.errors import ConcurrentAccess

NOW = datetime(2026, 11, 23, tzinfo=UTC)
STATES = ("created", "active", "paused", "completed", "error")
ACTIONS = ("start", "pause", "resume", "complete", "move")


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


@pytest.mark.parametrize("state", STATES)
def test_a_session_past_its_time_is_completed_unless_it_ended_before(state):
    assert state_at(state, NOW, 60, NOW + timedelta(seconds=60)) == state
    ended = "error" if state == "error" else "completed"
    assert state_at(state, NOW, 60, NOW + timedelta(seconds=61)) == ended


def test_a_request_for_another_version_is_refused():
    check_version("active", 3, None)
    check_version("active", 3, 3)
    with pytest.raises(ConcurrentAccess) as refused:
        check_version("active", 3, 2)
    assert refused.value.details == {"state": "active", "version": 3}
