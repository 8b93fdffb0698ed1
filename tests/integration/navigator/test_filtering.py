"""Events that a condition picks: what it sees, how pages go on, where a budget ends."""

import asyncio
from itertools import chain

import pytest

from stratoscope.domain.shares import ShareLimits
from stratoscope.navigator import filtering
from stratoscope.navigator.shares import Share
from stratoscope_contracts.errors import BadRequest, InvalidExpression, OverBudget
from support.recorded import after, event, snapshot


@pytest.fixture
async def thousand(recorded):
    """Event n has data.n = n; it sets state.n by a patch where n is even, a snapshot after 10."""
    records = []
    for n in range(1000):
        patch = [{"op": "add", "path": "/n", "value": n}] if n % 2 == 0 else []
        kind = "error_occurred" if n % 100 == 0 else "action_execution"
        records.append(event(kind, at=n, data={"n": n}, patch=patch))
        if n == 10:
            records.append(snapshot({"n": -1, "kept": True}))
    for start in range(0, len(records), 100):
        await recorded.add("walker", *records[start : start + 100])
    return records


async def picked(ask, where, **body):
    found = await ask("events.list", agent="walker", where=where, **body)
    return [one["event_index"] for one in found["events"]]


async def every_page(ask, where, **body):
    pages = []
    cursor = None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        reply = await ask("events.list", agent="walker", where=where, **body, **more)
        pages.append([one["event_index"] for one in reply["events"]])
        cursor = reply["cursor"]
        if cursor is None:
            return pages


async def test_a_condition_picks_events(ask, thousand):
    assert await picked(ask, "event.data.n == 500") == [500]
    assert await picked(ask, "event.type == 'error_occurred' && event.event_index > 750") == [
        800,
        900,
    ]
    assert await picked(ask, "event.agent == 'nobody'") == []
    assert await picked(ask, "event.data.nothing == 1") == []
    assert await picked(ask, "event.occurred_at < '2026-11-23T08:00:03'") == [0, 1, 2]


async def test_the_state_is_that_after_the_event_and_its_patch(ask, thousand):
    assert await picked(ask, "state.n == 4") == [4, 5]
    # A snapshot that follows an event is seen from the next event on.
    assert await picked(ask, "state.n == 10") == [10]
    assert await picked(ask, "state.n == -1") == [11]
    assert await picked(ask, "has(state.kept) && event.data.n == state.n", limit=3) == [12, 14, 16]
    assert await picked(ask, "!has(state.n)") == []


async def test_before_the_first_state_it_is_empty(ask, recorded):
    await recorded.add("walker", event(), event(), snapshot({"n": 1}), event())
    assert await picked(ask, "state == {}") == [0, 1]
    assert await picked(ask, "state.n == 1") == [2]


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("limit", [1, 7, 1000])
async def test_pages_give_each_match_once_and_in_order(ask, thousand, direction, limit):
    where = "event.data.n % 90 == 0 && state.n >= 0"
    pages = await every_page(ask, where, direction=direction, limit=limit)
    expected = list(range(0, 1000, 90))
    assert list(chain(*pages)) == (expected if direction == "forward" else expected[::-1])
    assert all(len(page) <= limit for page in pages)


async def test_types_and_stretches_narrow_what_is_walked_through(ask, thousand):
    where = "event.data.n > 150"
    assert await picked(ask, where, types=["error_occurred"], limit=2) == [200, 300]
    times = {"from_": {"time": after(299).isoformat()}, "to": {"event_index": 302}}
    assert await picked(ask, where, **times) == [300, 301, 302]
    assert await picked(ask, where, **times, direction="backward") == [302, 301, 300]
    last = {"event_id": thousand[-1]["id"]}
    assert await picked(ask, where, from_={"event_index": 997}, to=last) == [998, 999]
    assert await picked(ask, where, from_={"latest": True}) == []


async def test_a_condition_that_is_none_is_refused(ask, thousand):
    for where in ("event.type = 'x'", "nothing == 1", "state.a.exists(x, x.exists(y, y))"):
        with pytest.raises(InvalidExpression) as refused:
            await picked(ask, where)
        assert refused.value.details["errors"][0]["field"] == "where"
        assert isinstance(refused.value.details["position"], int)
    for where in ("", "x" * 1025):
        with pytest.raises(BadRequest):
            await picked(ask, where)


