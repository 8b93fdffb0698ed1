"""What runs leave that resume, replay, end early, fail in part, hand over or call tasks."""

import asyncio
import logging
import operator
import threading
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.channels import UntrackedValue
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

from stratoscope.adapters.langgraph import record, to_state
from stratoscope.recorder.errors import RecorderClosed
from support.listing import AsyncListing, Listed, Listing

CONFIG: dict[str, Any] = {"configurable": {"thread_id": "t"}}


class Steps(TypedDict):
    v: Annotated[list[Any], operator.add]


def names_of_causes(listing: Listing, event: Listed) -> list[tuple[str | None, Any]]:
    by_id = {each.id: each for each in listing.events()}
    return [(by_id[cause].type, by_id[cause].data.get("name")) for cause in event.causes]


def started(listing: Listing) -> list[str]:
    return [event.data["name"] for event in listing.events("action_execution")]


def assert_each_id_once(listing: Listing) -> None:
    ids = [each.id for each in listing.records]
    assert len(ids) == len(set(ids))
    known = {each.id for each in listing.events()}
    assert all(set(event.causes) <= known for event in listing.events())


def asking_beside() -> StateGraph[Any]:
    """`pre`, then `done` beside `ask`, which interrupts, then `join`."""
    builder = StateGraph(Steps)
    for name in ("pre", "done", "join"):
        builder.add_node(name, lambda state, name=name: {"v": [name]})
    builder.add_node("ask", lambda state: {"v": [interrupt("?")]})
    builder.add_edge(START, "pre").add_edge("pre", "done").add_edge("pre", "ask")
    return builder.add_edge(["done", "ask"], "join")


def test_the_resume_of_a_replay_is_caused_by_the_replay() -> None:
    listing = Listing()
    graph = record(asking_beside().compile(checkpointer=InMemorySaver()), listing)
    graph.invoke({"v": []}, CONFIG)
    graph.invoke(Command(resume=1), CONFIG)
    past = next(each for each in graph.get_state_history(CONFIG) if len(each.next) == 2)
    before = len(listing.records)
    graph.invoke(None, past.config)
    replayed = listing.records[before:]
    resumed_from = len(listing.records)
    graph.invoke(Command(resume=2), CONFIG)
    resume, *rest = listing.records[resumed_from:]
    (end,) = [each for each in replayed if each.type == "message_sent"]
    assert resume.type == "message_received"
    assert resume.causes == (end.id,)
    assert names_of_causes(listing, end) == [("langgraph.interrupt", "ask")]
    # What the replay's own `done` came to is handed back, and not started again.
    assert [each.data["name"] for each in rest if each.type == "action_execution"] == [
        "ask",
        "join",
    ]
    (join,) = [each for each in rest if each.data.get("name") == "join" and each.causes][:1]
    assert sorted(names_of_causes(listing, join)) == [
        ("state_change", "ask"),
        ("state_change", "done"),
    ]
    assert_each_id_once(listing)


def test_replays_and_forks_are_named() -> None:
    listing = Listing()
    graph = record(asking_beside().compile(checkpointer=InMemorySaver()), listing)
    graph.invoke({"v": []}, CONFIG)
    graph.invoke(Command(resume=1), CONFIG)
    head = graph.get_state(CONFIG).config
    past = next(each for each in graph.get_state_history(CONFIG) if each.metadata["step"] == 1)
    graph.update_state(head, {"v": ["on"]}, as_node="join")
    graph.invoke(None, past.config)
    graph.invoke({"v": ["new"]}, past.config)
    graph.update_state(past.config, {"v": ["by hand"]}, as_node="pre")
    told = [(each.type, each.data["reason"]) for each in listing.events() if "reason" in each.data]
    assert told == [
        ("message_received", "replay from step 1"),
        ("message_received", "fork of step 1"),
        ("memory_update", "fork of step 1"),
    ]


