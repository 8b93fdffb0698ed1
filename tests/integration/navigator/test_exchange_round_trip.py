"""What was exported, imported and exported again is what it was, but for ids and places."""

import random
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from stratoscope.domain.exchange.damage import Damaged
from stratoscope.domain.exchange.mapping import imported_id
from stratoscope.navigator.exchange.settling import check_kept
from stratoscope.navigator.reading import Reading
from stratoscope.store.quotas import SpaceQuota
from stratoscope_contracts.errors import NavigationOutOfBounds
from stratoscope_contracts.exchange import ORIGIN_KEY
from stratoscope_contracts.words import HEADER_TRACEPARENT, MAX_METADATA_BYTES
from support.exchanging import anonymous, deliver, exported, imported, looked_through, members
from support.recorded import after, an_id, event, snapshot

Json = dict[str, Any]
TYPES = ["state_change", "error_occurred", "my.own"]
HISTORIES = 10


@pytest.fixture
async def reading(ask) -> AsyncIterator[Reading]:
    dispatch = ask.dispatch
    async with dispatch.reading("default") as found:
        yield found


def history(drawn: random.Random) -> list[tuple[list[Json], str | None]]:
    """Messages of an agent: patches, causes of all sorts, clocks that go anywhere."""
    ids = [an_id() for _ in range(drawn.randint(0, 40))]
    state: Json = {}
    messages: list[tuple[list[Json], str | None]] = []
    while ids:
        records = []
        for id_ in [ids.pop() for _ in range(min(len(ids), drawn.randint(1, 6)))]:
            known = [one["id"] for message, _ in messages for one in message]
            others = [*known[-5:], *ids[:2], an_id()]
            moment = drawn.choice([None, drawn.randint(-9, 9), drawn.choice([10**6, -(10**6)])])
            fields: Json = {"id": id_, "metadata": drawn.choice([{}, {"m": [1.0, None]}])}
            if drawn.random() < 0.25:
                state = {"n": drawn.randint(0, 9), "text": "ä\n" * drawn.randint(0, 3)}
                fields |= drawn.choice([{}, {"label": "x", "memory_usage": 2**40}])
                records.append(snapshot(state, at=moment, **fields))
                continue
            if drawn.random() < 0.5:
                state = state | {"n": drawn.randint(0, 9)}
                fields["patch"] = [{"op": "add", "path": "/n", "value": state["n"]}]
            fields["causes"] = drawn.sample(others, drawn.randint(0, 2))
            if drawn.random() < 0.1:
                gap = {"records": 2, "first_at": "2026-01-01T00:00:00.000000Z"}
                fields["gap"] = gap | {"last_at": "2026-01-01T00:00:01.000000Z"}
            data = {"big": 2**64 - 1, "float": 1.0, "none": None, "deep": [[{}]]}
            records.append(event(drawn.choice(TYPES), at=moment, data=data, **fields))
        messages.append((records, drawn.choice([None, "00-trace-1", "00-trace-2"])))
    return messages


async def session_on(ask, agent: str, drawn: random.Random) -> str:
    """A session that has been about."""
    created = await ask(
        "session.create",
        agent=agent,
        name="a name",
        description="text",
        tags=["x", "y"],
        config={"max_navigation_history": 3, "auto_breakpoints": False},
    )
    id_ = created["session"]["id"]
    await ask("session.start", id=id_)
    last = created["session"]["position"]["event_index"]
    for _ in range(drawn.randint(0, 6)):
        if last >= 0:
            await ask("session.goto", id=id_, at={"event_index": drawn.randint(-1, last)})
        if drawn.random() < 0.5:
            await ask("session.mark", id=id_, name=f"m{drawn.randint(0, 3)}", note="n")
    with suppress(NavigationOutOfBounds):
        await ask("session.back", id=id_)
    await ask("session.data.set", id=id_, key="k", value={"v": [1.0, None]})
    return id_


async def test_a_second_generation_equals_the_first(ask, recorded, reading):
    for seed in range(HISTORIES):
        drawn = random.Random(seed)
        agent = f"agent-{seed}"
        for records, trace in history(drawn):
            headers = {HEADER_TRACEPARENT: trace} if trace else None
            await deliver(recorded, agent, orjson.dumps({"records": records}), headers)
        if seed:
            session_id = await session_on(ask, agent, drawn)
        else:
            # Of an agent that is not there yet.
            session_id = (await ask("session.create", agent="nobody"))["session"]["id"]
        form = drawn.choice(["json", "binary", "archive"])
        first = await exported(reading, session_id, form)
        new = await imported(reading, recorded, first, f"{agent}-copy")
        second = await exported(reading, str(new.session_id))
        assert anonymous(second) == anonymous(first), seed
        _check_records(members(first), members(second), new.id)
        third = await imported(reading, recorded, second, f"{agent}-copy-of-copy")
        last = await exported(reading, str(third.session_id), "binary")
        assert anonymous(last) == anonymous(first), seed
        origins = [one["metadata"][ORIGIN_KEY] for one in members(last).get("records", [])]
        assert origins == [
            one["metadata"][ORIGIN_KEY] for one in members(second).get("records", [])
        ]


def _check_records(first, second, import_id) -> None:
    for old, new in zip(first.get("records", []), second.get("records", []), strict=True):
        assert new["id"] == str(imported_id(import_id, old["id"]))
        assert new["metadata"][ORIGIN_KEY] == {"id": old["id"], "recorded_at": old["recorded_at"]}


