"""Expressions in processes that can be killed: the verdicts, and what hostile ones come to."""

import asyncio
import time
from collections.abc import AsyncIterator

import orjson
import psutil
import pytest

from stratoscope.navigator.expressions import evaluating
from stratoscope.navigator.expressions.evaluating import Document, Expressions, Verdict
from stratoscope_contracts.errors import InvalidExpression

HOLDS, FAILS, STOPPED = Verdict.HOLDS, Verdict.FAILS, Verdict.STOPPED
STATE = {
    "health": 10,
    "half": 0.5,
    "huge": 2**64 - 1,
    "name": "ann",
    "bracket": "(",
    "goal": None,
    "items": [{"n": 1}, {"n": 2}],
    "a.b": {"c": True},
}


def workers() -> list[psutil.Process]:
    children = psutil.Process().children()
    return [one for one in children if "worker.py" in " ".join(one.cmdline())]


@pytest.fixture
async def expressions() -> AsyncIterator[Expressions]:
    async with Expressions(workers=1) as found:
        yield found


async def verdict(expressions: Expressions, source: str, state=None, event=None, seconds=5.0):
    document = Document(event, orjson.dumps(STATE if state is None else state))
    expression = await expressions.check(source)
    return (await expressions.evaluate(expression, [document], seconds))[0]


async def test_expressions_hold_or_do_not(expressions):
    for source, expected in {
        "state.health < 10.5": HOLDS,
        "state.health == 10.0": HOLDS,
        "state.health < 10": FAILS,
        "state.huge == 18446744073709551615u": HOLDS,
        "state.huge > 1": HOLDS,
        "state.name.matches('^a.n$')": HOLDS,
        "state.items.exists(i, i.n == 2)": HOLDS,
        "state.items.all(i, i.n == 2)": FAILS,
        "state.items[1].n == 2": HOLDS,
        "state.goal == null": HOLDS,
        "state['a.b'].c": HOLDS,
        "'a.b' in state": HOLDS,
        "has(state.name) && !has(state.nothing)": HOLDS,
        "state.nothing == 1 || state.health == 10": HOLDS,
        "event.type == 'x' && event.data.n > 1": HOLDS,
        "event.data.n > state.health": FAILS,
    }.items():
        found = await verdict(expressions, source, event={"type": "x", "data": {"n": 2}})
        assert (source, found) == (source, expected)


async def test_what_can_not_be_evaluated_is_no_match(expressions):
    for source in (
        "state.nothing == 1",
        "state.name.nothing == 1",
        "state.nothing.deeper == 1",
        "state.items[7].n == 1",
        "state.name < 1",
        # CEL mixes no integers and doubles in arithmetic: double(state.health) * 0.5 does.
        "state.health * 0.5 == 5.0",
        "state.health / 0 == 1",
        "state.health",
        "event.type == 'x'",
        "timestamp(state.name) > timestamp('2026-01-01T00:00:00Z')",
        "state.name.matches(state.bracket)",
    ):
        assert (source, await verdict(expressions, source)) == (source, FAILS)
    assert await verdict(expressions, "double(state.health) * 0.5 == 5.0") is HOLDS


async def test_a_document_without_a_state_matches_nothing_about_one(expressions):
    expression = await expressions.check("state.health == 1")
    assert await expressions.evaluate(expression, [Document({"type": "x"})], 1) == [FAILS]


async def test_many_documents_are_judged_in_order(expressions):
    expression = await expressions.check("event.n % 3 == 0 && state.s > 0")
    states = [orjson.dumps({"s": n, "rest": "x" * 100}) for n in range(3)]
    documents = [Document({"n": n}, states[n % 3 and 1]) for n in range(5000)]
    found = await expressions.evaluate(expression, documents, 10)
    assert found == [FAILS] * 5000
    documents = [Document({"n": n}, states[2]) for n in range(5000)]
    found = await expressions.evaluate(expression, documents, 10)
    assert found == [HOLDS if n % 3 == 0 else FAILS for n in range(5000)]


@pytest.mark.parametrize(
    ("source", "position"),
    [("state.health <", 14), ("state.health < 99999999999999999999", 15), ("1 +\n '\\s'", 5)],
)
async def test_what_is_no_cel_is_refused_with_the_place(expressions, source, position):
    for _ in range(2):
        with pytest.raises(InvalidExpression) as refused:
            await expressions.check(source, "condition.source")
        assert refused.value.details["position"] == position
        assert refused.value.details["errors"][0]["field"] == "condition.source"
        assert f"at character {position + 1}" in refused.value.message


async def test_a_path_may_be_longer_than_anything_is_deep(expressions):
    state = {"a": 1}
    for _ in range(63):
        state = {"a": state}
    assert await verdict(expressions, "state" + "['a']" * 64 + " == 1", state) is HOLDS
    for source in (f"state{'.a' * 64} == 1", f"has(state{'.a' * 64}) && state{'.a' * 60} != null"):
        assert await verdict(expressions, source, state) is HOLDS
    assert await verdict(expressions, f"!has(state{'.a' * 63}.b)", state) is HOLDS
    assert await verdict(expressions, f"!has(state{'.b' * 63}.b)", state) is FAILS
    assert await verdict(expressions, f"state{'.a' * 500} == 1", state) is FAILS


async def test_macros_run_over_a_thousand_elements_and_no_more(expressions):
    source = "state.items.exists(i, i < 0)"
    assert await verdict(expressions, source, {"items": [1] * 1000}) is FAILS
    for items in ([1] * 1001, dict.fromkeys(map(str, range(1001)), 1), [1] * 1_000_000):
        assert await verdict(expressions, source, {"items": items}) is STOPPED
    assert await verdict(expressions, "size(state.items) > 1000", {"items": [1] * 5000}) is HOLDS


