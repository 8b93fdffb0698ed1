"""The navigator's peak resident size is bounded, whatever was recorded and is asked for at once."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from stratoscope_contracts.words import HEADER_REPLAY_END
from support.recorded import Recorded, event, snapshot
from support.service import ServiceProcess, service
from support.wire import connected

Json = dict[str, Any]
MIB = 1 << 20
PEAK_MIB = 768
AT_ONCE = 8
EVENTS = 16
LATEST: Json = {"latest": True}
FIRST: Json = {"event_index": 0}


def peak(running: ServiceProcess) -> int:
    """The most memory that the process ever had, in MiB."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def members(n: int) -> Json:
    """A state of nearly 32 MiB, in a number of members."""
    return {"n": n, "texts": ["x" * 1000] * 31_000}


@pytest.fixture
async def event_id(recorded: Recorded) -> str:
    """Large states and timelines of large rows; the id of the last event of a chain."""
    for one in (
        event(),
        snapshot(members(0)),
        event(),
        snapshot(members(1)),
        event(),
        snapshot(members(2)),
    ):
        await recorded.add("large", one)
    before: list[str] = []
    for n in range(EVENTS):
        one = event(data={"n": n, "text": "x" * MIB}, causes=before)
        before = [one["id"]]
        await recorded.add("wide", one)
    await recorded.add("many", event(), snapshot({"text": ""}))
    for n in range(EVENTS):
        value = chr(97 + n % 26) * (MIB // 2)
        await recorded.add(
            "many", event(patch=[{"op": "replace", "path": "/text", "value": value}])
        )
    return before[0]


@pytest.fixture
async def navigator(
    nats_url: str, projection_dsn: str, event_id: str, tmp_path: Path
) -> AsyncIterator[ServiceProcess]:
    """A navigator over what was recorded."""
    async with service("navigator", nats_url, projection_dsn, tmp_path) as running:
        yield running


def requests(event_id: str) -> Iterator[tuple[str, Json]]:
    """A request of each kind that reads documents or rows."""
    yield "state.at", {"agent": "large", "at": LATEST}
    yield "state.at", {"agent": "large", "at": LATEST, "path": "n"}
    yield "events.list", {"agent": "wide", "limit": 1000}
    yield "state.history", {"agent": "large", "path": "n"}
    yield "state.history", {"agent": "many", "path": "text", "limit": 1000}
    yield "state.cut", {"at": {"stream_seq": 6}}
    yield "compare", {"agent": "large", "from": FIRST, "to": LATEST}
    yield "causality.chain", {"event_id": event_id}
    yield "causality.graph", {"event_id": event_id, "direction": "causes"}
    watched = {"agent": "wide", "condition": {"kind": "on_event_type", "type": "action_execution"}}
    yield "breakpoint.create", watched | {"past": 1000}
    judged = {"kind": "on_state", "path": "n", "op": "eq", "value": 1}
    yield "breakpoint.create", {"agent": "large", "condition": judged, "past": 1000}
    yield "breakpoint.check", {"agent": "large", "at": LATEST}


async def ask(client: Client, verb: str, body: Json) -> Json:
    """The reply to a request."""
    payload = json.dumps(body).encode()
    reply = await client.request(f"strato.default.nav.{verb}", payload, timeout=120)
    found: Json = json.loads(reply.data)
    return found


async def walk(client: Client) -> None:
    """Move a session through large states."""
    session = (await ask(client, "session.create", {"agent": "large"}))["session"]["id"]
    await ask(client, "session.start", {"id": session})
    await ask(client, "session.goto", {"id": session, "at": FIRST})
    for _ in range(3):
        await ask(client, "session.step", {"id": session, "direction": "forward"})


async def replay(client: Client) -> None:
    """Hear large events again, up to the end."""
    inbox = client.new_inbox()
    heard = await client.subscribe(inbox)
    body = json.dumps({"agent": "wide"}).encode()
    await client.publish("strato.default.nav.replay", body, reply=inbox)
    while HEADER_REPLAY_END not in ((await heard.next_msg(60)).headers or {}):
        pass
    await heard.unsubscribe()


# Several times what it takes alone: documents of this size keep both cores of a small machine busy.
@pytest.mark.timeout(500)
async def test_large_documents_and_rows_leave_the_peak_below_768_mib(
    nats_url: str, navigator: ServiceProcess, event_id: str
) -> None:
    refused: dict[str, Json] = {}
    async with connected(nats_url) as client:
        for verb, body in requests(event_id):
            replies = await asyncio.gather(*(ask(client, verb, body) for _ in range(AT_ONCE)))
            refused.update((verb, one) for one in replies if "code" in one)
        await asyncio.gather(*(walk(client) for _ in range(AT_ONCE)))
        await asyncio.gather(*(replay(client) for _ in range(AT_ONCE)))
    assert {one["code"] for one in refused.values()} <= {"over_budget"}, refused
    assert peak(navigator) <= PEAK_MIB