@pytest.mark.parametrize("processes", [1, 4])
def test_each_of_several_runs_that_end_at_one_checkpoint_has_an_end(processes: int) -> None:
    """A functional workflow that asks three times makes its first checkpoint at its end."""
    listing = Listing()

    @entrypoint(checkpointer=InMemorySaver())
    def flow(given: str) -> list[Any]:
        return [interrupt("a"), interrupt("b"), interrupt("c")]

    graphs = [record(flow, listing) for _ in range(processes)]
    for number, given in enumerate(("go", Command(resume=1), Command(resume=2), Command(resume=3))):
        graphs[number % processes].invoke(given, CONFIG)
    opened, ended = listing.events("message_received"), listing.events("message_sent")
    assert [end.data["status"] for end in ended] == ["interrupted"] * 3 + ["done"]
    assert [start.causes for start in opened] == [(), *((end.id,) for end in ended[:-1])]
    assert_each_id_once(listing)


def test_a_resume_that_fails_twice_has_two_ends() -> None:
    listing = Listing()
    builder = StateGraph(Steps).add_node("bad", lambda state: {"v": [1 / 0]})
    graph = record(builder.add_edge(START, "bad").compile(checkpointer=InMemorySaver()), listing)
    for given in ({"v": []}, None, None):
        with pytest.raises(ZeroDivisionError):
            graph.invoke(given, CONFIG)
    opened, ended = listing.events("message_received"), listing.events("message_sent")
    assert [start.causes for start in opened] == [(), (ended[0].id,), (ended[1].id,)]
    assert_each_id_once(listing)


def asking_first() -> StateGraph[Any]:
    builder = StateGraph(Steps).add_node("ask", lambda state: {"v": [interrupt("?")]})
    builder.add_node("z", lambda state: {"v": ["z"]})
    return builder.add_edge(START, "ask").add_edge("ask", "z")


def test_a_stream_that_is_left_early_records_what_the_saver_holds() -> None:
    listing = Listing()
    graph = record(asking_first().compile(checkpointer=InMemorySaver()), listing)
    for _ in graph.stream({"v": ["i"]}, CONFIG, stream_mode="updates"):
        break  # at the interrupt
    assert [
        event.data["interrupt"]["value"] for event in listing.events("langgraph.interrupt")
    ] == ["?"]
    for part in graph.stream(Command(resume="y"), CONFIG, stream_mode="updates"):
        if "z" in part:
            break  # at the answer
    assert listing.snapshots()[-1].data == to_state(graph.get_state(CONFIG).values)
    assert listing.named(type="state_change", name="z").data["result"] == {"v": ["z"]}
    first, second = listing.events("message_sent")
    assert (first.data["status"], second.data["status"]) == ("closed", "closed")
    assert names_of_causes(listing, second) == [("state_change", "z")]
    graph.invoke({"v": ["next"]}, CONFIG)
    assert listing.events("message_received")[-1].causes == (second.id,)
    assert_each_id_once(listing)


async def test_an_asynchronous_stream_that_is_left_early_does_so_too() -> None:
    listing = AsyncListing()
    graph = record(asking_first().compile(checkpointer=InMemorySaver()), listing)
    stream = graph.astream({"v": ["i"]}, CONFIG, stream_mode="updates")
    await anext(stream)
    await stream.aclose()
    assert [event.data["name"] for event in listing.events("langgraph.interrupt")] == ["ask"]
    async for part in (stream := graph.astream(Command(resume="y"), CONFIG, stream_mode="updates")):
        if "z" in part:
            break
    await stream.aclose()
    saved = await graph.aget_state(CONFIG)
    assert listing.snapshots()[-1].data == to_state(saved.values)
    assert_each_id_once(listing)


