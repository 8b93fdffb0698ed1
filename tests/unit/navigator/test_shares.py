"""Admission and shares: what is refused at once, what waits, and what a slot costs."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from stratoscope.domain.shares import ShareLimits
from stratoscope.navigator.shares import (
    Admission,
    Kind,
    Limit,
    Share,
    Shares,
    client_of,
    set_space,
    size_of,
)
from stratoscope_contracts.errors import OverBudget


class Meter:
    """Remembers what is counted."""

    def __init__(self) -> None:
        self.refused: list[Limit] = []
        self.waited: list[Kind] = []

    def refuse(self, limit: Limit) -> None:
        """Remember a refusal."""
        self.refused.append(limit)

    def wait(self, kind: Kind, seconds: float) -> None:
        """Remember a wait."""
        self.waited.append(kind)


def test_a_client_has_so_many_requests_at_a_time() -> None:
    """One more is refused, until one has ended."""
    meter = Meter()
    admission = Admission(2, 100, meter)
    ends = [admission.admit("a", "one", 0) for _ in range(2)]
    with pytest.raises(OverBudget) as refused:
        admission.admit("a", "one", 0)
    assert refused.value.details == {"limit": "client", "at_a_time": 2, "retry_seconds": 1.0}
    admission.admit("a", "two", 0)
    ends[0]()
    admission.admit("a", "one", 0)
    assert meter.refused == ["client"]


def test_a_client_is_counted_in_each_space_by_itself() -> None:
    """Naming an admin's inbox uses up the admin's requests in that one space only."""
    admission = Admission(1, 100)
    admission.admit("a", "_INBOX_admin.main", 0)
    with pytest.raises(OverBudget):
        admission.admit("a", "_INBOX_admin.main", 0)
    admission.admit("b", "_INBOX_admin.main", 0)


def test_a_space_has_its_share_however_many_clients_it_has() -> None:
    """Another space finds room at once."""
    meter = Meter()
    admission = Admission(2, 8, meter)
    for number in range(6):
        admission.admit("loud", f"client {number}", 0)
    with pytest.raises(OverBudget) as refused:
        admission.admit("loud", "another", 0)
    assert refused.value.details["limit"] == "requests"
    assert refused.value.details["at_a_time"] == 6
    admission.admit("quiet", "one", 0)
    assert meter.refused == ["requests"]


def test_a_space_has_its_share_of_bytes_however_few_its_requests_are() -> None:
    """What is over it is refused at once and holds nothing; another space finds room."""
    meter = Meter()
    admission = Admission(64, 256, meter, bytes_in_all=64)
    ends = [admission.admit("loud", f"client {number}", 8) for number in range(6)]
    with pytest.raises(OverBudget) as refused:
        admission.admit("loud", "another", 8)
    assert refused.value.details == {
        "limit": "request_bytes",
        "at_a_time": 48,
        "retry_seconds": 1.0,
    }
    assert meter.refused == ["request_bytes"]
    admission.admit("quiet", "one", 8)()
    ends.pop()()
    ends.append(admission.admit("loud", "another", 8))
    for end in ends:
        end()
    assert not admission._clients
    assert not admission._bytes.held("loud")


def test_the_headers_of_a_message_are_bytes_too() -> None:
    """A server takes a megabyte of them."""
    client = Client()
    assert size_of(Msg(client, data=b"12345")) == 5
    assert size_of(Msg(client, data=b"12345", headers={"abc": "defg"})) == 12


def test_nothing_is_kept_of_clients_that_ask_nothing() -> None:
    """A name for each request must not fill the memory."""
    admission = Admission()
    for number in range(1000):
        admission.admit("a", f"client {number}", 0)()
    assert not admission._clients


@pytest.mark.parametrize(
    ("reply", "client"),
    [
        ("_INBOX_operator.default.ops.abc.1", "_INBOX_operator.default.ops"),
        ("_INBOX_operator.default.ops.xyz", "_INBOX_operator.default.ops"),
        ("_INBOX.ABCDEFGHIJKL0123456789.1", "_INBOX.ABCDEFGHIJKL"),
        ("_INBOX.ABCDEFGHIJKL9876543210", "_INBOX.ABCDEFGHIJKL"),
        ("_R_.x", "_R_.x"),
        ("", ""),
    ],
)
def test_a_client_is_known_by_its_inbox(reply: str, client: str) -> None:
    """With roles by its name, else by what all inboxes of its connection have in common."""
    assert client_of(reply) == client


async def test_a_space_that_saturates_a_resource_waits_for_itself() -> None:
    """Another one has a slot at once."""
    meter = Meter()
    share = Share("walks", ShareLimits(4, None, 9), meter)
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(share.take("loud"))
        waiting = asyncio.create_task(held_once(share, "loud"))
        await asyncio.sleep(0)
        async with asyncio.timeout(1), share.take("quiet"):
            assert not waiting.done()
    await waiting
    assert meter.waited == ["walks"]


async def test_who_waits_for_too_long_is_refused_and_holds_nothing() -> None:
    """The slot is whole again afterwards."""
    meter = Meter()
    share = Share("walks", ShareLimits(1, None, 9), meter, patience=0.01)
    async with share.take("loud"):
        with pytest.raises(OverBudget) as refused:
            await held_once(share, "quiet")
    assert refused.value.details["limit"] == "walks"
    assert meter.refused == ["walks"]
    await held_once(share, "quiet")


async def test_a_resource_without_a_queue_refuses_at_once() -> None:
    """What can't wait is over the limit."""
    share = Share("replays", ShareLimits(1))
    async with share.take("a"):
        with pytest.raises(OverBudget):
            await held_once(share, "a")


async def test_a_slot_that_is_granted_to_one_that_gives_up_goes_to_the_next() -> None:
    """Cancelled before it was served, or in the same turn of the loop."""
    share = Share("walks", ShareLimits(1, None, 9))
    async with share.take("a"):
        first, second, third = (
            asyncio.create_task(held_once(share, space)) for space in ("a", "b", "c")
        )
        await asyncio.sleep(0)
        first.cancel()
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    async with asyncio.timeout(1):
        await third
        await held_once(share, "a")


async def test_a_slot_is_the_working_spaces_where_none_is_named() -> None:
    """What works for a request knows its space."""
    share = Share("expressions", ShareLimits(2))

    async def hold(space: str) -> None:
        set_space(space)
        async with share.take():
            await asyncio.sleep(0.01)

    await asyncio.gather(hold("a"), hold("b"))
    with pytest.raises(OverBudget):
        await asyncio.gather(hold("a"), hold("a"))


@pytest.mark.parametrize("pool", [1, 2, 4, 16, 100])
def test_there_are_sessions_for_more_than_the_shares(pool: int) -> None:
    """Breakpoints, holds and health have some of their own, but in the smallest pools."""
    shares = Shares(pool)
    parted = shares.sessions.limits.capacity + shares.gates.limits.capacity
    assert parted <= max(2, pool - pool // 8)


async def held_once(share: Share, space: str) -> None:
    """Take a slot and give it back."""
    async with share.take(space):
        pass
