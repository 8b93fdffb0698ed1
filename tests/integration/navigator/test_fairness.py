"""One space saturates a navigator, another one asks: at most twice its usual time, as a median.

`pytest -s` prints the figures. What a load is refused is tested beside it.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from stratoscope.admin.roles import Role
from stratoscope.broker.connection import Connection, connect
from stratoscope.navigator.shares import REQUEST_BYTES
from support.eventually import eventually
from support.fairness import LOUD, QUIET, Question, Saturation, asked, assert_is_fair_beside
from support.guarded import Guarded, guarded
from support.recorded import Recorded, event, snapshot
from support.saturating import NUMBER, Load
from support.service import ServiceProcess, service
from support.wire import connected

Json = dict[str, Any]
AT_END: Json = {"agent": "walker", "at": {"latest": True}}
STATE = Question("state.at", AT_END)
SEARCH = Question("events.list", {"agent": "walker", "where": "event.data.n == 150"}, times=3)
WHOLE: Json = {"agent": "walker", "from": {"event_index": 0}, "to": {"latest": True}}
COMPARISON = Question("compare", WHOLE)
# In a worker process.
ALIGNED = Question("compare", WHOLE | {"options": {"ignore_order": True}}, times=3)
# Each takes a worker until it is killed.
ENDLESS = "event.id.matches(r'(\\pL{9}){9}b')"
WAITING: Json = {"wait_for": 10**12, "wait_ms": 1000}
EVENTS = [event(data={"n": n, "text": "x" * 100}, at=n) for n in range(300)]
STATES = [snapshot({"list": list(range(400))}), snapshot({"list": list(range(400, 0, -1))})]


@pytest.fixture
async def navigator(
    nats_url: str, projection_dsn: str, recorded: Recorded, tmp_path: Path
) -> AsyncIterator[ServiceProcess]:
    """A navigator with the same agent in both spaces."""
    for space in (LOUD, QUIET):
        await recorded.add("walker", *EVENTS, STATES[0], space=space)
        await recorded.add("walker", STATES[1], space=space)
    async with service("navigator", nats_url, projection_dsn, tmp_path) as running:
        yield running


@pytest.fixture
async def clients(nats_url: str, navigator: ServiceProcess) -> AsyncIterator[tuple[Client, Client]]:
    """Of the quiet space and of the loud one."""
    async with connected(nats_url) as quiet, connected(nats_url) as loud:
        yield quiet, loud


def saturation(
    url: str,
    subject: str,
    count: int,
    *bodies: Json,
    name: str = "",
    code: str | None = None,
    connections: int = 1,
) -> Saturation:
    """What the loud space asks, so many at a time."""
    told = tuple(json.dumps(body) for body in bodies)
    load = Load(url, f"strato.{LOUD}.{subject}", told, count, connections)
    return Saturation(name or subject, load, code)


async def started_sessions(loud: Client, count: int) -> list[str]:
    """Sessions of the loud space's agent."""
    sessions = []
    for _ in range(count):
        reply = await asked(loud, LOUD, "session.create", {"agent": "walker"})
        sessions.append(json.loads(reply.data)["session"]["id"])
        began = await asked(loud, LOUD, "session.start", {"id": sessions[-1]})
        assert not (began.headers or {}).get("Nats-Service-Error"), began.data
    return sessions


async def refusals(
    loud: Client, body: bytes, sent: int, expected: int, names: bool = False
) -> list[Json]:
    """What is refused of so many `stats` at once, of one client or of as many as there are."""
    refused: list[Json] = []

    async def hear(reply: Msg) -> None:
        refused.append(json.loads(reply.data))

    await loud.subscribe("_INBOX.*.*", cb=hear)
    for number in range(sent):
        # Its first twelve letters tell a client.
        name = f"{number:012}{'many' * 2}" if names else "loud" * 5
        await loud.publish(f"strato.{LOUD}.nav.stats", body, f"_INBOX.{name}.{number}")
    await loud.flush()

    async def are_told() -> bool:
        return len(refused) >= expected

    await eventually(are_told)
    return refused


async def test_a_client_has_64_requests_and_many_clients_have_their_spaces_share(
    navigator: ServiceProcess, clients: tuple[Client, Client]
) -> None:
    """300 of one client at once: 64 wait, the others are refused at once; of 300 clients 192."""
    quiet, loud = clients
    body = json.dumps(WAITING | {"wait_ms": 30_000}).encode()
    refused = await refusals(loud, body, 300, 236)
    assert len(refused) == 236
    assert {one["code"] for one in refused} == {"over_budget"}
    assert refused[0]["details"] == {"limit": "client", "at_a_time": 64, "retry_seconds": 1.0}
    _, page = await navigator.get("/metrics")
    assert 'strato_navigator_over_limit_total{limit="client"} 236.0' in page
    others = await refusals(loud, body, 300, 300 - (192 - 64), names=True)
    assert {one["details"]["limit"] for one in others} == {"requests"}
    await STATE.seconds(quiet, QUIET)