async def test_a_cancelled_run_records_what_the_saver_holds() -> None:
    listing, begun = AsyncListing(), asyncio.Event()

    async def slow(state: Steps) -> Steps:
        begun.set()
        await asyncio.Event().wait()
        return {"v": []}

    builder = StateGraph(Steps).add_node("quick", lambda state: {"v": ["quick"]})
    builder.add_node("slow", slow).add_edge(START, "quick").add_edge("quick", "slow")
    graph = record(builder.compile(checkpointer=InMemorySaver()), listing)
    run = asyncio.create_task(graph.ainvoke({"v": []}, CONFIG))
    await begun.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert listing.events()[-1].data["status"] == "cancelled"
    assert listing.snapshots()[-1].data == {"v": ["quick"]}


def test_the_sibling_of_a_failed_task_has_its_result() -> None:
    """LangGraph keeps it and hands it back to the next run."""
    listing, failed, tries = Listing(), threading.Event(), []

    def bad(state: Steps) -> Steps:
        tries.append(1)
        if len(tries) == 1:
            failed.set()
            raise ZeroDivisionError
        return {"v": ["ok"]}

    def beside(state: Steps) -> Steps:
        failed.wait(10)
        # After the failure is out, as far as a task can tell.
        threading.Event().wait(0.05)
        return {"v": ["beside"]}

    builder = StateGraph(Steps).add_node("bad", bad).add_node("beside", beside)
    builder.add_node("z", lambda state: {"v": []})
    builder.add_edge(START, "bad").add_edge(START, "beside").add_edge(["bad", "beside"], "z")
    graph = record(builder.compile(checkpointer=InMemorySaver()), listing)
    with pytest.raises(ZeroDivisionError):
        graph.invoke({"v": []}, CONFIG)
    assert listing.named(type="state_change", name="beside").data["result"] == {"v": ["beside"]}
    assert graph.invoke(None, CONFIG) == {"v": ["ok", "beside"]}
    assert started(listing) == ["bad", "beside", "bad", "z"]
    last = listing.named(type="action_execution", name="z")
    assert sorted(names_of_causes(listing, last)) == [
        ("state_change", "bad"),
        ("state_change", "beside"),
    ]
    assert_each_id_once(listing)


@pytest.mark.parametrize("processes", [1, 2])
def test_an_update_of_what_waits_is_caused_by_the_end_of_the_run(processes: int) -> None:
    listing = Listing()
    compiled = asking_beside().compile(checkpointer=InMemorySaver())
    graphs = [record(compiled, listing) for _ in range(processes)]
    graphs[0].invoke({"v": []}, CONFIG)
    graphs[-1].update_state(CONFIG, {"v": ["by hand"]}, as_node="pre")
    (update,) = listing.events("memory_update")
    assert names_of_causes(listing, update) == [("message_sent", None)]
    assert listing.snapshots()[-1].data == to_state(compiled.get_state(CONFIG).values)
    assert_each_id_once(listing)


def test_the_first_update_of_a_thread_has_no_cause() -> None:
    listing = Listing()
    graph = record(asking_first().compile(checkpointer=InMemorySaver()), listing)
    graph.update_state(CONFIG, {"v": ["by hand"]}, as_node="ask")
    (update,) = listing.events("memory_update")
    assert update.causes == ()
    assert listing.snapshots()[-1].data == {"v": ["by hand"]}


def test_an_error_of_an_earlier_turn_is_not_one_of_this_turn() -> None:
    """The result of a subgraph is its whole state."""

    def work(state: MessagesState) -> dict[str, Any]:
        if len(state["messages"]) > 1:
            return {"messages": [AIMessage("fine")]}
        call = {"name": "t", "args": {}, "id": "c1"}
        broken = ToolMessage("broke", tool_call_id="c1", status="error")
        return {"messages": [AIMessage("", tool_calls=[call]), broken]}

    inner = StateGraph(MessagesState).add_node("work", work).add_edge(START, "work").compile()
    builder = StateGraph(MessagesState).add_node("agent", inner).add_edge(START, "agent")
    listing = Listing()
    graph = record(builder.compile(checkpointer=InMemorySaver()), listing)
    graph.invoke({"messages": [("user", "one")]}, CONFIG)
    assert [e.data["name"] for e in listing.events("error_occurred")] == ["work", "agent"]
    before = len(listing.records)
    graph.invoke({"messages": [("user", "two")]}, CONFIG)
    types = [each.type for each in listing.records[before:]]
    assert "error_occurred" not in types
    assert "decision_made" not in types


