"""Large states are mapped in a thread: the event loop goes on, and the records are the same."""

import asyncio
import threading
from typing import Any, TypedDict

import pytest
from langgraph.graph import START, StateGraph

import stratoscope
from stratoscope.adapters.langgraph import record
from stratoscope.adapters.langgraph.offload import MAX_CHARACTERS, MAX_VALUES, finish, is_large
from support.listing import AsyncListing, Listing

CONFIG: dict[str, Any] = {"configurable": {"thread_id": "t"}}
CAUSE = "0198f0e4-7a52-7c31-9f5e-3d6a1b2c4d5e"
ROWS = [{"id": n, "text": "x" * 60, "tags": ["a", "b"]} for n in range(20_000)]


class Watched:
    """A value that notes where it is mapped, and how far the event loop has come by then."""

    def __init__(self) -> None:
        self.mapped: list[tuple[int, int]] = []
        self.beats = 0

    def __repr__(self) -> str:
        self.mapped.append((threading.get_ident(), self.beats))
        return "watched"

    async def beat(self) -> None:
        """Count the turns of the loop until cancelled."""
        while True:
            self.beats += 1
            await asyncio.sleep(0)


class State(TypedDict):
    """Rows, perhaps between two watched values, and a number."""

    rows: list[Any]
    n: int


def graph() -> Any:
    """Takes one step over a state."""
    builder = StateGraph(State)
    builder.add_node("step", lambda state: {"n": state["n"] + 1})
    builder.add_edge(START, "step")
    return builder.compile()


@pytest.mark.parametrize("kind", [Listing, AsyncListing])
async def test_a_large_state_is_mapped_while_the_loop_goes_on(kind: type[Any]) -> None:
    watched = Watched()
    beating = asyncio.create_task(watched.beat())
    given = {"rows": [watched, *ROWS, watched], "n": 0}
    listing = kind()
    await record(graph(), listing).ainvoke(given, CONFIG)
    beating.cancel()
    assert watched.mapped
    assert threading.get_ident() not in {thread for thread, _ in watched.mapped}
    pairs = zip(watched.mapped[::2], watched.mapped[1::2], strict=True)
    assert all(last > first for (_, first), (_, last) in pairs)


async def test_the_records_are_those_of_a_graph_that_maps_in_its_own_thread() -> None:
    given = {"rows": ROWS, "n": 0}
    aside, plain = Listing(), Listing()
    await record(graph(), aside).ainvoke(given, CONFIG)
    record(graph(), plain).invoke(given, CONFIG)
    assert told(aside) == told(plain)


def told(listing: Listing) -> list[Any]:
    """The records without what is another in each run."""
    return [
        (each.type, {**each.data, "task_id": None}, len(each.causes)) for each in listing.records
    ]


async def test_a_recorder_prepares_large_records_in_a_thread() -> None:
    """Redacted, with the cause that holds where they are recorded."""
    threads = []

    def redact(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
        threads.append(threading.get_ident())
        if kind == "event":
            assert fields["causes"] == [CAUSE]
        return fields

    async with stratoscope.connect("nats://127.0.0.1:9", redact=redact, close_timeout=0) as strato:
        agent = strato.agent("a")
        with agent.causing(CAUSE):
            ids = [
                await agent.snapshot_in_thread({"rows": ROWS}, label="large"),
                await agent.event_in_thread("x", {"rows": ROWS}),
            ]
        assert strato.stats.buffered == len(set(ids)) == 2
        with pytest.raises(stratoscope.InvalidRecord):
            await agent.snapshot_in_thread({"bad": object()})
    assert threading.get_ident() not in threads


async def test_a_cancelled_run_records_the_part_that_is_being_mapped() -> None:
    """A thread can't be cancelled: it is waited for, or its records would be torn."""
    began, may_end = threading.Event(), threading.Event()
    done = []

    def work() -> None:
        began.set()
        may_end.wait(10)
        done.append(1)

    task = asyncio.create_task(finish(asyncio.to_thread(work)))
    await asyncio.to_thread(began.wait, 10)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == [1]


class Model:
    """An object with attributes."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


def test_what_is_large_is_seen_without_looking_at_all_of_it() -> None:
    loop: list[Any] = []
    loop.append(loop)
    for large in (
        ["x"] * (MAX_VALUES + 1),
        {"a": {"b": ("x" * (MAX_CHARACTERS + 1),)}},
        Model(rows=[Model(row=[1, 2, 3]) for _ in range(MAX_VALUES)]),
        loop,
    ):
        assert is_large(large)
        assert is_large(1, large)
    for small in ({}, None, 7, "x", [1] * MAX_VALUES, Model(a=1), Model, b"x" * MAX_CHARACTERS):
        assert not is_large(small)
