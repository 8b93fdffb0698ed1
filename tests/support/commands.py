"""The commands as a person runs them, and an agent with a short history."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stratoscope.broker.connection import connect
from stratoscope.client import Navigator
from stratoscope_contracts.looking import AgentsListRequest
from stratoscope_contracts.words import STREAM_RECORD
from support.forking import Forking

BIGGEST = 2**64 - 1
PROGRAM = (sys.executable, "-m", "stratoscope.cli.app")


@dataclass(frozen=True)
class Commands:
    """The commands, on one running stack."""

    url: str
    forking: Forking

    def run(
        self, *arguments: str, given: str | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """What a command prints and ends with."""
        named = {"STRATO_NATS_URL": self.url, "COLUMNS": "100"}
        return self.forking.run(arguments, os.environ | named | environment, given)

    def json(self, *arguments: str) -> Any:
        """The document that a command prints."""
        done = self.run(*arguments, "--output", "json")
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return json.loads(done.stdout)

    def text(self, *arguments: str) -> str:
        """What a command prints for a person."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    async def projected(self) -> None:
        """Return once all that was recorded can be looked at."""
        connection = await connect(self.url, name="test")
        last = (await connection.jetstream.stream_info(STREAM_RECORD)).state.last_seq
        await connection.close()
        async with Navigator.connect(self.url) as nav:
            await nav.request("agents.list", AgentsListRequest(wait_for=last, wait_ms=30_000))


@dataclass(frozen=True)
class Explorer:
    """An agent with a short history that ends badly; each event caused the next."""

    name: str
    file: Path
    ids: list[str]


def history(ids: list[str]) -> list[dict[str, Any]]:
    key = {"op": "add", "path": "/inventory", "value": ["key"]}
    return [
        {"kind": "snapshot", "state": {"health": 100, "at": 0, "big": BIGGEST}},
        event(ids[:1], "message_received", text="find the key"),
        event(ids[:2], "decision_made", decision="explore"),
        {"kind": "snapshot", "state": {"health": 100, "at": 1.5, "big": BIGGEST}},
        event(ids[:3], "state_change", found="key") | {"patch": [key]},
        event(ids[:4], "error_occurred", message="the key broke"),
    ]


def event(ids: list[str], kind: str, **data: str) -> dict[str, Any]:
    """The event with the last of the ids, caused by the one before it."""
    return {"kind": "event", "id": ids[-1], "type": kind, "data": data, "causes": ids[-2:-1]}