def test_a_decision_is_told_again_where_it_is_made_again() -> None:
    """Of equal calls each message has an id of its own."""
    call = {"name": "t", "args": {}, "id": "c1"}
    builder = StateGraph(MessagesState)
    builder.add_node("model", lambda state: {"messages": [AIMessage("", tool_calls=[call])]})
    listing = Listing()
    graph = record(builder.add_edge(START, "model").compile(checkpointer=InMemorySaver()), listing)
    for _ in range(2):
        graph.invoke({"messages": [("user", "go")]}, CONFIG)
    assert len(listing.events("decision_made")) == 2


class Secretive(TypedDict, total=False):
    a: int
    key: Annotated[str, UntrackedValue]


def test_untracked_channels_are_recorded_nowhere() -> None:
    """LangGraph keeps them out of its checkpoints: they hold connections and secrets."""
    inner = StateGraph(Secretive).add_node("in", lambda state: {"key": "sk-inner", "a": 2})
    builder = StateGraph(Secretive).add_node("n", lambda state: {"a": 1, "key": "sk-node"})
    builder.add_node("sub", inner.add_edge(START, "in").compile())
    builder.add_edge(START, "n").add_edge("n", "sub")
    for saver in (InMemorySaver(), None):
        listing = Listing()
        graph = record(builder.compile(checkpointer=saver), listing)
        graph.invoke({"a": 0, "key": "sk-input"}, CONFIG)
        if saver:
            graph.invoke(Command(update={"a": 3, "key": "sk-command"}, goto="n"), CONFIG)
            graph.update_state(CONFIG, {"a": 4, "key": "sk-update"})
            assert listing.snapshots()[-1].data == to_state(graph.get_state(CONFIG).values)
        assert "sk-" not in repr(listing.records)
        assert listing.snapshots()[-1].data["a"] in (2, 4)


def test_what_has_the_name_of_another_graphs_untracked_channel_is_recorded() -> None:
    class Open(TypedDict, total=False):
        a: int
        key: str

    inner = StateGraph(Secretive).add_node("in", lambda state: {"key": "sk-inner", "a": 2})
    builder = StateGraph(Open).add_node("n", lambda state: {"key": "plain"})
    builder.add_node("sub", lambda state: {"a": inner_graph.invoke({"a": 1})["a"]})
    inner_graph = inner.add_edge(START, "in").compile()
    listing = Listing()
    record(builder.add_edge(START, "n").add_edge("n", "sub").compile(), listing).invoke({"a": 0})
    assert listing.snapshots()[-1].data == {"a": 2, "key": "plain"}
    assert "sk-" not in repr(listing.records)


def test_a_node_that_hands_over_to_the_parent_graph_ends() -> None:
    class Handed(TypedDict, total=False):
        a: str

    def hand(state: Handed) -> Any:
        return Command(graph=Command.PARENT, goto="bob", update={"a": "handed"})

    alice = StateGraph(Handed).add_node("think", lambda state: {"a": "bob!"})
    alice.add_node("hand", hand).add_edge(START, "think").add_edge("think", "hand")
    builder = StateGraph(Handed).add_node("alice", alice.compile(), destinations=("bob",))
    builder.add_node("bob", lambda state: {"a": "hi"}).add_edge(START, "alice")
    listing = Listing()
    record(builder.compile(), listing).invoke({"a": ""})
    handed = listing.named(type="state_change", name="hand")
    assert handed.data["result"] == {"a": "handed"}
    assert names_of_causes(listing, handed) == [("action_execution", "hand")]
    outer = listing.named(type="state_change", name="alice")
    assert names_of_causes(listing, outer) == [
        ("action_execution", "alice"),
        ("state_change", "hand"),
    ]
    assert_each_id_once(listing)


