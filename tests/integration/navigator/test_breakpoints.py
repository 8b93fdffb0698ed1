"""Breakpoints as they are asked for: kept, listed, switched, and gone with their session."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from stratoscope.store import breakpoints as store
from stratoscope_contracts.errors import (
    BadRequest,
    BreakpointNotFound,
    InvalidExpression,
    SessionNotFound,
)
from support.recorded import an_id, event

ERRORS = {"kind": "on_event_type", "type": "error_occurred"}


async def created(ask: Any, agent: str = "walker", **fields: Any) -> dict[str, Any]:
    reply = await ask("breakpoint.create", agent=agent, condition=ERRORS, **fields)
    return reply["breakpoint"]


async def listed(ask: Any, **asked: Any) -> list[str]:
    reply = await ask("breakpoint.list", **asked)
    return [one["id"] for one in reply["breakpoints"]]


async def test_what_was_asked_for_is_kept(ask, recorded):
    await recorded.add("walker", event())
    condition = {
        "kind": "all_of",
        "conditions": [
            ERRORS,
            {"kind": "not", "condition": {"kind": "on_state", "path": "/a~1b", "op": "exists"}},
            {"kind": "expression", "source": "state.health < 10"},
        ],
    }
    asked = {
        "agent": "*",
        "condition": condition,
        "trigger": "level",
        "action": "log",
        "hit": {"every": 3},
        "message": "{event.type}",
        "metadata": {"why": "a \u0000 in JSON", "n": 2**70},
    }
    made = (await ask("breakpoint.create", **asked))["breakpoint"]
    assert made["armed_seq"] == recorded.last_seq
    assert made["is_enabled"]
    assert made["hit_count"] == 0
    assert made == (await ask("breakpoint.get", id=made["id"]))["breakpoint"]
    # An `exists` without a value is the one thing that is spelled out.
    asked["condition"]["conditions"][1]["condition"]["value"] = None
    assert asked == {name: made[name] for name in asked}


async def test_a_list_has_the_newest_first_and_goes_on_where_it_ended(ask):
    made = [(await created(ask, "*" if n % 2 else "walker"))["id"] for n in range(6)]
    assert await listed(ask) == made[::-1]
    assert await listed(ask, agent="*") == made[5::-2]
    assert await listed(ask, agent="nobody") == []
    first = await ask("breakpoint.list", limit=4)
    assert [one["id"] for one in first["breakpoints"]] == made[:1:-1]
    assert await listed(ask, limit=4, cursor=first["cursor"]) == made[1::-1]
    assert await listed(ask, space="other") == []


async def test_switched_off_and_on_it_is_armed_anew(ask, recorded):
    one = await created(ask)
    assert not (await ask("breakpoint.disable", id=one["id"]))["breakpoint"]["is_enabled"]
    await recorded.add("walker", event())
    again = (await ask("breakpoint.enable", id=one["id"]))["breakpoint"]
    assert again == one | {"armed_seq": 1}
    await recorded.add("walker", event())
    # What is armed already stays as it was.
    assert (await ask("breakpoint.enable", id=one["id"]))["breakpoint"] == again


async def test_what_is_removed_is_gone(ask):
    one = await created(ask)
    assert await ask("breakpoint.remove", id=one["id"]) == {"removed": one["id"]}
    assert await listed(ask) == []
    for verb in ("get", "enable", "disable", "remove"):
        with pytest.raises(BreakpointNotFound):
            await ask(f"breakpoint.{verb}", id=one["id"])


async def test_other_spaces_do_not_see_it(ask):
    one = await created(ask)
    for verb in ("get", "enable", "disable", "remove"):
        with pytest.raises(BreakpointNotFound):
            await ask(f"breakpoint.{verb}", space="other", id=one["id"])
    assert (await ask("breakpoint.get", id=one["id"]))["breakpoint"]["is_enabled"]


@pytest.mark.parametrize(
    ("condition", "field"),
    [
        ({"kind": "on_change", "path": "a[b"}, "condition.path"),
        ({"kind": "on_state", "path": "a..b", "op": "exists"}, "condition.path"),
        (
            {"kind": "any_of", "conditions": [{"kind": "all_of", "conditions": [ERRORS] * 60}] * 2},
            "condition",
        ),
    ],
)
async def test_a_condition_that_is_none_is_refused(ask, condition, field):
    with pytest.raises(BadRequest) as refused:
        await ask("breakpoint.create", agent="walker", condition=condition)
    assert refused.value.details["errors"][0]["field"] == field
    assert await listed(ask) == []


async def test_an_expression_is_compiled_at_once(ask):
    hidden = {"kind": "not", "condition": {"kind": "expression", "source": "state.health <"}}
    with pytest.raises(InvalidExpression):
        await ask("breakpoint.create", agent="walker", condition=hidden)
    assert await listed(ask) == []


async def test_texts_that_can_t_be_kept_are_refused(ask):
    for fields, field in (
        ({"message": "a\0b"}, "message"),
        ({"metadata": {"long": "x" * 20_000}}, "metadata"),
    ):
        with pytest.raises(BadRequest) as refused:
            await created(ask, **fields)
        assert refused.value.details["errors"][0]["field"] == field


async def test_an_agent_has_at_most_so_many(ask, monkeypatch):
    monkeypatch.setattr(store, "MAX_BREAKPOINTS_AN_AGENT", 2)
    made = [await created(ask) for _ in range(2)]
    with pytest.raises(BadRequest) as refused:
        await created(ask)
    assert refused.value.details["errors"][0]["field"] == "agent"
    await created(ask, "another")
    await created(ask, space="other")
    await ask("breakpoint.remove", id=made[0]["id"])
    await created(ask)


async def test_it_belongs_to_a_session_that_is_there(ask):
    with pytest.raises(SessionNotFound):
        await created(ask, session=an_id())
    session = (await ask("session.create", agent="walker"))["session"]
    one = await created(ask, session=session["id"])
    await created(ask)
    assert one["session"] == session["id"]
    assert await listed(ask, session=session["id"]) == [one["id"]]
    assert await listed(ask, session=session["id"], agent="another") == []


async def test_it_ends_with_its_session(ask):
    config = {"max_session_duration": 60}
    session = (await ask("session.create", agent="walker", config=config))["session"]
    one = await created(ask, session=session["id"])
    endless = await ask("session.create", agent="w", config={"max_session_duration": 1e300})
    await created(ask, session=endless["session"]["id"])
    ask.dispatch = replace(
        ask.dispatch, now=lambda now=ask.dispatch.now: now() + timedelta(seconds=61)
    )
    found = (await ask("breakpoint.get", id=one["id"]))["breakpoint"]
    assert not found["is_enabled"]
    assert found["disabled_reason"] == "its session has ended"
    with pytest.raises(BadRequest):
        await ask("breakpoint.enable", id=one["id"])
    with pytest.raises(BadRequest):
        await created(ask, session=session["id"])
