"""What a recorded run leaves in the timeline: states, events and their causes."""

import asyncio
import gc
import subprocess
import sys
import threading
from typing import Any

import pytest
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import EmptyInputError
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt

from stratoscope.adapters.langgraph import record, to_json, to_state
from support import graphs
from support.graphs import CATALOGUE, HELLO
from support.listing import AsyncListing, Listed, Listing

CONFIG: dict[str, Any] = {"configurable": {"thread_id": "t"}}


def recorded(build: Any, listing: Listing, **options: Any) -> Any:
    return record(build(InMemorySaver()), listing, **options)


def causes_of(listing: Listing, event: Listed) -> list[Listed]:
    by_id = {each.id: each for each in listing.events()}
    return [by_id[cause] for cause in event.causes]


def root_of(listing: Listing, event: Listed) -> Listed:
    while event.causes:
        event = causes_of(listing, event)[0]
    return event


def told(listing: Listing) -> list[tuple[str, Any]]:
    return [(each.type or "snapshot", each.data.get("name")) for each in listing.records]


# States


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("name", [name for name in CATALOGUE if name != "failing"])
def test_each_state_is_what_the_history_says(name: str, version: str) -> None:
    listing = Listing()
    build, given, resumes = CATALOGUE[name]
    graph = recorded(build, listing)
    for each in (given, *(Command(resume=resume) for resume in resumes)):
        graph.invoke(each, CONFIG, version=version)
    history = {
        s.config["configurable"]["checkpoint_id"]: s for s in graph.get_state_history(CONFIG)
    }
    kept = {snapshot.metadata["checkpoint_id"]: snapshot for snapshot in listing.snapshots()}
    assert kept.keys() == history.keys()
    for checkpoint_id, saved in history.items():
        snapshot = kept[checkpoint_id]
        assert snapshot.data == to_state(saved.values)
        assert snapshot.metadata["next"] == list(saved.next)
        assert snapshot.metadata["metadata"] == to_json(saved.metadata)
        parent = (saved.parent_config or {"configurable": {}})["configurable"].get("checkpoint_id")
        assert snapshot.metadata["parent_checkpoint_id"] == parent
        assert snapshot.label == f"step {saved.metadata['step']}"


def test_a_resume_does_not_record_its_checkpoint_again() -> None:
    listing = Listing()
    graph = recorded(graphs.asking, listing)
    graph.invoke({"n": 0}, CONFIG)
    before = len(listing.snapshots())
    graph.invoke(Command(resume="yes"), CONFIG)
    assert len(listing.snapshots()) == before


def test_an_update_that_comes_with_a_resume_changes_the_state_of_its_checkpoint() -> None:
    listing = Listing()
    graph = recorded(graphs.asking, listing)
    graph.invoke({"n": 0}, CONFIG)
    graph.invoke(Command(resume="yes", update={"n": 40}), CONFIG)
    last = listing.snapshots()[-1]
    assert last.data["n"] == 40
    assert last.data == to_state(graph.get_state(last_config(last)).values)


def last_config(snapshot: Listed) -> Any:
    place = {"thread_id": "t", "checkpoint_id": snapshot.metadata["checkpoint_id"]}
    return {"configurable": {**place, "checkpoint_ns": ""}}


def test_without_a_checkpointer_the_output_after_each_step_stands_for_the_state() -> None:
    listing = Listing()
    record(graphs.counting(None), listing).invoke({"n": 1})
    assert [snapshot.data["n"] for snapshot in listing.snapshots()] == [1, 2, 3]
    assert {snapshot.metadata["source"] for snapshot in listing.snapshots()} == {"values"}
    record(graphs.counting(None), listing).invoke({"n": 1})
    assert len({each.agent for each in listing.records}) == 2


# Events and their causes


