"""A recorded graph comes to its agent's gate before each of its tasks."""

import asyncio
from concurrent.futures import CancelledError
from functools import partial
from typing import Any

import pytest

from stratoscope.adapters.langgraph import record
from stratoscope.recorder.errors import ClosedAtGate, RecorderClosed
from support import graphs
from support.listing import AsyncListing, Listing

CONFIG: dict[str, Any] = {"configurable": {"thread_id": "t"}}


def tasks_before_gates(listing: Listing) -> list[tuple[str, int]]:
    """For each gate the last record before it, and how many results there were by then."""
    found = []
    for count, _ in listing.gates:
        before = listing.records[:count]
        results = [each for each in before if each.type == "state_change"]
        found.append((str(before[-1].type), len(results)))
    return found


@pytest.mark.parametrize("asynchronously", [False, True])
def test_the_gate_is_between_what_is_announced_and_what_is_done(asynchronously: bool) -> None:
    """A breakpoint on a task's start can hold the graph before the task has run."""
    listing = Listing()
    graph = record(graphs.counting(None), listing)
    if asynchronously:
        asyncio.run(graph.ainvoke({"n": 1}, CONFIG))
    else:
        graph.invoke({"n": 1}, CONFIG)
    assert tasks_before_gates(listing) == [("action_execution", done) for done in range(4)]
    assert not any(exact for _, exact in listing.gates)


def test_an_asynchronous_recorder_is_awaited() -> None:
    listing = AsyncListing()
    graph = record(graphs.counting(None), listing, gate="exact")
    asyncio.run(graph.ainvoke({"n": 1}, CONFIG))
    assert [exact for _, exact in listing.gates] == [True] * 4


def test_a_synchronous_recorder_leaves_the_event_loop_free() -> None:
    entered = []

    class Recorder(Listing):
        def agent(self, name: str) -> Any:
            agent: Any = super().agent(name)

            async def agate(exact: bool = False) -> None:
                entered.append(exact)

            agent.agate = agate
            return agent

    graph = record(graphs.counting(None), Recorder())
    asyncio.run(graph.ainvoke({"n": 2}, CONFIG))
    assert entered == [False, False]


def test_who_wants_no_gate_has_none() -> None:
    listing = Listing()
    record(graphs.counting(None), listing, gate=None).invoke({"n": 1}, CONFIG)
    assert listing.gates == []
    with pytest.raises(ValueError, match="quick, exact or None"):
        record(graphs.counting(None), listing, gate="slow")  # type: ignore[arg-type]  # refused


def test_a_gate_that_fails_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Closed(Listing):
        def agent(self, name: str) -> Any:
            agent: Any = super().agent(name)

            def gate(exact: bool = False) -> None:
                raise RuntimeError("the recorder is closed")

            agent.gate = gate
            return agent

    graph = record(graphs.counting(None), Closed())
    assert graph.invoke({"n": 2}, CONFIG)["n"] == 3
    assert "the recorder is closed" in caplog.text


def closing(error: Exception) -> Listing:
    """A recorder whose gates end so."""

    class Closing(Listing):
        def agent(self, name: str) -> Any:
            agent: Any = super().agent(name)

            def gate(exact: bool = False) -> None:
                raise error

            agent.gate = gate
            return agent

    return Closing()


@pytest.mark.parametrize("error", [ClosedAtGate("closed"), CancelledError()])
@pytest.mark.parametrize("asynchronously", [False, True])
def test_a_graph_that_is_held_does_not_run_on_when_its_recorder_is_closed(
    asynchronously: bool, error: Exception
) -> None:
    listing = closing(error)
    graph = record(graphs.counting(None), listing)
    run = partial(asyncio.run, graph.ainvoke({"n": 1}, CONFIG)) if asynchronously else None
    with pytest.raises(RecorderClosed):
        (run or partial(graph.invoke, {"n": 1}, CONFIG))()
    assert not [each for each in listing.records if each.type == "state_change"]


def test_a_recorder_that_was_closed_before_harms_no_run() -> None:
    graph = record(graphs.counting(None), closing(RecorderClosed("closed long ago")))
    assert graph.invoke({"n": 1}, CONFIG)["n"] == 3