def test_calls_that_finished_before_a_resume_are_not_shown_again() -> None:
    listing, paid = Listing(), []

    @task
    def fee(amount: int) -> int:
        return amount + 1

    @task
    def pay(amount: int) -> int:
        paid.append(amount)
        return fee(amount).result() + fee(10 * amount).result()

    @entrypoint(checkpointer=InMemorySaver())
    def flow(amount: int) -> list[Any]:
        both = pay(amount), pay(amount + 1)
        return [*(each.result() for each in both), interrupt("sure?")]

    graph = record(flow, listing)
    graph.invoke(1, CONFIG)
    graph.invoke(Command(resume="yes"), CONFIG)
    assert sorted(paid) == [1, 2]
    assert sorted(started(listing)) == ["fee"] * 4 + ["flow"] * 2 + ["pay"] * 2
    ended = listing.named(type="state_change", name="flow")
    assert sorted(names_of_causes(listing, ended)) == [
        ("action_execution", "flow"),
        ("state_change", "pay"),
        ("state_change", "pay"),
    ]
    assert_each_id_once(listing)


def test_a_call_is_caused_by_the_task_that_called_it() -> None:
    listing = Listing()

    @task
    def inner(number: int) -> int:
        return number

    @task
    def outer(number: int) -> int:
        return inner(number).result()

    @entrypoint(checkpointer=InMemorySaver())
    def flow(given: int) -> int:
        both = [outer(1), outer(2)]
        return sum(each.result() for each in both)

    record(flow, listing).invoke(1, CONFIG)
    by_id = {each.id: each for each in listing.events()}
    calls = [e for e in listing.events("action_execution") if e.data["name"] == "inner"]
    for call in calls:
        (caller,) = [by_id[cause] for cause in call.causes]
        assert caller.data["name"] == "outer"
        assert caller.data["input"] == call.data["input"]
    results = [e for e in listing.events("state_change") if e.data["name"] == "outer"]
    assert [names_of_causes(listing, result) for result in results] == [
        [("action_execution", "outer"), ("state_change", "inner")]
    ] * 2


def test_a_huge_error_is_recorded_without_its_middle() -> None:
    def boom(state: Steps) -> Steps:
        raise ValueError("reply was: " + "x" * 12_000_000)

    listing = Listing()
    graph = StateGraph(Steps).add_node("boom", boom).add_edge(START, "boom").compile()
    with pytest.raises(ValueError, match="reply was"):
        record(graph, listing).invoke({"v": []})
    (failed,) = listing.events("error_occurred")
    error = failed.data["error"]
    assert error["type"] == "builtins.ValueError"
    assert error["message"].startswith("reply was: xxx")
    assert "characters cut" in error["message"]
    assert "in boom" in error["traceback"]
    assert error["exception"]["$type"] == "ValueError"
    assert len(repr(failed.data)) < 100_000
    assert listing.events()[-1].data["error"]["type"] == "builtins.ValueError"


def test_a_closed_recorder_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    class Closed:
        def agent(self, name: str) -> "Closed":
            return self

        def event(self, *_: Any, **__: Any) -> str:
            raise RecorderClosed("the recorder is closed")

        snapshot = gate = event

    def count(state: dict[str, Any]) -> dict[str, Any]:
        return {"v": [1]}

    builder = StateGraph(Steps).add_node("a", count).add_node("b", count)
    graph = record(builder.add_edge(START, "a").add_edge("a", "b").compile(), Closed())
    with caplog.at_level(logging.DEBUG, "stratoscope"):
        for _ in range(3):
            assert graph.invoke({"v": []}) == {"v": [1, 1]}
    assert [each.getMessage() for each in caplog.records] == [
        "stratoscope records no more of a langgraph graph: the recorder is closed"
    ]
    assert caplog.records[0].exc_info is None