def test_a_run_is_told_from_its_input_to_its_end() -> None:
    listing = Listing()
    recorded(graphs.counting, listing).invoke({"n": 2}, CONFIG)
    assert told(listing) == [
        ("message_received", None),
        ("snapshot", None),
        ("snapshot", None),
        ("action_execution", "up"),
        ("state_change", "up"),
        ("snapshot", None),
        ("action_execution", "rest"),
        ("state_change", "rest"),
        ("snapshot", None),
        ("message_sent", None),
    ]
    received, up, upped, *_, sent = listing.events()
    assert received.data == {"input": {"n": 2}}
    assert received.occurred_at is not None
    assert upped.data["result"] == {"n": 3, "log": ["up to 3"]}
    assert sent.data == {"status": "done", "next": []}
    assert up.metadata["thread_id"] == "t"
    chain = listing.events()
    assert [causes_of(listing, event) for event in chain[1:]] == [[event] for event in chain[:-1]]


def test_of_an_input_only_what_differs_from_the_state_is_repeated() -> None:
    listing = Listing()
    recorded(graphs.fanning, listing).invoke({"n": 0}, CONFIG)
    plan = listing.named(type="action_execution", name="plan")
    assert (plan.data["input"], plan.data["input_from_state"]) == ({}, ["n", "log"])
    sent = [e for e in listing.events("action_execution") if e.data["name"] == "worker"]
    assert sorted(event.data["input"]["k"] for event in sent) == [1, 2]


def test_a_task_is_caused_by_the_results_that_triggered_it() -> None:
    listing = Listing()
    recorded(graphs.fanning, listing).invoke({"n": 0}, CONFIG)

    def causes(name: str) -> list[tuple[str, str]]:
        starts = [e for e in listing.events("action_execution") if e.data["name"] == name]
        return [(e.type, e.data["name"]) for start in starts for e in causes_of(listing, start)]

    assert causes("short") == causes("long") == [("state_change", "plan")]
    assert causes("longer") == [("state_change", "long")]
    assert causes("worker") == [("state_change", "short")] * 2
    assert causes("join") == [("state_change", "short"), ("state_change", "longer")]


def test_a_called_task_is_caused_by_its_caller_and_causes_its_result() -> None:
    listing = Listing()
    recorded(graphs.functional, listing).invoke({"n": 2}, CONFIG)
    work = listing.named(type="action_execution", name="work")
    calls = [e for e in listing.events("action_execution") if e.data["name"] == "double"]
    results = [e for e in listing.events("state_change") if e.data["name"] == "double"]
    assert [causes_of(listing, call) for call in calls] == [[work], [work]]
    assert causes_of(listing, listing.named(type="state_change", name="work")) == [work, *results]


def test_a_subgraph_is_seen_from_the_inside() -> None:
    listing = Listing()
    recorded(graphs.with_subgraph, listing).invoke({"n": 0}, CONFIG)
    inner = listing.named(type="action_execution", name="inner")
    first = listing.named(type="action_execution", name="first")
    second = listing.named(type="state_change", name="second")
    assert causes_of(listing, first) == [inner]
    assert causes_of(listing, listing.named(type="state_change", name="inner")) == [inner, second]
    assert first.metadata["ns"] == [f"inner:{inner.data['task_id']}"]
    checkpoints = listing.events("langgraph.checkpoint")
    assert [event.data["values"]["log"] for event in checkpoints] == [
        [],
        ["up to 1"],
        ["up to 1", "first"],
        ["up to 1", "first", "second"],
    ]
    assert {tuple(s.metadata["ns"]) for s in listing.snapshots()} == {()}


def test_a_subgraph_may_be_left_closed() -> None:
    listing = Listing()
    recorded(graphs.with_subgraph, listing, subgraphs=False).invoke({"n": 0}, CONFIG)
    names = {event.data.get("name") for event in listing.events()}
    assert names == {None, "before", "inner", "after"}


@pytest.mark.timeout(30)
async def test_a_graph_with_a_subgraph_may_be_held_to_one_task_at_a_time() -> None:
    """LangGraph would wait for ever for the thread that it waits in."""
    alone = {**CONFIG, "max_concurrency": 1}
    listing, awaited = Listing(), AsyncListing()
    recorded(graphs.with_subgraph, listing).invoke({"n": 0}, alone)
    assert not listing.events("langgraph.checkpoint")
    await recorded(graphs.with_subgraph, awaited).ainvoke({"n": 0}, alone)
    assert awaited.events("langgraph.checkpoint")
    assert [each.data for each in listing.snapshots()] == [
        each.data for each in awaited.snapshots()
    ]


