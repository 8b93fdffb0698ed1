"""Stratoscope records agents and lets an operator stand at any moment of their run.

An agent needs only this module:

    async with stratoscope.connect("nats://127.0.0.1:4222") as strato:
        agent = strato.agent("explorer-7")
        seen = await agent.event("message_received", {"text": "go north"})
        with agent.causing(seen):
            await agent.event("decision_made", {"decision": "explore"})
        await agent.snapshot({"health": 100, "at": [0, 1]})
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stratoscope.broker.connection import BrokerUnreachable
    from stratoscope.broker.login import Login
    from stratoscope.recorder.connecting import connect, connect_sync
    from stratoscope.recorder.errors import (
        ForkedRecorder,
        InvalidName,
        InvalidRecord,
        RecorderClosed,
        RecordsRefused,
    )
    from stratoscope.recorder.outbox import Stats
    from stratoscope.recorder.recorder import Agent, Recorder
    from stratoscope.recorder.sync import SyncAgent, SyncRecorder
    from stratoscope_contracts.errors import StratoError
    from stratoscope_contracts.version import __version__
else:
    # Where each name is at home, to be imported at its first use: a command that is stopped while
    # it loads is to say nothing of it, and a service loads no recorder.
    _HOMES = {
        "Agent": "stratoscope.recorder.recorder",
        "BrokerUnreachable": "stratoscope.broker.connection",
        "ForkedRecorder": "stratoscope.recorder.errors",
        "InvalidName": "stratoscope.recorder.errors",
        "InvalidRecord": "stratoscope.recorder.errors",
        "Login": "stratoscope.broker.login",
        "Recorder": "stratoscope.recorder.recorder",
        "RecorderClosed": "stratoscope.recorder.errors",
        "RecordsRefused": "stratoscope.recorder.errors",
        "Stats": "stratoscope.recorder.outbox",
        "StratoError": "stratoscope_contracts.errors",
        "SyncAgent": "stratoscope.recorder.sync",
        "SyncRecorder": "stratoscope.recorder.sync",
        "__version__": "stratoscope_contracts.version",
        "connect": "stratoscope.recorder.connecting",
        "connect_sync": "stratoscope.recorder.connecting",
    }

    # Unseen by type checkers, who would take any name at all for one of the package's.
    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(_HOMES[name]), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = [
    "Agent",
    "BrokerUnreachable",
    "ForkedRecorder",
    "InvalidName",
    "InvalidRecord",
    "Login",
    "Recorder",
    "RecorderClosed",
    "RecordsRefused",
    "Stats",
    "StratoError",
    "SyncAgent",
    "SyncRecorder",
    "__version__",
    "connect",
    "connect_sync",
]
