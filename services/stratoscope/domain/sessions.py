"""The life of a session, as a table: what may be done to it in which state, and what it is then.

    created ──start──▶ active ⇄ pause, resume ⇄ paused ──complete──▶ completed ──remove──▶

A session that is still open when its `max_session_duration` is over is an error from that moment
on, whether somebody looks at it or not. It can be completed, and so removed, but nothing else.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from stratoscope_contracts.errors import ConcurrentAccess
from stratoscope_contracts.sessions import SessionState
from stratoscope_contracts.words import MIB, render_time

# Custom data of a session: how many values, and the bytes of each as JSON.
MAX_VALUES: Final = 1_000
MAX_VALUE_BYTES: Final = MIB

Action = Literal["start", "pause", "resume", "complete", "move", "mark", "remove"]

TRANSITIONS: Final[Mapping[tuple[SessionState, Action], SessionState]] = {
    ("created", "start"): "active",
    ("active", "pause"): "paused",
    ("paused", "resume"): "active",
    ("active", "complete"): "completed",
    ("paused", "complete"): "completed",
    ("error", "complete"): "completed",
    ("active", "move"): "active",
    ("paused", "move"): "paused",
    ("created", "mark"): "created",
    ("active", "mark"): "active",
    ("paused", "mark"): "paused",
    ("completed", "remove"): "completed",
}
OPEN: Final = frozenset[SessionState]({"created", "active", "paused"})
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


def after(state: SessionState, action: Action, reason: str | None = None) -> SessionState:
    """The state that an action leads to. Raises ConcurrentAccess where it may not be taken."""
    found = TRANSITIONS.get((state, action))
    if found is None:
        why = f" ({reason})" if reason else ""
        raise ConcurrentAccess(
            f"a session that is {state}{why} can't {action}", _details(state, reason)
        )
    return found


def ends_at(created_at: datetime, max_seconds: float) -> datetime:
    """When a session ends by itself; the end of time where it would be later."""
    try:
        return created_at + timedelta(seconds=max_seconds)
    except OverflowError:
        return _NEVER


def state_at(
    state: SessionState, ends_at: datetime, now: datetime
) -> tuple[SessionState, str | None]:
    """The state that a session is in by now, and for what reason if it is an error."""
    if state in OPEN and now > ends_at:
        return "error", f"its max_session_duration was over at {render_time(ends_at)}"
    return state, None


def check_version(
    state: SessionState, version: int, if_version: int | None, reason: str | None = None
) -> None:
    """Raises ConcurrentAccess where a request was made for another version."""
    if if_version is not None and if_version != version:
        raise ConcurrentAccess(
            "the session was changed meanwhile", _details(state, reason) | {"version": version}
        )


def _details(state: SessionState, reason: str | None) -> dict[str, object]:
    return {"state": state} | ({} if reason is None else {"reason": reason})