async def test_what_is_not_named_costs_nothing_to_hand_over(expressions):
    large = orjson.dumps({"n": 1, "rest": [[n] * 10 for n in range(50_000)]})
    expression = await expressions.check("state.n == 1")
    started = time.perf_counter()
    documents = [Document(event, large) for event in range(500)]
    assert await expressions.evaluate(expression, documents, 10) == [HOLDS] * 500
    assert time.perf_counter() - started < 2


async def _longest_stall(stop: asyncio.Event) -> float:
    longest, last = 0.0, time.perf_counter()
    while not stop.is_set():
        await asyncio.sleep(0.005)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    return longest


async def test_a_hostile_expression_is_stopped_and_the_loop_goes_on(expressions):
    # Adding a text to itself again and again is quadratic, and a thousand times of it is too long.
    body = " + ".join(["x"] * 20)
    expression = await expressions.check(f"state.items.exists(x, size({body}) == 1)")
    state = orjson.dumps({"items": ["x" * 10_000] * 1000})
    stop = asyncio.Event()
    watching = asyncio.create_task(_longest_stall(stop))
    started = time.perf_counter()
    documents = [Document({}, state), Document({}, state)]
    found = await expressions.evaluate(expression, documents, 0.3)
    assert found == [STOPPED]
    assert time.perf_counter() - started < 3
    stop.set()
    assert await watching < 0.1
    assert await verdict(expressions, "state.health == 10") is HOLDS


async def test_costly_regular_expressions_run_out_of_time(expressions):
    expression = await expressions.check(r"state.name.matches('(\\pL{9}){9}b')")
    state = orjson.dumps({"name": "a" * 1000})
    documents = [Document({}, state) for _ in range(1000)]
    found = await expressions.evaluate(expression, documents, 0.3)
    assert 0 < len(found) < 1000
    assert set(found) == {FAILS}


async def test_backtracking_costs_nothing(expressions):
    source = "state.name.matches('^(a+)+$')"
    assert await verdict(expressions, source, {"name": "a" * 50_000 + "!"}) is FAILS


async def test_a_search_that_takes_the_product_of_two_lengths_is_stopped(expressions):
    state = {"text": "a" * (16 << 20), "part": "a" * (8 << 20) + "b"}
    started = time.perf_counter()
    found = await verdict(expressions, "state.text.contains(state.part)", state, seconds=0.3)
    assert found is STOPPED
    assert time.perf_counter() - started < 3
    assert await verdict(expressions, "state.health == 10") is HOLDS


async def test_memory_has_a_bound(expressions):
    source = "size([" + ", ".join(["bytes(state.s)"] * 62) + "]) == 1"
    found = await verdict(expressions, source, {"s": "x" * (32 << 20)}, seconds=20)
    assert found is STOPPED
    assert await verdict(expressions, "state.health == 10") is HOLDS


async def test_a_worker_that_waits_for_a_processor_is_not_late(expressions, monkeypatch):
    assert await verdict(expressions, "state.health == 10") is HOLDS
    monkeypatch.setattr(evaluating, "_READ_SECONDS", 0.2)
    (worker,) = workers()
    worker.suspend()
    checking = asyncio.create_task(expressions.check("state.health == 11"))
    assert await asyncio.wait({checking}, timeout=0.8) == (set(), {checking})
    worker.resume()
    assert (await checking).source == "state.health == 11"
    assert workers() == [worker]


async def test_a_worker_that_gets_no_processor_is_given_up(expressions, monkeypatch):
    assert await verdict(expressions, "state.health == 10") is HOLDS
    monkeypatch.setattr(evaluating, "_READ_SECONDS", 0.1)
    monkeypatch.setattr(evaluating, "_READ_WAIT_SECONDS", 0.3)
    (worker,) = workers()
    worker.suspend()
    with pytest.raises(InvalidExpression, match="too long to be read"):
        await expressions.check("state.health == 11")
    assert workers() == []


async def test_reading_takes_a_bounded_time_of_a_processor(expressions, monkeypatch):
    monkeypatch.setattr(evaluating, "_READ_SECONDS", 0.02)
    monkeypatch.setattr(evaluating, "_LOOK_SECONDS", 0.01)
    with pytest.raises(InvalidExpression, match="too long to be read"):
        # Starting takes longer.
        await expressions.check("state.health == 11")
    assert workers() == []


async def test_a_worker_that_dies_is_replaced(expressions):
    assert await verdict(expressions, "state.health == 10") is HOLDS
    (worker,) = workers()
    worker.kill()
    worker.wait()
    assert await verdict(expressions, "state.health == 10") is STOPPED
    assert await verdict(expressions, "state.health == 10") is HOLDS


async def test_a_request_that_is_given_up_leaves_a_usable_worker(expressions):
    expression = await expressions.check(r"state.name.matches('(\\pL{9}){9}b')")
    state = orjson.dumps({"name": "a" * 1000})
    asking = asyncio.create_task(expressions.evaluate(expression, [Document({}, state)] * 1000, 30))
    await asyncio.sleep(0.1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await verdict(expressions, "state.health == 10") is HOLDS


async def test_no_process_runs_before_one_is_needed_nor_after():
    async with Expressions(workers=2) as expressions:
        assert workers() == []
        await asyncio.gather(*(expressions.check(f"state.n == {n}") for n in range(8)))
        assert len(workers()) == 2
    assert workers() == []
