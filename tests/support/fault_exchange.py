"""Exports and imports that are under way while faults are injected, and their check.

An import that a fault cuts is whole or is nothing: the agent is listed with all records of the
export and a session, or it is not listed and has no session.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError

from support.folded_log import Folded, Timeline
from support.load import Agent, Load

Json = dict[str, Any]
Fetch = Callable[..., Awaitable[list[Any]]]
# Seconds: requests that a fault cuts go unanswered, and others are to be under way.
_TIMEOUT: Final = 3.0
_IMPORT_TIMEOUT: Final = 15.0
# Records of a timeline that is exported: a soak is no test of large exports.
_LARGEST: Final = 250
_FORMATS: Final = ("json", "binary", "archive")


@dataclass(frozen=True, slots=True)
class ImportAttempt:
    """An import that was asked for: of which timeline, with how many records."""

    space: str
    source: str
    agent: str
    events: int
    snapshots: int


@dataclass
class ExchangeDriver:
    """Exports timelines, and imports each export as an agent of a name of its own."""

    client: Client
    recording: Load
    random: Random
    attempts: list[ImportAttempt] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    violations: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    _importing: asyncio.Event = field(default_factory=asyncio.Event)

    async def exchange(self) -> None:
        """Export and import, one after the other, until cancelled."""
        while True:
            await asyncio.sleep(self.random.uniform(0.3, 1.5))
            with self.recording.busy() as may_record:
                agent = self._next_source()
                if may_record and agent is not None:
                    await self._exchange(agent)

    async def import_begins(self) -> None:
        """Return where an import was just asked for, or after some seconds without one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_TIMEOUT):
                await self._importing.wait()
            # At any of its steps: it takes about as long.
            await asyncio.sleep(self.random.uniform(0.0, 0.3))

    def _next_source(self) -> Agent | None:
        """A timeline that is recorded at present, or an import once those are too long."""
        live = [one for one in self.recording.agents if 0 < len(one.recorded) <= _LARGEST]
        whole = [Agent(one.space, one.agent) for one in self.attempts if one.agent in self.answered]
        return self.random.choice(live or whole[:10] or [None])

    async def _exchange(self, source: Agent) -> None:
        recorded, last_seq = len(source.recorded), self.recording.last_seq
        session = await self._ask(source.space, "session.create", agent=source.name)
        if session is None:
            return
        found = await self._ask(
            source.space,
            "session.export",
            id=session["session"]["id"],
            format=self.random.choice(_FORMATS),
            wait_for=last_seq,
            wait_ms=2_000,
        )
        if found is None:
            return
        if found["events"] + found["snapshots"] < recorded:
            self.violations.append(f"an export of {source.name} lacks acknowledged records")
        attempt = ImportAttempt(
            source.space,
            source.name,
            f"import-{len(self.attempts)}",
            found["events"],
            found["snapshots"],
        )
        self.attempts.append(attempt)
        self._importing.set()
        reply = await self._ask(
            source.space, "session.import", object=found["object"], as_agent=attempt.agent
        )
        self._importing.clear()
        if reply is not None:
            self.answered.add(attempt.agent)

    async def _ask(self, space: str, verb: str, **body: Any) -> Json | None:
        """A reply; None for an error and where there is no reply."""
        timeout = _IMPORT_TIMEOUT if verb == "session.import" else _TIMEOUT
        try:
            message = await self.client.request(
                f"strato.{space}.nav.{verb}", orjson.dumps(body), timeout=timeout
            )
        except NatsError as error:
            self.outcomes[f"{verb}: {type(error).__name__}"] += 1
            return None
        reply: Json = orjson.loads(message.data)
        if "code" in reply:
            self.outcomes[f"{verb}: {reply['code']}"] += 1
            return None
        self.outcomes[verb] += 1
        return reply

    async def check(self, projected: Folded, fetch: Fetch) -> int:
        """The number of imports that are neither whole nor nothing; `violations` names them."""
        rows = await fetch("select space, agent from strato.session")
        sessions = {(row["space"], row["agent"]) for row in rows}
        listed: set[tuple[str, str]] = set()
        for space in {one.space for one in self.attempts}:
            listed |= {(space, name) for name in await self._listed(space)}
        torn = 0
        for one in self.attempts:
            place = one.space, one.agent
            wrong = missing_from(one, projected) if place in listed else None
            if place not in listed and place in sessions:
                wrong = "it has a session and is not listed"
            if place not in listed and one.agent in self.answered:
                wrong = "it was answered and is not listed"
            if wrong:
                torn += 1
                self.violations.append(f"{one}: {wrong}")
            self.outcomes["imports whole" if place in listed else "imports cut"] += 1
        return torn

    async def _listed(self, space: str) -> list[str]:
        message = await self.client.request(
            f"strato.{space}.nav.agents.list",
            orjson.dumps({"prefix": "import-", "limit": 1000}),
            timeout=_TIMEOUT,
        )
        return [one["agent"] for one in orjson.loads(message.data)["agents"]]


def missing_from(attempt: ImportAttempt, projected: Folded) -> str | None:
    """What a listed import lacks of what was exported."""
    source = projected.timelines[attempt.space, attempt.source]
    found = projected.timelines[attempt.space, attempt.agent]
    snapshots = sum(1 for _, snapshot, _ in found.states if snapshot)
    if (len(found.events), snapshots) != (attempt.events, attempt.snapshots):
        return f"{len(found.events)} events and {snapshots} snapshots"
    if _texts(found) != _texts(source, len(found.events), len(found.states)):
        return "its records are not those of its source"
    return None


def _texts(line: Timeline, events: int | None = None, states: int | None = None) -> list[object]:
    """What an import keeps of a timeline, the first records alone where they are counted."""
    return [
        [(one["type"], one["data"], one["patch"], one["occurred"]) for one in line.events[:events]],
        [(index, snapshot is None, state) for index, snapshot, state in line.states[:states]],
    ]
