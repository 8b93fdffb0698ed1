"""A real LangGraph agent that bills a customer's energy, and goes wrong half way.

All of it runs offline: the graph is LangGraph's, the tools read and write files in a folder, and
the chat model follows a script, so that each run is the same. What happens, step by step (a step
is a checkpoint; one tool call is one task):

     step -1, 0   the question comes in
     step  1, 2   the model plans; `read_config` reads the tariff and the limit of an invoice
     step  3, 4   the model has both meters read, one after the other. The south meter counts Wh,
                  its file's header says so, and the reading keeps that unit; the north one kWh
     step  5, 6   the model calls `store_usage` with the south meter's 403852 as if they were kWh.
                  THE MISTAKE: from here usage.south.kwh is a thousand times too large, and so is
                  usage.json on the disk; nobody notices, the tool answers "stored"
     step  7, 8   `compute_costs` reads usage.json back and writes costs.json: 125,194.12 EUR for
                  the south, and budget.left_eur falls far below zero
     step  9      health turns to "strained", but the model asks for the invoice; `issue_invoice`
                  reads costs.json and refuses: over the contract's limit. InvoiceRejected ends
                  the run

The failure names the invoice; its cause lies ten events before it, in the decision to store the
usage, where usage.south was written for the first and last time. The state holds the plan,
readings, usage, costs, budget, findings and health beside the messages. Recorded, it is 24 events
and 11 snapshots. Of two causes equally far from the beginning a chain takes the earlier one, so
the south meter is read first: why the invoice failed leads through it, in every run.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from shutil import copytree
from typing import Annotated, Any, Final, TypedDict

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph, add_messages
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Send
from langsmith import tracing_context

from stratoscope.demo.script import SCRIPT, Turn
from stratoscope.demo.tools import TOOLS, InvoiceRejected, Tool

THREAD: Final = "energy-billing"
QUESTION: Final = "Bill Harbour Mill for the energy of the last two weeks."


class State(TypedDict, total=False):
    """What the agent knows; readings, usage and costs are by meter."""

    messages: Annotated[list[AnyMessage], add_messages]
    plan: dict[str, Any]
    tariff: dict[str, Any]
    readings: Annotated[dict[str, Any], operator.or_]
    usage: dict[str, Any]
    costs: dict[str, Any]
    budget: dict[str, Any]
    findings: Annotated[list[str], operator.add]
    health: dict[str, Any]


Graph = CompiledStateGraph[State, None, State, State]
Saver = BaseCheckpointSaver[Any]


class ScriptedModel(BaseChatModel):
    """A chat model whose next answer depends on how many it has given in this conversation."""

    script: Sequence[Turn]

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        number = sum(isinstance(message, AIMessage) for message in messages)
        return ChatResult(generations=[ChatGeneration(message=_message(number, self.script))])


def _message(number: int, script: Sequence[Turn]) -> AIMessage:
    turn = script[number]
    calls = [
        {"name": name, "args": arguments, "id": f"call-{number + 1}-{place}"}
        for place, (name, arguments) in enumerate(turn.calls, start=1)
    ]
    return AIMessage(turn.says, id=f"model-{number + 1}", tool_calls=calls)


def build(workdir: Path, saver: Saver | None = None) -> Graph:
    """The agent, compiled, over a folder that gets the files of the scenario."""
    with as_file(files("stratoscope.demo") / "scenario") as scenario:
        copytree(scenario, workdir, dirs_exist_ok=True)
    graph: StateGraph[State, None, State, State] = StateGraph(State)
    graph.add_node("model", _model_node(ScriptedModel(script=SCRIPT)))
    graph.add_edge(START, "model")
    for name, tool in TOOLS.items():
        # A node each, so that the timeline tells which tool was used.
        graph.add_node(name, _tool_node(tool, workdir))
        graph.add_edge(name, "model")
    graph.add_conditional_edges("model", _called_tools, [*TOOLS, END])
    return graph.compile(checkpointer=saver or InMemorySaver(), name="energy-billing")


def run(graph: Graph, thread: str = THREAD) -> InvoiceRejected | None:
    """Run the agent to its end, and give the failure that it ends with."""
    try:
        with tracing_context(enabled=False):
            graph.invoke(_question(), _config(thread))
    except InvoiceRejected as rejected:
        return rejected
    return None


async def arun(graph: Graph, thread: str = THREAD) -> InvoiceRejected | None:
    """`run` for an event loop."""
    try:
        # Nothing leaves the machine, whatever the environment says of LangSmith.
        with tracing_context(enabled=False):
            await graph.ainvoke(_question(), _config(thread))
    except InvoiceRejected as rejected:
        return rejected
    return None


def _question() -> State:
    return {
        "messages": [HumanMessage(QUESTION, id="question")],
        "plan": {"goal": "invoice", "doing": None, "done": []},
        "health": {"status": "good", "tool_calls": 0, "warnings": 0},
    }


def _config(thread: str) -> RunnableConfig:
    # One tool after the other, or threads would decide in which order the meters answer.
    return {"configurable": {"thread_id": thread}, "max_concurrency": 1}


# Nodes are Any: LangGraph's types ask for a parameter's name, which a Callable has none of.
def _model_node(model: ScriptedModel) -> Any:
    def decide(state: State) -> State:
        message = model.invoke(state["messages"])
        number = sum(isinstance(said, AIMessage) for said in state["messages"])
        turn, plan = SCRIPT[number], state["plan"]
        done = [*plan["done"], plan["doing"]] if plan["doing"] else plan["done"]
        update: State = {
            "messages": [message],
            "plan": {**plan, "doing": turn.doing, "done": done},
            "health": _health(state, len(turn.calls)),
        }
        return update | {"findings": [turn.finding]} if turn.finding else update

    return decide


def _health(state: State, calls: int) -> dict[str, Any]:
    left = state.get("budget", {}).get("left_eur", 0.0)
    health = state["health"]
    return {
        "status": "strained" if left < 0 else "good",
        "tool_calls": health["tool_calls"] + calls,
        "warnings": health["warnings"] + (left < 0),
    }


def _called_tools(state: State) -> list[Send] | str:
    """Each tool call as a task of its own, as LangGraph's own agents do it."""
    message = state["messages"][-1]
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    return [Send(call["name"], call) for call in calls] or END


def _tool_node(tool: Tool, workdir: Path) -> Any:
    def use(call: dict[str, Any]) -> dict[str, Any]:
        answer, update = tool(workdir, **call["args"])
        answer_id = f"answer-{call['id']}"
        said = ToolMessage(answer, name=call["name"], tool_call_id=call["id"], id=answer_id)
        return {"messages": [said], **update}

    return use
