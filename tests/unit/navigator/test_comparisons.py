"""Where comparisons are made, and what becomes of those that do not end well."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

import orjson
import psutil
import pytest

from stratoscope.domain.delta import DamagedChain, Frame
from stratoscope.navigator.comparing import frames
from stratoscope.navigator.comparing.comparisons import SHORT_BYTES, Budget, Comparisons
from stratoscope.navigator.comparing.series import frames_told
from stratoscope_contracts.errors import ComparisonFailed, OverBudget

LONG = SHORT_BYTES + 1
PLAIN = {"options": {}}


def workers() -> list[psutil.Process]:
    children = psutil.Process().children()
    return [one for one in children if "comparing.worker" in " ".join(one.cmdline())]


@pytest.fixture
async def comparisons() -> AsyncIterator[Comparisons]:
    async with Comparisons(workers=1) as found:
        yield found


async def compared(comparisons, old, new, *, work=LONG, options=None, budget=None):
    states = [orjson.dumps(old), orjson.dumps(new)]
    told = {"options": options or {}}
    return await comparisons.make("compared", told, states, budget or Budget(), work=work)


async def test_a_long_comparison_is_the_same_made_elsewhere(comparisons):
    old, new = {"a": [1, {"b": "é"}], "n": 2**64 - 1}, {"a": [1.5, {}], "n": -(2**63)}
    here = await compared(comparisons, old, new, work=SHORT_BYTES)
    assert workers() == []
    there = await compared(comparisons, old, new)
    assert len(workers()) == 1
    assert here == there
    assert b"\n" in here


async def test_a_comparison_without_time_is_stopped_and_the_next_one_is_made(comparisons):
    rows = [{"n": n, "v": [n * k for k in range(9)]} for n in range(1000)]
    other = [{"n": n, "v": [n * k + 1 for k in range(9)]} for n in range(1000)]
    with pytest.raises(OverBudget) as stopped:
        await compared(
            comparisons,
            rows,
            other,
            options={"ignore_order": True},
            budget=Budget(monotonic() + 0.5),
        )
    assert "include_paths" in stopped.value.message
    assert await compared(comparisons, {}, {"a": 1})
    with pytest.raises(OverBudget):
        await compared(comparisons, {}, {}, budget=Budget(monotonic() - 1))


async def test_a_worker_that_ends_in_the_middle_fails_one_comparison(comparisons):
    assert await compared(comparisons, {}, {})
    (worker,) = workers()
    worker.suspend()
    making = asyncio.create_task(compared(comparisons, {}, {"a": 1}))
    await asyncio.sleep(0.05)
    worker.kill()
    with pytest.raises(ComparisonFailed):
        await making
    assert await compared(comparisons, {}, {"a": 1})


async def test_a_comparison_that_breaks_says_nothing_of_why(comparisons):
    with pytest.raises(ComparisonFailed) as failed:
        await comparisons.make("compared", PLAIN, [b"{", b"}"], Budget(), work=LONG)
    assert "Error" not in failed.value.message
    assert "{" not in failed.value.message


async def test_a_damaged_state_is_no_comparison_that_failed(comparisons):
    told, blobs = frames_told({0: Frame(0, 10, b"x" * 8, b"nonsense")})
    with pytest.raises(DamagedChain):
        await comparisons.make(
            "summaries",
            PLAIN | {"frames": told, "versions": [0]},
            blobs,
            Budget(),
            work=LONG,
        )


async def test_no_process_is_left():
    async with Comparisons(workers=2) as comparisons:
        assert workers() == []
        await asyncio.gather(*(compared(comparisons, {}, {"n": n}) for n in range(6)))
        assert len(workers()) == 2
    assert workers() == []


def test_a_job_is_read_as_it_was_asked():
    states = [b"", b"\x00\xff" * 3, b"{}"]
    frame = frames.asked("compared", {"a": "é"}, states)
    assert frames.read(frame) == ("compared", {"a": "é"}, states)
