"""The life of a session, as a table: what may be done to it in which state, and what it is then.

    created ──start──▶ active ⇄ pause, resume ⇄ paused ──complete──▶ completed

A session that has outlived its `max_session_duration` is completed, whoever looks at it next.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

from stratoscope_contracts.errors import ConcurrentAccess
from stratoscope_contracts.sessions import SessionState

Action = Literal["start", "pause", "resume", "complete", "move"]

TRANSITIONS: Final[Mapping[tuple[SessionState, Action], SessionState]] = {
    ("created", "start"): "active",
    ("active", "pause"): "paused",
    ("paused", "resume"): "active",
    ("active", "complete"): "completed",
    ("paused", "complete"): "completed",
    ("active", "move"): "active",
    ("paused", "move"): "paused",
}
_ENDED: Final = frozenset[SessionState]({"completed", "error"})


def after(state: SessionState, action: Action) -> SessionState:
    """The state that an action leads to. Raises ConcurrentAccess where it may not be taken."""
    found = TRANSITIONS.get((state, action))
    if found is None:
        raise ConcurrentAccess(f"a session that is {state} can't {action}", {"state": state})
    return found


def state_at(
    state: SessionState, created_at: datetime, max_seconds: float, now: datetime
) -> SessionState:
    """The state that a session is in by now."""
    over = (now - created_at).total_seconds() > max_seconds
    return "completed" if over and state not in _ENDED else state


def check_version(state: SessionState, version: int, if_version: int | None) -> None:
    """Raises ConcurrentAccess where a request was made for another version."""
    if if_version is not None and if_version != version:
        raise ConcurrentAccess(
            "the session was changed meanwhile", {"state": state, "version": version}
        )
