"""Stratoscope records agents and lets an operator stand at any moment of their run.

An agent needs only this module:

    async with stratoscope.connect("nats://127.0.0.1:4222") as strato:
        agent = strato.agent("explorer-7")
        seen = await agent.event("message_received", {"text": "go north"})
        with agent.causing(seen):
            await agent.event("decision_made", {"decision": "explore"})
        await agent.snapshot({"health": 100, "at": [0, 1]})
"""

from stratoscope.broker.connection import BrokerUnreachable, Login
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
