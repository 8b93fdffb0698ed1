"""Whoever asks the navigator by a verb's name."""

from collections.abc import AsyncIterator

from stratoscope_contracts.envelopes import ListReply, ListRequest, Reply, Request
from stratoscope_contracts.looking import (
    AgentsListReply,
    AgentsListRequest,
    StatsReply,
    StatsRequest,
)
from stratoscope_contracts.requesting import Requesting

STATS = StatsReply(
    total_agents=0,
    total_events=0,
    total_snapshots=0,
    total_diffs=0,
    total_memory_usage=0,
    stored_bytes=0,
    raw_bytes=0,
    active_sessions=0,
    total_sessions=0,
    dead_letters=0,
    projected={},
    lag=0,
)


class Answered(Requesting):
    """Answers what it was told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Request]] = []

    async def _request(self, verb: str, body: Request) -> Reply:
        self.asked.append((verb, body))
        return STATS

    async def _pages(
        self, verb: str, body: ListRequest, at_most: int | None
    ) -> AsyncIterator[ListReply]:
        self.asked.append((verb, body))
        for _ in range(at_most or 1):
            yield AgentsListReply(agents=[], cursor=None)


async def test_a_request_is_passed_on_with_its_verb() -> None:
    asking, body = Answered(), StatsRequest()
    assert await asking.request("stats", body) is STATS
    assert asking.asked == [("stats", body)]


async def test_pages_are_passed_on_with_their_bound() -> None:
    asking, body = Answered(), AgentsListRequest()
    pages = [page async for page in asking.pages("agents.list", body, at_most=2)]
    assert [page.agents for page in pages] == [[], []]
    assert asking.asked == [("agents.list", body)]
