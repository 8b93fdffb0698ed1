"""What a recorded graph gives is what the graph gives."""

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command

from stratoscope.adapters.langgraph import record
from support.graphs import CATALOGUE, Counting
from support.listing import AsyncListing, Listing

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
DIGEST = re.compile(r"\b[0-9a-f]{32}\b")
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00")
ADDRESS = re.compile(r" at 0x[0-9a-f]+")

MODES: list[Any] = [
    None,
    "values",
    "updates",
    "messages",
    "custom",
    "checkpoints",
    "tasks",
    "debug",
    ["values"],
    ["values", "updates"],
    ("values", "updates"),
    ["tasks", "values", "custom", "messages"],
    ["debug", "checkpoints", "tasks"],
]


def told(value: Any) -> str:
    """The value as text, with what differs from run to run numbered in order of appearance."""
    seen: dict[str, str] = {}
    text = TIME.sub("<time>", ADDRESS.sub("", repr(value)))
    for pattern in (UUID, DIGEST):
        text = pattern.sub(lambda found: seen.setdefault(found[0], f"<{len(seen)}>"), text)
    return text


def inputs_of(name: str) -> Iterator[Any]:
    _, given, resumes = CATALOGUE[name]
    yield given
    for resume in resumes:
        yield Command(resume=resume)


def outcome(call: Callable[[], Any]) -> Any:
    """What a call gives, or what it raises."""
    try:
        return call()
    except Exception as failure:
        return type(failure), failure.args


def streams(graph: Any, name: str, thread: str, **asked: Any) -> list[Any]:
    config = {"configurable": {"thread_id": thread}}
    chunks: list[Any] = []
    for given in inputs_of(name):
        chunks.append(outcome(lambda given=given: consume(graph, given, config, chunks, asked)))
    return chunks


def consume(graph: Any, given: Any, config: Any, chunks: list[Any], asked: Any) -> None:
    for chunk in graph.stream(given, config, **asked):
        # Told at once: a later step may change what was streamed.
        chunks.append(told(chunk))


async def astreams(graph: Any, name: str, thread: str, **asked: Any) -> list[Any]:
    config = {"configurable": {"thread_id": thread}}
    chunks: list[Any] = []
    for given in inputs_of(name):
        try:
            async for chunk in graph.astream(given, config, **asked):
                chunks.append(told(chunk))
        except Exception as failure:
            chunks.append((type(failure), failure.args))
    return chunks


def invokes(graph: Any, name: str, thread: str, **asked: Any) -> list[Any]:
    config = {"configurable": {"thread_id": thread}}
    return [
        outcome(lambda given=given: graph.invoke(given, config, **asked))
        for given in inputs_of(name)
    ]


def pair(name: str, recorder: Any, saver: bool = True) -> tuple[Any, Any]:
    build = CATALOGUE[name][0]
    plain = build(InMemorySaver() if saver else None)
    return plain, record(build(InMemorySaver() if saver else None), recorder)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("subgraphs", [False, True])
@pytest.mark.parametrize("name", CATALOGUE)
def test_stream_yields_the_same_in_every_mode(name: str, subgraphs: bool, version: str) -> None:
    plain, recorded = pair(name, Listing())
    for mode in MODES:
        asked = {"stream_mode": mode, "subgraphs": subgraphs, "version": version}
        expected = streams(plain, name, str(mode), **asked)
        assert told(streams(recorded, name, str(mode), **asked)) == told(expected), mode


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("subgraphs", [False, True])
@pytest.mark.parametrize("name", CATALOGUE)
async def test_astream_yields_the_same_in_every_mode(
    name: str, subgraphs: bool, version: str
) -> None:
    plain, recorded = pair(name, AsyncListing())
    for mode in MODES:
        asked = {"stream_mode": mode, "subgraphs": subgraphs, "version": version}
        expected = await astreams(plain, name, str(mode), **asked)
        assert told(await astreams(recorded, name, str(mode), **asked)) == told(expected), mode


@pytest.mark.parametrize("saver", [True, False])
@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("name", CATALOGUE)
def test_invoke_returns_the_same(name: str, version: str, saver: bool) -> None:
    plain, recorded = pair(name, Listing(), saver)
    for mode in ("values", "updates", ["values", "updates"]):
        asked = {"stream_mode": mode, "version": version}
        expected = invokes(plain, name, str(mode), **asked)
        assert told(invokes(recorded, name, str(mode), **asked)) == told(expected)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("name", ["counting", "asking", "model_state", "with_subgraph"])
async def test_ainvoke_returns_the_same(name: str, version: str) -> None:
    plain, recorded = pair(name, AsyncListing())
    config = {"configurable": {"thread_id": "t"}}
    for given in inputs_of(name):
        expected = await plain.ainvoke(given, config, version=version)
        assert told(await recorded.ainvoke(given, config, version=version)) == told(expected)


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
@pytest.mark.parametrize("name", ["counting", "with_subgraph", "asking"])
def test_durability_is_the_callers(name: str, durability: str) -> None:
    plain, recorded = pair(name, Listing())
    expected = invokes(plain, name, "t", durability=durability)
    assert told(invokes(recorded, name, "t", durability=durability)) == told(expected)
    config = {"configurable": {"thread_id": "t"}}
    saved = [told(state) for state in plain.get_state_history(config)]
    assert [told(state) for state in recorded.get_state_history(config)] == saved


@pytest.mark.parametrize("breakpoint", ["interrupt_before", "interrupt_after"])
def test_breakpoints_of_the_graph_hold_and_resume_as_ever(breakpoint: str) -> None:
    plain, recorded = pair("counting", Listing())
    config = {"configurable": {"thread_id": "t"}}
    for given in ({"n": 0}, None, None):
        asked = {breakpoint: ["rest"], "stream_mode": ["updates", "checkpoints"]}
        expected = list(plain.stream(given, config, **asked))
        assert told(list(recorded.stream(given, config, **asked))) == told(expected)


