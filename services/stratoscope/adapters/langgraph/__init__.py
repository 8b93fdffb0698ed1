"""One line around a compiled LangGraph graph records its checkpoints and tasks."""

try:
    import langgraph as _langgraph  # noqa: F401 - only asked whether it is there
except ImportError as missing:
    raise ImportError(
        "stratoscope.adapters.langgraph needs LangGraph: pip install 'stratoscope[langgraph]'"
    ) from missing

from stratoscope.adapters.langgraph.graph import record
from stratoscope.adapters.langgraph.mapping import to_json, to_state
from stratoscope.adapters.langgraph.naming import agent_of_thread
from stratoscope.adapters.langgraph.writing import AgentRecorder, Recorder

__all__ = ["AgentRecorder", "Recorder", "agent_of_thread", "record", "to_json", "to_state"]
