"""A whole stack under the shipped roles, watched from within, for what attackers try of it."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stratoscope.admin.roles import Role
from stratoscope.broker.connection import Connection, connect
from support import stack
from support.eventually import eventually
from support.guarded import Guarded, guarded
from support.raw_client import Heard, RawClient, raw_client
from support.service import ServiceProcess, service

# The space of the attackers, and that of their victims.
OWN: Final = "other"
VICTIM: Final = "default"


@dataclass
class Attacked:
    """The stack, and users that hear everything in each account."""

    broker: Guarded
    navigator: ServiceProcess
    projector: ServiceProcess
    strato: RawClient
    agents: RawClient
    admin: Connection

    async def forget(self) -> None:
        """Forget all that was heard."""
        for watcher in (self.strato, self.agents):
            await watcher.flush()
            watcher.heard.clear()

    async def heard(self, account: str) -> list[Heard]:
        """All messages in an account since they were forgotten."""
        watcher = self.strato if account == "STRATO" else self.agents
        await watcher.flush()
        return watcher.heard

    async def refused_replies(self) -> int:
        """How many messages the navigator has refused for their reply subject."""
        _, text = await self.navigator.get("/metrics")
        found = re.findall(r"^strato_navigator_refused_replies_total\{.*\} (\S+)$", text, re.M)
        return sum(int(float(one)) for one in found)

    async def ask(self, verb: str, body: dict[str, Any], space: str = VICTIM) -> Any:
        """What an admin is answered."""
        reply = await self.admin.client.request(
            f"strato.{space}.nav.{verb}", json.dumps(body).encode(), timeout=20
        )
        return json.loads(reply.data)

    async def log(self) -> dict[str, int]:
        """The messages of the log, by subject."""
        info = await self.admin.jetstream.stream_info("STRATO_RECORD", subjects_filter=">")
        return dict(info.state.subjects or {})

    async def record(self, subject: str, body: bytes) -> int:
        """Have a record stored, as the admin; its sequence."""
        ack = await self.admin.jetstream.publish(subject, body)
        return ack.seq

    async def is_projected(self, sequence: int, agent: str, space: str = VICTIM) -> list[str]:
        """The types of an agent's events, once the log is projected up to a message."""
        body = {"agent": agent, "wait_for": sequence, "wait_ms": 20_000}
        found = await self.ask("events.list", body, space)
        assert "events" in found, found
        return [event["type"] for event in found["events"]]


@asynccontextmanager
async def attacked(server: stack.PostgresServer) -> AsyncIterator[Attacked]:
    """The stack, for as long as the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="stratoscope-attacked-"))
    try:
        with guarded(folder, watched=True) as broker, stack.new_database(server) as dsn:
            async with AsyncExitStack() as stacked:
                enter = stacked.enter_async_context
                started = [
                    await enter(service(name, broker.url, dsn, folder, **broker.settings(name)))
                    for name in ("projector", "navigator")
                ]
                watching = [
                    await enter(raw_client(broker, broker.watchers[account]))
                    for account in ("STRATO", f"AGENTS-{OWN}")
                ]
                for watcher in watching:
                    watcher.subscribe(">")
                    await watcher.flush()
                admin = await connect(broker.url, name="test", login=broker.login("admin"))
                stacked.push_async_callback(admin.close)
                yield Attacked(broker, started[1], started[0], *watching, admin)
    finally:
        shutil.rmtree(folder)


@asynccontextmanager
async def attacking(
    one: Attacked, role: Role, name: str, space: str = OWN
) -> AsyncIterator[RawClient]:
    """A member who may send any bytes."""
    async with raw_client(one.broker, one.broker.key(role, name, space)) as client:
        yield client


async def until_refused(one: Attacked, count: int) -> None:
    """Return once the navigator has refused so many messages."""

    async def are_counted() -> bool:
        return await one.refused_replies() >= count

    # Ten thousand of them take a while on a busy machine.
    await eventually(are_counted, within=60)
    assert await one.refused_replies() == count


def answers(
    heard: Iterable[Heard], subjects: Iterable[str], asked: Iterable[str] = ()
) -> list[Heard]:
    """Messages on subjects that only an answer may have brought there.

    Questions have a reply subject; those that were `asked` without one, and services' news, have
    no headers, and nor have the server's advisories.
    """
    wanted, plain = set(subjects), ("strato._", "$JS.EVENT.", *asked)
    return [
        one
        for one in heard
        if one.subject in wanted
        and not one.reply
        and (one.headers or not one.subject.startswith(plain))
    ]


async def settle(one: Attacked) -> None:
    """Return once all that was asked before is answered, as far as an answer shows it."""
    await asyncio.gather(*(one.ask("stats", {}) for _ in range(3)))
