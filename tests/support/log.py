"""Reading the record stream back, message by message, as slowly and plainly as can be."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from stratoscope.broker.connection import Connection
from stratoscope.broker.payload import unpack
from stratoscope_contracts.subjects import Stored, parse
from stratoscope_contracts.words import STREAM_RECORD


@dataclass(frozen=True)
class Logged:
    """A message of the log: its subject read, its headers, its body decoded."""

    subject: Stored
    body: Any
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def records(self) -> list[dict[str, Any]]:
        """What it holds, one after another, each saying its kind."""
        if self.subject.kind == "batch":
            return list(self.body["records"])
        return [{"kind": self.subject.kind, **self.body}]


class Log:
    """The stream of a broker."""

    def __init__(self, connection: Connection) -> None:
        self._jetstream = connection.jetstream

    async def messages(self) -> list[Logged]:
        """All messages, in the stream's order."""
        state = (await self._jetstream.stream_info(STREAM_RECORD)).state
        numbers = range(state.first_seq, state.last_seq + 1) if state.messages else ()
        return [await self._message(number) for number in numbers]

    async def records(self, agent: str | None = None) -> list[dict[str, Any]]:
        """All records (of one agent), in order, as often as they stand there."""
        return [
            record
            for message in await self.messages()
            if agent in (None, message.subject.agent)
            for record in message.records
        ]

    async def once(self, agent: str | None = None) -> list[dict[str, Any]]:
        """The records as intake takes them: an id that came before is a duplicate."""
        return list(
            {record["id"]: record for record in reversed(await self.records(agent))}.values()
        )[::-1]

    async def _message(self, number: int) -> Logged:
        raw = await self._jetstream.get_msg(STREAM_RECORD, number)
        subject = parse(raw.subject or "")
        assert isinstance(subject, Stored)
        headers = raw.headers or {}
        return Logged(subject, json.loads(unpack(raw.data or b"", headers)), headers)