def test_messages_of_tools_and_models_give_a_result_its_type() -> None:
    def answer(message: Any) -> Any:
        graph = StateGraph(graphs.Chat)
        graph.add_node("node", lambda state: {"messages": [message]})
        graph.add_edge(START, "node")
        listing = Listing()
        record(graph.compile(), listing).invoke(HELLO)
        return listing.events()[2].type

    call = {"name": "read", "args": {}, "id": "c1"}
    assert answer(AIMessage("", tool_calls=[call])) == "decision_made"
    assert answer(ToolMessage("no", tool_call_id="c1", status="error")) == "error_occurred"
    assert answer(AIMessage("done")) == "state_change"


def test_a_failure_is_told_with_its_traceback_and_ends_the_run() -> None:
    listing = Listing()
    with pytest.raises(ValueError, match="no such unit"):
        recorded(graphs.failing, listing).invoke({"n": 0}, CONFIG)
    (failed,) = listing.events("error_occurred")
    sent = listing.events()[-1]
    assert failed.data["name"] == "boom"
    assert failed.data["error"]["type"] == "builtins.ValueError"
    assert failed.data["error"]["message"] == "no such unit"
    assert "in boom" in failed.data["error"]["traceback"]
    assert causes_of(listing, failed) == [listing.named(type="action_execution", name="boom")]
    assert sent.data["status"] == "failed"
    assert causes_of(listing, sent) == [failed]


def test_a_failure_that_no_task_reports_is_told_too() -> None:
    listing = Listing()
    with pytest.raises(RecursionError):
        recorded(graphs.counting, listing).invoke({"n": 0}, CONFIG | {"recursion_limit": 2})
    (failed,) = listing.events("error_occurred")
    assert failed.data["error"]["type"] == "langgraph.errors.GraphRecursionError"
    assert [event.data["name"] for event in causes_of(listing, failed)] == ["rest"]


def test_a_run_that_never_begins_is_told() -> None:
    listing = Listing()
    with pytest.raises(EmptyInputError):
        recorded(graphs.counting, listing).invoke(None, CONFIG)
    types = [event.type for event in listing.events()]
    assert types == ["message_received", "error_occurred", "message_sent"]


def test_a_stream_that_is_left_is_closed() -> None:
    listing = Listing()
    stream = recorded(graphs.counting, listing).stream({"n": 0}, CONFIG, stream_mode="updates")
    next(stream)
    stream.close()
    assert listing.events()[-1].data["status"] == "closed"


async def test_an_astream_that_is_left_is_closed() -> None:
    listing = AsyncListing()
    stream = recorded(graphs.counting, listing).astream({"n": 0}, CONFIG, stream_mode="updates")
    await anext(stream)
    await stream.aclose()
    assert listing.events()[-1].data["status"] == "closed"


