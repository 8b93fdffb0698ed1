"""Claims on the memory for documents: bounded in sum, in turn, and given back whatever happens."""

import asyncio

import pytest

from stratoscope.broker.ending import end_tasks
from stratoscope.navigator import document_budget
from stratoscope.navigator.document_budget import DocumentBudget, claim, cost_of
from stratoscope_contracts.errors import OverBudget

MIB = 1 << 20


async def held(budget: DocumentBudget, size: int, leave: asyncio.Event, space: str = "") -> None:
    async with budget.request(space):
        await claim(size)
        await leave.wait()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_claims_over_the_budget_wait_their_turn() -> None:
    budget, leave = DocumentBudget(10 * MIB), asyncio.Event()
    first = asyncio.create_task(held(budget, 6 * MIB, leave))
    await settled()
    behind = [asyncio.create_task(held(budget, size * MIB, leave)) for size in (6, 2)]
    await settled()
    # The small one would fit, but the large one would wait for ever behind such.
    assert budget.free == 4 * MIB
    leave.set()
    await asyncio.gather(first, *behind)
    assert budget.free == 10 * MIB


async def test_a_claim_over_the_whole_budget_takes_all_that_a_space_may_hold() -> None:
    budget = DocumentBudget(8 * MIB)
    async with budget.request():
        await claim(100 * MIB)
        assert budget.free == 2 * MIB
    assert budget.free == 8 * MIB


async def test_a_space_that_fills_its_share_leaves_some_to_others_at_once() -> None:
    budget, leave = DocumentBudget(8 * MIB), asyncio.Event()
    tasks = [asyncio.create_task(held(budget, 3 * MIB, leave, "busy")) for _ in range(20)]
    await settled()
    assert budget.free >= 2 * MIB
    async with asyncio.timeout(5), budget.request("other"):
        await claim(budget.free * 3 // 4)
    leave.set()
    await asyncio.gather(*tasks)
    assert budget.free == 8 * MIB


async def test_the_space_that_holds_the_least_is_served_before_those_that_waited_longer() -> None:
    budget, served = DocumentBudget(8 * MIB), list[str]()
    leave = asyncio.Event()

    async def one(space: str, size: int) -> None:
        async with budget.request(space):
            await claim(size * MIB)
            served.append(space)
            await leave.wait()

    busy = [asyncio.create_task(one("busy", 2)) for _ in range(20)]
    await settled()
    before = len(served)
    # More than is free: it waits, and none of the others passes it.
    other = asyncio.create_task(one("other", 5))
    await settled()
    assert not other.done()
    leave.set()
    async with asyncio.timeout(5):
        await asyncio.gather(*busy, other)
    assert served[before] == "other"
    assert budget.free == 8 * MIB


async def test_small_documents_claim_nothing_and_a_claim_is_raised_to_the_largest() -> None:
    budget = DocumentBudget(10 * MIB)
    async with budget.request():
        await claim(cost_of(1000))
        assert budget.free == 10 * MIB
        for size in 4, 6, 2:
            await claim(size * MIB)
        assert budget.free == 4 * MIB


async def test_two_requests_that_raise_their_claims_do_not_wait_for_each_other() -> None:
    budget = DocumentBudget(10 * MIB)

    async def raised() -> None:
        async with budget.request():
            await claim(4 * MIB)
            await asyncio.sleep(0)
            await claim(6 * MIB)
            await asyncio.sleep(0)

    async with asyncio.timeout(5):
        await asyncio.gather(*(raised() for _ in range(4)))
    assert budget.free == 10 * MIB


@pytest.mark.parametrize("granted", [False, True])
async def test_a_request_that_ends_while_it_waits_gives_back_what_it_was_granted(
    granted: bool,
) -> None:
    budget, leave = DocumentBudget(10 * MIB), asyncio.Event()
    first = asyncio.create_task(held(budget, 7 * MIB, leave))
    await settled()
    waiting = asyncio.create_task(held(budget, 7 * MIB, asyncio.Event()))
    behind = asyncio.create_task(held(budget, 2 * MIB, leave))
    await settled()
    if granted:
        budget.give("", 7 * MIB)
    await end_tasks([waiting])
    await settled()
    assert behind.done() is False
    leave.set()
    await asyncio.gather(first, behind)
    assert budget.free == (17 if granted else 10) * MIB


async def test_a_request_that_waits_too_long_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_budget, "PATIENCE_SECONDS", 0.01)
    budget = DocumentBudget(10 * MIB)
    await budget.take("", 6 * MIB)
    async with budget.request():
        with pytest.raises(OverBudget, match="ask again"):
            await claim(4 * MIB)
    assert budget.free == 4 * MIB


async def test_a_claim_outside_of_a_request_costs_nothing() -> None:
    await claim(1 << 40)
