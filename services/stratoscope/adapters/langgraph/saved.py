"""What a saver holds beyond what was streamed, asked for where a run ends early.

A program that leaves a stream, a failure and a cancellation all end a stream before its last parts.
LangGraph then still saves what its tasks came to, and the next run starts from there.
"""

from typing import Any, cast

from langchain_core.runnables.config import RunnableConfig
from langgraph.pregel import Pregel
from langgraph.types import StateSnapshot

AnyGraph = Pregel[Any, Any, Any, Any]


def saved_after(graph: AnyGraph, config: RunnableConfig | None, last: str) -> list[StateSnapshot]:
    """The checkpoint that was streamed last, and the one that was made from it, if there is one.

    Raises whatever the saver raises.
    """
    streamed = graph.get_state(_at(config, last))
    return _in_order(streamed, graph.get_state(_at(config, None)), last)


async def asaved_after(
    graph: AnyGraph, config: RunnableConfig | None, last: str
) -> list[StateSnapshot]:
    """The same, without holding the event loop."""
    streamed = await graph.aget_state(_at(config, last))
    return _in_order(streamed, await graph.aget_state(_at(config, None)), last)


def _at(config: RunnableConfig | None, checkpoint_id: str | None) -> RunnableConfig:
    place = (config or {}).get("configurable") or {}
    moved = {**(config or {}), "configurable": {**place, "checkpoint_id": checkpoint_id}}
    return cast(RunnableConfig, moved)


def _in_order(streamed: StateSnapshot, newest: StateSnapshot, last: str) -> list[StateSnapshot]:
    parent = ((newest.parent_config or {}).get("configurable") or {}).get("checkpoint_id")
    return [streamed, newest] if parent == last else [streamed]