async def test_large_requests_that_wait_are_bounded_by_their_bytes(
    navigator: ServiceProcess, clients: tuple[Client, Client]
) -> None:
    """60 of a megabyte each: 48 MiB wait, the others are refused at once."""
    quiet, loud = clients
    ask = json.dumps(WAITING | {"wait_ms": 30_000}).encode()
    body = ask + b" " * (1_000_000 - len(ask))
    fit = REQUEST_BYTES * 3 // 4 // len(body)
    refused = await refusals(loud, body, 60, 60 - fit)
    assert len(refused) == 60 - fit
    assert {one["details"]["limit"] for one in refused} == {"request_bytes"}
    await STATE.seconds(quiet, QUIET)


async def test_floods_of_short_requests(nats_url: str, clients: tuple[Client, Client]) -> None:
    """Answered, malformed and refused ones, those that wait, and long replies."""
    await assert_is_fair_beside(
        *clients,
        (STATE, COMPARISON),
        saturation(nats_url, "nav.state.at", 64, AT_END, connections=8),
        saturation(
            *(nats_url, "nav.state.at", 64, {"agent": 3}),
            name="malformed requests",
            code="bad_request",
            connections=8,
        ),
        saturation(
            *(nats_url, "nav.stats", 300, WAITING),
            name="requests over the limit",
            code="not_projected_yet",
        ),
        saturation(
            *(nats_url, "nav.stats", 180, WAITING),
            name="requests that wait",
            code="not_projected_yet",
            connections=4,
        ),
        saturation(
            *(nats_url, "nav.events.list", 16, {"agent": "walker", "limit": 1000}),
            connections=4,
        ),
    )


async def test_searches_and_breakpoints(nats_url: str, clients: tuple[Client, Client]) -> None:
    """Searches that end and that don't, past hits, and breakpoints that are judged in the past."""
    past = {"agent": "walker", "past": 5}
    ending = past | {"condition": {"kind": "expression", "source": "event.data.n == 150"}}
    endless = past | {"condition": {"kind": "expression", "source": ENDLESS}}
    await assert_is_fair_beside(
        *clients,
        (STATE, SEARCH),
        saturation(nats_url, "nav.events.list", 16, SEARCH.body),
        saturation(
            *(nats_url, "nav.events.list", 16, {"agent": "walker", "where": ENDLESS}),
            name="endless searches",
            code="over_budget",
        ),
        saturation(nats_url, "nav.breakpoint.create", 16, ending),
        saturation(
            *(nats_url, "nav.breakpoint.create", 16, endless),
            name="endless past hits",
        ),
        saturation(nats_url, "nav.breakpoint.check", 16, AT_END),
    )


async def test_comparisons(nats_url: str, clients: tuple[Client, Client]) -> None:
    """Short ones, those in worker processes, and series of them."""
    await assert_is_fair_beside(
        *clients,
        (STATE, ALIGNED),
        saturation(nats_url, "nav.compare", 16, COMPARISON.body),
        saturation(nats_url, "nav.compare", 16, ALIGNED.body, name="aligned comparisons"),
        saturation(nats_url, "nav.compare.timeline", 16, {"agent": "walker"}),
    )


async def test_exports_runs_replays_and_gates(
    nats_url: str, clients: tuple[Client, Client]
) -> None:
    """Exports, runs whose expression never ends, replays at full speed, and gates that wait."""
    sessions = await started_sessions(clients[1], 8)
    until = {"kind": "expression", "source": ENDLESS}
    exports = [{"id": one, "format": "archive"} for one in sessions]
    runs = [{"id": one, "direction": "backward", "until": until} for one in sessions]
    steps = [{"id": one, "at": {"event_index": 50}} for one in sessions]
    await assert_is_fair_beside(
        *clients,
        (STATE, COMPARISON),
        saturation(nats_url, "nav.session.export", 8, *exports),
        saturation(nats_url, "nav.session.continue", 8, *runs, code="over_budget"),
        saturation(nats_url, "nav.session.goto", 64, *steps, connections=4),
        saturation(nats_url, "nav.replay", 16, {"agent": "walker"}),
        saturation(nats_url, "gate.walker", 64, {"after": 10**12}, code="not_projected_yet"),
    )