async def test_breakpoints_come_along_but_for_what_sessions_set_by_themselves(
    ask, recorded, reading
):
    await recorded.add("walker", event(), event("error_occurred"))
    session = (await ask("session.create", agent="walker"))["session"]["id"]
    await ask("session.start", id=session)
    condition = {"kind": "expression", "source": "state.n > 1"}
    always = {"kind": "on_event_type", "type": "my.own"}
    own = await ask(
        "breakpoint.create",
        agent="*",
        condition=condition,
        session=session,
        hit={"every": 2},
        metadata={"m": 1},
        action="log",
        message="at {event.type}",
    )
    await ask("breakpoint.create", agent="walker", condition=always)
    await ask("breakpoint.disable", id=own["breakpoint"]["id"])
    await ask("breakpoint.create", agent="*", condition=always)
    await ask("breakpoint.create", agent="other", condition=always)
    data = await exported(reading, session)
    new = await imported(reading, recorded, data, "copy")
    kept = (await ask("breakpoint.list", agent="copy"))["breakpoints"]
    of_session = [one for one in kept if one["session"]]
    assert [one["session"] for one in of_session] == [str(new.session_id)]
    (copied,) = of_session
    same = ("condition", "hit", "message", "metadata", "action", "trigger")
    assert {name: copied[name] for name in same} == {name: own["breakpoint"][name] for name in same}
    assert copied["is_enabled"] is False
    assert copied["agent"] == "copy"
    assert [(one["agent"], one["is_enabled"]) for one in kept if not one["session"]] == [
        ("copy", True)
    ]


async def test_a_record_without_room_for_its_origin_is_counted(ask, recorded, reading):
    full = event(metadata={"m": "x" * (MAX_METADATA_BYTES - 20)})
    await recorded.add("walker", full, event())
    session = (await ask("session.create", agent="walker"))["session"]["id"]
    new = await imported(reading, recorded, await exported(reading, session), "copy")
    assert new.without_origin == 1
    records = members(await exported(reading, str(new.session_id)))["records"]
    assert records[0]["metadata"] == full["metadata"]
    assert ORIGIN_KEY in records[1]["metadata"]


@pytest.mark.parametrize("patched", [True, False])
async def test_where_the_beginning_was_dropped_the_state_there_is_the_first_record(
    ask, recorded, reading, patched
):
    patch = [{"op": "add", "path": "/n", "value": 5}] if patched else []
    await recorded.add(
        "walker", event(), snapshot({"n": 1}), event(), event(data={"here": 1}, patch=patch)
    )
    await recorded.add("walker", snapshot({"n": 6}, label="later"), event())
    session = (await ask("session.create", agent="walker"))["session"]["id"]
    await recorded.pool.execute(
        "update agent set first_position = 2, first_version = 0, first_shown = $1,"
        " horizon_seq = 1, horizon_clock = $2, horizon_recorded_at = $2, dropped_snapshots = 1",
        2 if patched else 1,
        after(1),
    )
    data = await exported(reading, session)
    found = members(data)
    base, *rest = found["records"]
    assert found["head"][0]["horizon"]["event_index"] == 2
    assert found["head"][0]["first_event_index"] == (3 if patched else 2)
    assert (base["base"], base["state"], base.get("id")) == (True, {"n": 5 if patched else 1}, None)
    kinds = ["snapshot", "event"] if patched else ["event", "snapshot", "event"]
    assert [one["kind"] for one in rest] == kinds
    new = await imported(reading, recorded, data, "copy")
    copied = members(await exported(reading, str(new.session_id)))["records"]
    assert copied[0]["metadata"][ORIGIN_KEY]["id"] is None
    assert copied[0]["state"] == base["state"]
    assert copied[0]["label"] == "what was kept begins here"


async def test_a_record_too_large_for_a_message_is_found_before(ask, recorded, reading):
    drawn = random.Random(1)
    noise = "".join(chr(drawn.randint(33, 126)) for _ in range(1 << 20))
    await recorded.add("walker", event(data={"x": noise.replace("\\", "/")}))
    session = (await ask("session.create", agent="walker"))["session"]["id"]
    data = await exported(reading, session, "binary")
    assert looked_through(data).events == 1
    with pytest.raises(ValueError, match="too large for a message"):
        looked_through(data, limit=200_000)


async def test_times_stay_late_or_early(ask, recorded, reading):
    early = after(1) + timedelta(days=400)
    await recorded.add(
        "walker", event(at=5), event(at=1), {**event(), "occurred_at": early.isoformat()}
    )
    session = (await ask("session.create", agent="walker"))["session"]["id"]
    await imported(reading, recorded, await exported(reading, session), "copy")
    for agent in ("walker", "copy"):
        found = (await ask("events.list", agent=agent))["events"]
        assert [one["late"] for one in found] == [False, True, False]
        assert found[2]["clamped"]


async def test_breakpoints_of_an_import_fit_what_its_space_may_have(ask, recorded, reading):
    await recorded.add("walker", event())
    session = (await ask("session.create", agent="walker"))["session"]["id"]
    condition = {"kind": "on_event_type", "type": "my.own"}
    await ask("breakpoint.create", agent="walker", condition=condition)
    survey = looked_through(await exported(reading, session))
    await check_kept(replace(reading, quota=SpaceQuota(breakpoint_bytes=700)), survey)
    with pytest.raises(Damaged, match="500 bytes") as refused:
        await check_kept(replace(reading, quota=SpaceQuota(breakpoint_bytes=500)), survey)
    assert refused.value.where == "breakpoints"
