"""Small LangGraph graphs, each with one thing that makes recording hard."""

import operator
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Annotated, Any, TypedDict

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.config import get_stream_writer
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph, add_messages
from langgraph.types import Command, Send, interrupt
from pydantic import BaseModel, Field

Saver = BaseCheckpointSaver[str] | None


class Counting(TypedDict, total=False):
    n: int
    log: Annotated[list[Any], operator.add]


class Chat(TypedDict, total=False):
    messages: Annotated[list[AnyMessage], add_messages]


class ModelState(BaseModel):
    n: int = 0
    note: str = "not set"
    log: Annotated[list[Any], operator.add] = Field(default_factory=list)


@dataclass
class DataState:
    n: int = 0
    note: str = "not set"
    log: Annotated[list[Any], operator.add] = dataclass_field(default_factory=list)


def _up(state: Any) -> dict[str, Any]:
    n = state["n"] if isinstance(state, dict) else state.n
    return {"n": n + 1, "log": [f"up to {n + 1}"]}


def _more(state: Any) -> str:
    n = state["n"] if isinstance(state, dict) else state.n
    return "up" if n < 3 else END


def counting(saver: Saver, schema: Any = Counting) -> Any:
    """A loop over a node."""
    graph = StateGraph(schema)
    graph.add_node("up", _up)
    graph.add_node("rest", lambda state: None)
    graph.add_edge(START, "up")
    graph.add_edge("up", "rest")
    graph.add_conditional_edges("rest", _more)
    return graph.compile(checkpointer=saver)


def model_state(saver: Saver) -> Any:
    """A state of pydantic, that LangGraph coerces."""
    return counting(saver, ModelState)


def data_state(saver: Saver) -> Any:
    """A state that is a dataclass with defaults."""
    return counting(saver, DataState)


def with_subgraph(saver: Saver) -> Any:
    """A node that is a graph of two nodes."""
    inner = StateGraph(Counting)
    inner.add_node("first", lambda state: {"log": ["first"]})
    inner.add_node("second", lambda state: {"log": ["second"]})
    inner.add_edge(START, "first")
    inner.add_edge("first", "second")
    outer = StateGraph(Counting)
    outer.add_node("before", _up)
    outer.add_node("inner", inner.compile())
    outer.add_node("after", _up)
    outer.add_edge(START, "before")
    outer.add_edge("before", "inner")
    outer.add_edge("inner", "after")
    return outer.compile(checkpointer=saver)


def asking(saver: Saver) -> Any:
    """A node that asks twice."""
    graph = StateGraph(Counting)
    graph.add_node("up", _up)
    graph.add_node("ask", lambda state: {"log": [interrupt("one?"), interrupt("two?")]})
    graph.add_node("after", _up)
    graph.add_edge(START, "up")
    graph.add_edge("up", "ask")
    graph.add_edge("ask", "after")
    return graph.compile(checkpointer=saver)


def chatting(saver: Saver) -> Any:
    """A chat model that is streamed, within a subgraph too."""

    def speak(state: Any) -> dict[str, Any]:
        number = len(state["messages"])
        said = AIMessage(f"it is {number}", id=f"said-{number}")
        model = GenericFakeChatModel(messages=iter([said]))
        return {"messages": [model.invoke(state["messages"])]}

    inner = StateGraph(Chat)
    inner.add_node("inside", speak)
    inner.add_edge(START, "inside")
    graph = StateGraph(Chat)
    graph.add_node("speak", speak)
    graph.add_node("inner", inner.compile())
    graph.add_edge(START, "speak")
    graph.add_edge("speak", "inner")
    return graph.compile(checkpointer=saver)


def writing(saver: Saver) -> Any:
    """Nodes and a called task that write to the custom stream."""

    @task
    def called(n: int) -> int:
        get_stream_writer()({"called": n})
        return n

    def write(state: Any) -> dict[str, Any]:
        get_stream_writer()("written")
        return {"n": called(state["n"]).result() + 1}

    inner = StateGraph(Counting)
    inner.add_node("inside", write)
    inner.add_edge(START, "inside")
    graph = StateGraph(Counting)
    graph.add_node("write", write)
    graph.add_node("inner", inner.compile())
    graph.add_edge(START, "write")
    graph.add_edge("write", "inner")
    return graph.compile(checkpointer=saver)


def functional(saver: Saver) -> Any:
    """An entrypoint that calls tasks."""

    @task
    def double(n: int) -> int:
        return n * 2

    @entrypoint(checkpointer=saver)
    def work(given: dict[str, Any]) -> int:
        return double(given["n"]).result() + double(3).result()

    return work


def failing(saver: Saver) -> Any:
    """A node that fails in its second step, beside one that does not."""

    def boom(state: Any) -> None:
        raise ValueError("no such unit")

    graph = StateGraph(Counting)
    graph.add_node("up", _up)
    graph.add_node("boom", boom)
    graph.add_edge(START, "up")
    graph.add_edge("up", "boom")
    return graph.compile(checkpointer=saver)


def _two_workers(state: Any) -> list[Send]:
    return [Send("worker", {"k": k}) for k in (1, 2)]


def fanning(saver: Saver) -> Any:
    """Two workers that are sent, and a join of two branches of different length."""
    graph = StateGraph(Counting)
    graph.add_node("plan", _up)
    graph.add_node("short", lambda state: {"log": ["short"]})
    graph.add_node("long", lambda state: {"log": ["long"]})
    graph.add_node("longer", lambda state: {"log": ["longer"]})
    graph.add_node("worker", lambda given: {"log": [given["k"]]})
    graph.add_node("join", lambda state: None)
    graph.add_edge(START, "plan")
    graph.add_edge("plan", "short")
    graph.add_edge("plan", "long")
    graph.add_edge("long", "longer")
    graph.add_conditional_edges("short", _two_workers, ["worker"])
    graph.add_edge(["short", "longer"], "join")
    return graph.compile(checkpointer=saver)


def hopping(saver: Saver) -> Any:
    """A node that says where to go by a Command."""

    def hop(state: Any) -> Command[str]:
        return Command(goto="there", update={"n": 7})

    graph = StateGraph(Counting)
    graph.add_node("hop", hop)
    graph.add_node("there", _up)
    graph.add_edge(START, "hop")
    return graph.compile(checkpointer=saver)


HELLO = {"messages": [HumanMessage("hello", id="hello")]}

# Each with an input, and the resumes that bring it to its end.
CATALOGUE: dict[str, tuple[Any, dict[str, Any], list[Any]]] = {
    "counting": (counting, {"n": 0}, []),
    "model_state": (model_state, {"n": 0}, []),
    "data_state": (data_state, {"n": 0}, []),
    "with_subgraph": (with_subgraph, {"n": 0}, []),
    "asking": (asking, {"n": 0}, ["yes", "no"]),
    "chatting": (chatting, HELLO, []),
    "writing": (writing, {"n": 0}, []),
    "functional": (functional, {"n": 2}, []),
    "failing": (failing, {"n": 0}, []),
    "hopping": (hopping, {"n": 0}, []),
}