async def test_a_run_that_is_cancelled_is_told_so() -> None:
    begun = asyncio.Event()

    async def wait(state: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    graph = StateGraph(graphs.Counting)
    graph.add_node("wait", wait)
    graph.add_edge(START, "wait")
    listing = AsyncListing()
    run = asyncio.create_task(record(graph.compile(), listing).ainvoke({"n": 0}))
    await begun.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert listing.events()[-1].data["status"] == "cancelled"
    assert not listing.events("error_occurred")


# Across runs


def test_interrupts_and_resumes_are_one_chain() -> None:
    listing = Listing()
    graph = recorded(graphs.asking, listing)
    for given in ({"n": 0}, Command(resume="yes"), Command(resume="no")):
        graph.invoke(given, CONFIG)
    one, two = listing.events("langgraph.interrupt")
    assert (one.data["interrupt"]["value"], two.data["interrupt"]["value"]) == ("one?", "two?")
    received, resumed, resumed_again = listing.events("message_received")
    ended, ended_again, done = listing.events("message_sent")
    assert [e.data["status"] for e in (ended, ended_again, done)] == [
        "interrupted",
        "interrupted",
        "done",
    ]
    assert ended.data["next"] == ["ask"]
    assert causes_of(listing, ended) == [one]
    assert causes_of(listing, resumed) == [ended]
    assert causes_of(listing, resumed_again) == [ended_again]
    assert root_of(listing, done) == received
    assert len({event.id for event in listing.events()}) == len(listing.events())


def test_a_resume_in_another_process_names_the_end_it_has_not_seen() -> None:
    listing, saver = Listing(), InMemorySaver()
    record(graphs.asking(saver), listing).invoke({"n": 0}, CONFIG)
    record(graphs.asking(saver), listing).invoke(Command(resume="yes"), CONFIG)
    (ended, _), (_, resumed) = listing.events("message_sent"), listing.events("message_received")
    assert causes_of(listing, resumed) == [ended]


def test_a_further_turn_is_caused_by_the_one_before() -> None:
    listing = Listing()
    graph = recorded(graphs.counting, listing)
    graph.invoke({"n": 0}, CONFIG)
    graph.invoke({"n": 0}, CONFIG)
    (first, _), (_, second) = listing.events("message_sent"), listing.events("message_received")
    assert causes_of(listing, second) == [first]


def test_a_fork_is_caused_by_what_led_to_where_it_leaves() -> None:
    listing = Listing()
    graph = recorded(graphs.counting, listing)
    graph.invoke({"n": 0}, CONFIG)
    past = next(s for s in graph.get_state_history(CONFIG) if s.values.get("n") == 1)
    led_there = next(e for e in listing.events("state_change") if e.data["name"] == "rest")
    graph.invoke(None, past.config)
    forked = listing.events("message_received")[1]
    assert causes_of(listing, forked) == [led_there]
    sources = [snapshot.metadata["source"] for snapshot in listing.snapshots()]
    assert sources.count("fork") == 1


def test_a_tasks_result_that_a_resume_hands_back_is_not_told_as_a_run() -> None:
    graph = StateGraph(graphs.Counting)
    graph.add_node("quick", lambda state: {"log": ["quick"]})
    graph.add_node("ask", lambda state: {"log": [interrupt("?")]})
    graph.add_node("after", lambda state: None)
    graph.add_edge(START, "quick")
    graph.add_edge(START, "ask")
    graph.add_edge(["quick", "ask"], "after")
    listing = Listing()
    asking = record(graph.compile(checkpointer=InMemorySaver()), listing)
    asking.invoke({"n": 0}, CONFIG)
    asking.invoke(Command(resume="yes"), CONFIG)
    listing.named(type="action_execution", name="quick")
    after = listing.named(type="action_execution", name="after")
    names = {event.data["name"] for event in causes_of(listing, after)}
    assert names == {"quick", "ask"}


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_update_from_outside_is_a_change_of_memory(asynchronous: bool) -> None:
    listing = Listing()
    graph = recorded(graphs.asking, listing)
    graph.invoke({"n": 0}, CONFIG)
    if asynchronous:
        config = await graph.aupdate_state(CONFIG, {"n": 40})
    else:
        config = graph.update_state(CONFIG, {"n": 40})
    (updated,) = listing.events("memory_update")
    snapshot = listing.snapshots()[-1]
    assert updated.data["updates"][0]["values"] == {"n": 40}
    assert causes_of(listing, updated) == listing.events("message_sent")
    assert snapshot.metadata["source"] == "update"
    assert snapshot.data == to_state(graph.get_state(config).values)
    graph.invoke(None, CONFIG)
    assert causes_of(listing, listing.events("message_received")[1]) == [updated]


# Recorders


def test_the_agent_may_be_named() -> None:
    listing = Listing()
    recorded(graphs.counting, listing, agent="biller").invoke({"n": 2}, CONFIG)
    assert {record.agent for record in listing.records} == {"biller"}


def test_an_async_recorder_does_not_record_synchronous_calls() -> None:
    graph = recorded(graphs.counting, AsyncListing())
    for call in (
        lambda: graph.invoke({"n": 2}, CONFIG),
        lambda: list(graph.stream({"n": 2}, CONFIG)),
        lambda: graph.update_state(CONFIG, {"n": 2}),
    ):
        with pytest.raises(TypeError, match="connect_sync"):
            call()


async def test_a_sync_recorder_records_asynchronous_calls() -> None:
    listing = Listing()
    await recorded(graphs.counting, listing).ainvoke({"n": 2}, CONFIG)
    assert len(listing.events()) == 6


def test_only_a_compiled_graph_is_recorded_and_only_once() -> None:
    with pytest.raises(TypeError, match="compiled LangGraph graph"):
        record(graphs.counting(None).builder, Listing())
    with pytest.raises(TypeError, match="recorded already"):
        record(recorded(graphs.counting, Listing()), Listing())


class Refusing(Listing):
    """A recorder that takes no snapshot and no event with data about a node."""

    def agent(self, name: str) -> Any:
        inner = super().agent(name)

        class Agent:
            def event(self, type: str, data: Any, **more: Any) -> str:
                if "input" in data or "result" in data:
                    raise ValueError("too large")
                return inner.event(type, data, **more)

            def snapshot(self, *args: Any, **kwargs: Any) -> str:
                raise ValueError("too large")

        return Agent()


def test_a_record_that_is_refused_keeps_its_place_and_harms_nothing() -> None:
    listing = Refusing()
    graph = recorded(graphs.counting, listing)
    assert graph.invoke({"n": 2}, CONFIG)["n"] == 3
    types = [event.type for event in listing.events() if event.type != "langgraph.refused"]
    assert types == [
        "message_received",
        "action_execution",
        "state_change",
        "action_execution",
        "state_change",
        "message_sent",
    ]
    assert "too large" in listing.events()[0].data["refused"]
    assert all(causes_of(listing, e) for e in listing.events("action_execution"))


class Broken(Listing):
    def agent(self, name: str) -> Any:
        class Agent:
            def event(self, *args: Any, **kwargs: Any) -> str:
                raise RuntimeError("broken")

            snapshot = event

        return Agent()


async def test_a_recorder_that_always_fails_harms_nothing() -> None:
    graph = recorded(graphs.counting, Broken())
    assert graph.invoke({"n": 2}, CONFIG)["n"] == 3
    assert (await graph.ainvoke({"n": 2}, CONFIG))["n"] == 3
    graph.update_state(CONFIG, {"n": 1})


def test_threads_share_a_recorded_graph() -> None:
    listing = Listing()
    graph = recorded(graphs.counting, listing)

    def run(thread: int) -> None:
        graph.invoke({"n": 0}, {"configurable": {"thread_id": f"t{thread}"}})

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lengths = [sum(r.agent == f"t{n}" for r in listing.records) for n in range(8)]
    assert len(set(lengths)) == 1


def test_a_stream_that_is_forgotten_is_closed_by_the_interpreter() -> None:
    listing = Listing()
    stream = recorded(graphs.counting, listing).stream({"n": 0}, CONFIG)
    next(stream)
    del stream
    gc.collect()
    assert listing.events()[-1].data["status"] == "closed"


def test_nodes_run_in_the_callers_thread_as_ever() -> None:
    ran_in: list[int] = []
    graph = StateGraph(graphs.Counting)
    graph.add_node("look", lambda state: ran_in.append(threading.get_ident()))
    graph.add_edge(START, "look")
    record(graph.compile(), Listing()).invoke({"n": 0})
    assert ran_in == [threading.get_ident()]


def test_metadata_that_would_be_too_large_is_cut_with_a_marker() -> None:
    thread = "t" * 20_000
    listing = Listing()
    graph = recorded(graphs.counting, listing)
    graph.invoke({"n": 2}, {"configurable": {"thread_id": thread}})
    assert len({record.agent for record in listing.records}) == 1
    for each in listing.records:
        assert each.metadata["thread_id"] == {"$truncated": 20_002}


def test_without_langgraph_the_import_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['langgraph'] = None\n"
        "try:\n    import stratoscope.adapters.langgraph\n"
        "except ImportError as error:\n    print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'stratoscope[langgraph]'" in said.stdout