def test_output_keys_are_the_callers() -> None:
    plain, recorded = pair("counting", Listing())
    config = {"configurable": {"thread_id": "t"}}
    for keys in ("n", ["log"]):
        expected = plain.invoke({"n": 0}, config, output_keys=keys)
        assert recorded.invoke({"n": 0}, config, output_keys=keys) == expected


@pytest.mark.parametrize("asked", [{"print_mode": "updates"}, {"debug": True}])
def test_what_is_printed_is_the_same(asked: Any, capsys: pytest.CaptureFixture[str]) -> None:
    plain, recorded = pair("with_subgraph", Listing())
    config = {"configurable": {"thread_id": "t"}}
    plain.invoke({"n": 0}, config, **asked)
    expected = capsys.readouterr().out
    recorded.invoke({"n": 0}, config, **asked)
    assert expected
    assert told(capsys.readouterr().out) == told(expected)


def test_the_very_exception_of_a_node_comes_out() -> None:
    raised = RuntimeError("mine")

    def boom(state: Any) -> None:
        raise raised

    plain, _ = pair("counting", Listing())
    graph = plain.builder
    graph.add_node("boom", boom)
    graph.add_edge("rest", "boom")
    recorded = record(graph.compile(), Listing())
    with pytest.raises(RuntimeError) as caught:
        recorded.invoke({"n": 0})
    assert caught.value is raised


@pytest.mark.parametrize("given", [{}, None, Command(resume="too early")])
def test_what_the_graph_refuses_is_refused_alike(given: Any) -> None:
    plain, recorded = pair("counting", Listing())
    config = {"configurable": {"thread_id": "t"}}
    expected = outcome(lambda: plain.invoke(given, config))
    assert told(outcome(lambda: recorded.invoke(given, config))) == told(expected)
    expected = outcome(lambda: plain.invoke({"n": 0}))
    assert outcome(lambda: recorded.invoke({"n": 0})) == expected


def test_a_limit_of_steps_is_the_same() -> None:
    plain, recorded = pair("counting", Listing())
    config = {"configurable": {"thread_id": "t"}, "recursion_limit": 2}
    expected = outcome(lambda: plain.invoke({"n": 0}, config))
    assert outcome(lambda: recorded.invoke({"n": 0}, config)) == expected
    assert expected[0].__name__ == "GraphRecursionError"


def test_a_batch_gives_the_same_and_each_thread_is_an_agent() -> None:
    listing = Listing()
    plain, recorded = pair("counting", listing)
    configs = [{"configurable": {"thread_id": f"t{n}"}} for n in range(4)]
    given = [{"n": n} for n in range(4)]
    assert recorded.batch(given, configs) == plain.batch(given, configs)
    assert {record.agent for record in listing.records} == {"t0", "t1", "t2", "t3"}


async def test_concurrent_runs_keep_apart() -> None:
    listing = AsyncListing()
    plain, recorded = pair("counting", listing)
    configs = [{"configurable": {"thread_id": f"t{n}"}} for n in range(8)]
    runs = (recorded.ainvoke({"n": n}, config) for n, config in enumerate(configs))
    results = await asyncio.gather(*runs)
    assert results == [plain.invoke({"n": n}, config) for n, config in enumerate(configs)]
    ids = {record.agent: set() for record in listing.records}
    for event in listing.events():
        assert set(event.causes) <= ids[event.agent]
        ids[event.agent].add(event.id)


async def test_events_of_langchain_are_the_same() -> None:
    plain, recorded = pair("counting", AsyncListing())
    config = {"configurable": {"thread_id": "t"}}

    async def names(graph: Any) -> list[tuple[str, str]]:
        events = graph.astream_events({"n": 0}, config, version="v2")
        return [(event["event"], event["name"]) async for event in events]

    assert await names(recorded) == await names(plain)


def test_a_recorded_graph_is_a_runnable_like_any() -> None:
    listing = Listing()
    plain, recorded = pair("counting", listing)
    config = {"configurable": {"thread_id": "t"}}
    chain = recorded.with_config(tags=["mine"]) | (lambda state: state["n"])
    assert chain.invoke({"n": 0}, config) == 3
    assert isinstance(recorded, type(plain))
    assert recorded.get_name() == plain.get_name()
    assert recorded.get_graph().draw_mermaid() == plain.get_graph().draw_mermaid()
    assert recorded.get_state(config).values == {"n": 3, "log": listing.snapshots()[-1].data["log"]}
    assert listing.events("message_sent")


def test_a_graph_is_left_as_it_was() -> None:
    listing = Listing()
    plain, _ = pair("model_state", listing)
    before = dict(vars(plain))
    record(plain, listing)
    plain.invoke({"n": 0}, {"configurable": {"thread_id": "t"}})
    assert vars(plain) == before
    assert not listing.records


def test_a_recorded_graph_may_be_a_node_of_another() -> None:
    def nested(inner: Any) -> Any:
        graph = StateGraph(Counting)
        graph.add_node("inner", inner)
        graph.add_edge(START, "inner")
        return graph.compile(checkpointer=InMemorySaver())

    listing = Listing()
    build = CATALOGUE["counting"][0]
    plain, outer = nested(build(None)), nested(record(build(None), listing))
    config = {"configurable": {"thread_id": "t"}}
    expected = plain.invoke({"n": 0}, config)
    assert outer.invoke({"n": 0}, config) == expected
    assert not listing.records
    own = nested(record(build(None), listing, agent="inner"))
    assert own.invoke({"n": 0}, config) == expected
    assert {record.agent for record in listing.records} == {"inner"}
