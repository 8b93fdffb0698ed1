"""What a space keeps with its sessions is limited, and what is over it names the limit."""

from dataclasses import replace
from typing import Any

import pytest

from stratoscope.store.quotas import SpaceQuota
from stratoscope_contracts.errors import OverBudget

KEPT = "select kept_bytes from strato.session where id = $1"


def limited(ask: Any, **limits: int) -> None:
    ask.dispatch = replace(ask.dispatch, quota=SpaceQuota(**limits))


async def created(ask: Any) -> str:
    made = await ask("session.create", agent="walker")
    return str(made["session"]["id"])


async def test_a_space_has_at_most_so_many_sessions(ask: Any) -> None:
    limited(ask, sessions=2)
    first = await created(ask)
    await created(ask)
    with pytest.raises(OverBudget, match="at most 2 sessions") as refused:
        await created(ask)
    assert refused.value.details == {"limit": "sessions", "most": 2, "have": 2}
    # A completed one is stored as well, until it is removed.
    await ask("session.start", id=first)
    await ask("session.complete", id=first)
    with pytest.raises(OverBudget):
        await created(ask)
    await ask("session.remove", id=first)
    await created(ask)


async def test_values_and_notes_of_a_space_are_limited_together(ask: Any) -> None:
    limited(ask, session_bytes=100)
    one, other = await created(ask), await created(ask)
    await ask("session.start", id=one)
    await ask("session.data.set", id=one, key="a", value="x" * 48)
    await ask("session.mark", id=one, name="m", note="y" * 40)
    with pytest.raises(OverBudget, match="at most 100 bytes") as refused:
        await ask("session.data.set", id=other, key="a", value="x" * 9)
    assert refused.value.details == {"limit": "session_bytes", "most": 100, "have": 90}
    assert not (await ask("session.data.get", id=other, key="a"))["exists"]
    with pytest.raises(OverBudget):
        await ask("session.mark", id=one, name="m", note="y" * 51)
    await ask("session.data.set", id=other, key="a", value="x" * 8)
    # What is there may be replaced by as much, or less, even over a limit that was lowered.
    limited(ask, session_bytes=50)
    await ask("session.data.set", id=one, key="a", value="z" * 48)
    await ask("session.data.set", id=one, key="a", value=None)
    await ask("session.unmark", id=one, name="m")
    assert await ask.recorded.pool.fetchval(KEPT, one) == len("null")
    assert await ask.recorded.pool.fetchval(KEPT, other) == 10