async def test_replays_whose_reader_does_not_read(
    nats_url: str, clients: tuple[Client, Client]
) -> None:
    """Hundreds are begun; another space's begins and ends at once."""
    quiet, loud = clients
    body = json.dumps({"agent": "walker", "speed": 0.001}).encode()
    await loud.subscribe("_INBOX.*.mute")
    for number in range(300):
        reply, answered = f"_INBOX.{number:022}.mute", {"Strato-Flow": "answered"}
        await loud.publish(f"strato.{LOUD}.nav.replay", body, reply, headers=answered)
    await loud.flush()
    reply = quiet.new_inbox()
    messages = await quiet.subscribe(reply)
    await quiet.publish(f"strato.{QUIET}.nav.replay", b'{"agent":"walker"}', reply)
    while True:
        message = await messages.next_msg(timeout=5)
        if "Strato-Replay-End" in (message.headers or {}):
            break
    assert json.loads(message.data)["replayed"] == 300


# Of the shipped roster: see support/guarded.py.
OWN, OTHER = "default", "other"


async def record(admin: Connection, space: str) -> int:
    """Record the walker of a space; the last message's sequence."""
    batches = [[*EVENTS, STATES[0]], [STATES[1]]]
    acks = [
        await admin.jetstream.publish(
            f"strato.{space}.rec.walker.batch", json.dumps({"records": records}).encode()
        )
        for records in batches
    ]
    return acks[-1].seq


async def operator(broker: Guarded, space: str) -> Connection:
    """An operator of a space, with its own key."""
    login = broker.login("operator", "ops", space)
    return await connect(broker.url, name="test", login=login)


def of_operator(
    broker: Guarded, verb: str, count: int, *bodies: Json, connections: int = 1
) -> Saturation:
    """What the operator of the other space asks."""
    role: Role = "operator"
    load = Load(
        broker.url,
        f"strato.{OTHER}.nav.{verb}",
        tuple(json.dumps(body) for body in bodies),
        count,
        connections,
        str(broker.seed(role, "ops", OTHER)),
        str(broker.authority),
    )
    return Saturation(verb, load)


async def test_operators_under_roles_with_uploads_downloads_and_imports(
    projection_dsn: str, scratch: Path
) -> None:
    """Under the shipped roles, where all connections with one key are one client."""
    with guarded(scratch) as broker:
        where = broker.url, projection_dsn, scratch
        async with (
            service("projector", *where, **broker.settings("projector")),
            service("navigator", *where, **broker.settings("navigator")),
        ):
            admin = await connect(broker.url, name="test", login=broker.login("admin"))
            quiet, loud = await operator(broker, OWN), await operator(broker, OTHER)
            try:
                for space in (OWN, OTHER):
                    last = await record(admin, space)
                    told = AT_END | {"wait_for": last, "wait_ms": 20_000}
                    await Question("state.at", told).seconds(admin.client, space)
                await _assert_operators_are_fair(broker, quiet.client, loud.client)
            finally:
                for one in (admin, quiet, loud):
                    await one.close()


async def _assert_operators_are_fair(broker: Guarded, quiet: Client, loud: Client) -> None:
    created = json.loads((await asked(loud, OTHER, "session.create", {"agent": "walker"})).data)
    export = {"id": created["session"]["id"], "format": "archive"}
    stored = json.loads((await asked(loud, OTHER, "session.export", export)).data)["object"]
    chunk = base64.b64encode(bytes(512 * 1024)).decode()
    upload = {"upload": f"upload-{NUMBER}", "name": f"upload-{NUMBER}", "offset": 0}
    bucket = f"strato-exports-{OTHER}"
    await assert_is_fair_beside(
        *(quiet, loud, (STATE, COMPARISON)),
        of_operator(broker, "state.at", 64, AT_END, connections=4),
        of_operator(broker, "object.put", 16, upload | {"data": chunk, "last": True}),
        of_operator(broker, "object.get", 16, {"bucket": bucket, "name": stored, "offset": 0}),
        of_operator(broker, "session.import", 4, {"object": stored}),
        space=OWN,
    )


async def test_a_space_that_saturates_is_served_beside_another_one(
    clients: tuple[Client, Client],
) -> None:
    """It is paced, not starved."""
    quiet, loud = clients
    going_on = asyncio.create_task(_ask_on(quiet))
    try:
        async with asyncio.timeout(20):
            replies = [asked(loud, LOUD, STATE.verb, STATE.body) for _ in range(60)]
            for reply in await asyncio.gather(*replies):
                assert not (reply.headers or {}).get("Nats-Service-Error"), reply.data
    finally:
        going_on.cancel()
        await asyncio.gather(going_on, return_exceptions=True)


async def _ask_on(quiet: Client) -> None:
    while True:
        await STATE.seconds(quiet, QUIET)