async def test_a_condition_means_what_cel_says(ask, recorded):
    state = {"items": [{"name": "a"}, {"price": 5}], "text": "déjà vu", "exact": 9007199254740993}
    patch = [{"op": "add", "path": "", "value": state}]
    await recorded.add("walker", event(at=0, patch=patch), event(at=1))
    hour = "timestamp(event.occurred_at).getHours"
    for where in (
        "state.items.exists(i, i.price > 3)",
        "!state.items.all(i, i.price < 3)",
        "size(state.text) == 7 && size('déjà vu') == 7",
        "state.exact == 9007199254740993 && state.exact != 9007199254740992.0",
        f"{hour}('Asia/Tokyo') - {hour}() in [9, -15]",
        "int(timestamp(event.occurred_at)) > 1700000000",
        "state.nothing == 1 || state.text.matches('^d')",
    ):
        assert (where, await picked(ask, where)) == (where, [0, 1])
    assert await picked(ask, "9007199254740993 == 9007199254740992.0") == []
    for where in ("event.occurred_at.getHours('Europe/Berlin') == 1", f"{hour}('Mars') == 1"):
        with pytest.raises(InvalidExpression):
            await picked(ask, where)


async def test_a_cursor_of_another_condition_is_refused(ask, thousand):
    reply = await ask("events.list", agent="walker", where="event.data.n > 1", limit=1)
    with pytest.raises(BadRequest):
        await picked(ask, "event.data.n > 2", cursor=reply["cursor"])


@pytest.mark.parametrize("direction", ["forward", "backward"])
async def test_out_of_budget_it_says_how_far_it_got_and_goes_on_from_there(
    ask, thousand, monkeypatch, direction
):
    monkeypatch.setattr(filtering, "BUDGET_SECONDS", 0.0001)
    wanted = 900 if direction == "forward" else 99
    found, told, more = [], [], {}
    while not found:
        try:
            found = await picked(
                ask, f"event.data.n == {wanted}", direction=direction, limit=1, **more
            )
        except OverBudget as error:
            told.append(error.details["event_index"])
            more = {"cursor": error.details["cursor"]}
    assert found == [wanted]
    assert len(told) > 1
    assert told == sorted(told, reverse=direction == "backward")


async def test_out_of_budget_with_matches_the_page_is_short(ask, thousand, monkeypatch):
    monkeypatch.setattr(filtering, "BUDGET_SECONDS", 0.0001)
    pages = await every_page(ask, "event.data.n % 2 == 0", limit=1000)
    assert len(pages) > 2
    assert list(chain(*pages)) == list(range(0, 1000, 2))


async def test_an_event_that_can_not_be_judged_is_named(ask, recorded):
    long = {"items": list(range(1001))}
    await recorded.add("walker", event(data={"items": [1]}), event(data=long), event(data={}))
    where = "event.data.items.exists(i, i == 1)"
    reply = await ask("events.list", agent="walker", where=where)
    assert [one["event_index"] for one in reply["events"]] == [0]
    with pytest.raises(OverBudget) as refused:
        await ask("events.list", agent="walker", where=where, cursor=reply["cursor"])
    assert refused.value.details == {"event_index": None, "stopped_at": 1}
    assert await picked(ask, where, from_={"event_index": 1}) == []


async def test_large_states_are_walked_through_a_few_at_a_time(ask, recorded):
    for n in range(6):
        await recorded.add("walker", snapshot({"n": n, "rest": "x" * 3_000_000}), event())
    assert await picked(ask, "state.n > 3") == [4, 5]


async def test_thousands_of_snapshots_between_two_events(ask, recorded):
    await recorded.add("walker", event(), *(snapshot({"n": n}) for n in range(5000)), event())
    assert await picked(ask, "state.n == 4999") == [1]


async def test_searches_leave_sessions_to_others_and_wait_no_longer_than_a_while(ask, thousand):
    walks = Share("walks", ShareLimits(4, 1, 9), patience=0.2)
    ask.dispatch.shares.walks = walks
    slow = "event.id.matches(r'(\\pL{9}){9}b')"
    searches = [asyncio.create_task(picked(ask, slow)) for _ in range(walks.limits.alone)]
    await asyncio.sleep(0.05)
    with pytest.raises(OverBudget) as refused:
        await picked(ask, "event.data.n == 1")
    assert refused.value.details == {"limit": "walks", "at_a_time": 3, "retry_seconds": 1.0}
    assert len((await ask("events.list", agent="walker", limit=5))["events"]) == 5
    for search in searches:
        search.cancel()
    await asyncio.gather(*searches, return_exceptions=True)
    assert await picked(ask, "event.data.n == 1") == [1]
