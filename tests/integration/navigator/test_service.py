"""The navigator as a process: what goes over the wire, and what it survives."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGINT, SIGTERM

import nats
import psutil
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeout

from stratoscope.broker.connection import connect
from stratoscope.client import Navigator
from stratoscope.embedded.ports import free_port
from stratoscope.navigator import app
from stratoscope.navigator.dispatch import SERVED
from stratoscope.navigator.settings import NavigatorSettings
from stratoscope_contracts.looking import StateAtRequest
from stratoscope_contracts.verbs import VERBS
from stratoscope_contracts.views import AtLatest
from support.eventually import eventually
from support.recorded import event, snapshot
from support.service import service

STATE_AT = b'{"agent":"walker","at":{"latest":true}}'


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Client]:
    client = await nats.connect(url)
    try:
        yield client
    finally:
        await client.close()


@pytest.fixture
async def client(nats_url: str) -> AsyncIterator[Client]:
    async with connected(nats_url) as found:
        yield found


@pytest.fixture
async def navigator(nats_url, postgres_dsn, recorded, tmp_path: Path):
    await recorded.add("walker", event(), snapshot({"n": 1}), event())
    async with service("navigator", nats_url, postgres_dsn, tmp_path) as running:
        yield running


async def ask(client: Client, verb: str, body: bytes = b"", space: str = "default") -> Msg:
    return await client.request(f"strato.{space}.nav.{verb}", body, timeout=5)


async def refusal(client: Client, verb: str, body: bytes = b"", space: str = "default") -> dict:
    reply = await ask(client, verb, body, space)
    found = json.loads(reply.data)
    assert reply.headers["Nats-Service-Error"] == found["message"]
    assert found.keys() == {"code", "message", "details"}
    for word in ("Traceback", "asyncpg", "pydantic", ".py"):
        assert word not in reply.data.decode()
    return found | {"number": reply.headers["Nats-Service-Error-Code"]}


async def test_a_reply_is_json_without_an_error(client, navigator):
    reply = await ask(client, "state.at", STATE_AT)
    assert json.loads(reply.data)["state"] == {"n": 1}
    assert reply.headers["content-type"] == "application/json"
    assert "Nats-Service-Error" not in reply.headers


async def test_an_empty_body_is_an_empty_object(client, navigator):
    for body in (b"", b"  ", b"{}"):
        reply = json.loads((await ask(client, "agents.list", body)).data)
        assert [found["agent"] for found in reply["agents"]] == ["walker"]


async def test_an_error_has_headers_and_a_body(client, navigator):
    found = await refusal(client, "state.at", b'{"agent":"nobody","at":{"latest":true}}')
    assert (found["code"], found["number"], found["details"]) == ("agent_not_found", "404", {})


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"null", b"\xff\xfe", b'"x"', b"[" * 100_000, b"{}{}", b'{"agent":"\\ud800"}'],
)
async def test_a_body_that_is_no_object_does_not_fit(client, navigator, body):
    found = await refusal(client, "state.at", body)
    assert (found["code"], found["number"]) == ("bad_request", "400")
    assert (await ask(client, "agents.list")).headers.get("Nats-Service-Error") is None


async def test_each_field_that_does_not_fit_is_named(client, navigator):
    found = await refusal(client, "state.at", b'{"agent":"a b","at":{"event_index":"x"},"no":1}')
    fields = {one["field"] for one in found["details"]["errors"]}
    assert fields == {"agent", "at.event_index", "no"}


async def test_a_request_with_megabytes_of_faults_gets_a_reply(client, navigator):
    body = json.dumps({f"field-{n}": n for n in range(150_000)}).encode()
    found = await refusal(client, "agents.list", body)
    assert len(found["details"]["errors"]) == 100
    assert found["message"].endswith("…")
    body = json.dumps({"x" * 1_000_000: 1}).encode()
    assert (await refusal(client, "agents.list", body))["details"] == {}


async def test_verbs_that_are_not_served_say_so(client, navigator):
    verb = min(VERBS.keys() - SERVED)
    found = await refusal(client, verb, STATE_AT)
    assert f"does not serve {verb} yet" in found["message"]
    assert found["code"] == "bad_request"
    assert found["details"]["verb"] == verb
    assert found["details"]["errors"] == [{"field": "", "message": found["message"]}]


@pytest.mark.parametrize(
    ("verb", "nearest"), [("state.att", "state.at"), ("sate.at", "state.at"), ("stat", "stats")]
)
async def test_an_unknown_verb_is_told_the_nearest(client, navigator, verb, nearest):
    found = await refusal(client, verb)
    assert found["details"]["nearest"] == nearest
    assert found["details"]["errors"] == [{"field": "", "message": found["message"]}]


@pytest.mark.parametrize(
    ("space", "verb"), [("default", "State.AT"), ("UPPER", "stats"), ("default", "a.9")]
)
async def test_subjects_that_cannot_be_read_get_a_reply(client, navigator, space, verb):
    found = await refusal(client, verb, space=space)
    assert found["code"] == "bad_request"
    assert found["details"]["errors"] == [{"field": "", "message": found["message"]}]


async def test_a_cancel_has_no_reply(client, navigator):
    with pytest.raises(NatsTimeout):
        await client.request("strato.default.nav.cancel.abc", b"", timeout=0.3)


async def asked_of_service(client: Client, subject: str) -> dict:
    return json.loads((await client.request(subject, b"", timeout=5)).data)


async def test_it_is_a_nats_service(client, navigator):
    ping = await asked_of_service(client, "$SRV.PING")
    assert ping["type"] == "io.nats.micro.v1.ping_response"
    assert ping["name"] == "stratoscope-navigator"
    for asked, kind in (("PING", "ping"), ("INFO", "info"), ("STATS", "stats")):
        for tail in ("", ".stratoscope-navigator", f".stratoscope-navigator.{ping['id']}"):
            found = await asked_of_service(client, f"$SRV.{asked}{tail}")
            assert found["type"] == f"io.nats.micro.v1.{kind}_response"
            assert {key: found[key] for key in ("id", "name", "version", "metadata")} == {
                key: ping[key] for key in ("id", "name", "version", "metadata")
            }


async def test_its_endpoints_are_the_verbs_it_serves(client, navigator):
    info = await asked_of_service(client, "$SRV.INFO")
    endpoints = {found["name"]: found for found in info["endpoints"]}
    assert endpoints.keys() == {verb.replace(".", "-") for verb in SERVED}
    assert endpoints["state-at"]["subject"] == "strato.*.nav.state.at"
    assert endpoints["state-at"]["queue_group"] == "navigator"


async def test_its_stats_count_what_was_asked(client, navigator):
    for _ in range(3):
        await ask(client, "state.at", STATE_AT)
    await ask(client, "state.at", b"{}")
    stats = await asked_of_service(client, "$SRV.STATS")
    found = next(one for one in stats["endpoints"] if one["name"] == "state-at")
    assert (found["num_requests"], found["num_errors"]) == (4, 1)
    assert found["processing_time"] >= 4 * found["average_processing_time"] > 0
    assert found["last_error"].startswith("bad_request: ")
    assert stats["started"].endswith("Z")


async def test_metrics_have_a_bounded_number_of_series(client, navigator):
    for verb in ("x.one", "x.two", "Bad", "state.history"):
        await ask(client, verb)
    await ask(client, "state.at", STATE_AT)
    _, page = await navigator.get("/metrics")
    assert 'strato_navigator_requests_total{code="bad_request",verb="unknown"} 3.0' in page
    assert 'strato_navigator_requests_total{code="bad_request",verb="state.history"} 1.0' in page
    assert 'strato_navigator_requests_total{code="ok",verb="state.at"} 1.0' in page
    assert 'strato_navigator_request_seconds_count{verb="state.at"} 1.0' in page
    assert "strato_navigator_build_info{" in page
    assert "x.one" not in page


async def test_replicas_share_the_requests(client, navigator, nats_url, postgres_dsn, tmp_path):
    async with service("navigator", nats_url, postgres_dsn, tmp_path) as second:
        replies = await asyncio.gather(*(ask(client, "state.at", STATE_AT) for _ in range(200)))
        assert len(replies) == 200
        counts = []
        for replica in (navigator, second):
            _, page = await replica.get("/metrics")
            line = 'strato_navigator_requests_total{code="ok",verb="state.at"} '
            counts.append(float(page.partition(line)[2].split("\n")[0] or 0))
        assert sum(counts) == 200
        assert min(counts) > 0


async def test_a_reply_too_large_for_a_message_is_spilled(client, navigator, recorded, nats_url):
    state = {"large": "x" * 9_000_000}
    for _ in range(2):
        await recorded.add("giant", snapshot(state))
    body = b'{"agent":"giant","at":{"latest":true}}'
    reply = json.loads((await ask(client, "state.at", body)).data)
    assert reply.keys() == {"spilled"}
    assert reply["spilled"]["bucket"] == "strato-spill-default"
    async with Navigator.connect(nats_url) as asking:
        found = await asking.request(
            "state.at", StateAtRequest(agent="giant", at=AtLatest(latest=True))
        )
        assert found.state == state


@pytest.mark.parametrize("signal", [SIGTERM, SIGINT])
async def test_it_stops_with_everybody_answered(client, navigator, signal):
    body = b'{"wait_for":1000,"wait_ms":30000}'
    waiting = [asyncio.create_task(ask(client, "agents.list", body)) for _ in range(50)]
    await ask(client, "stats")
    navigator.process.send_signal(signal)
    replies = await asyncio.gather(*waiting)
    assert {json.loads(reply.data)["code"] for reply in replies} == {"not_projected_yet"}
    assert await navigator.process.wait() == 0
    assert "rror" not in navigator.log.read_text()


async def test_the_database_may_go_and_come(client, navigator, postgres_server):
    await ask(client, "state.at", STATE_AT)
    postgres_server.stop()
    found = await refusal(client, "state.at", STATE_AT)
    assert (found["code"], found["number"]) == ("internal", "500")
    assert "the database does not answer just now" in found["message"]
    assert found["details"]["error_id"] in navigator.log.read_text()
    status, page = await navigator.get("/readyz")
    assert (status, json.loads(page)["checks"]) == (503, {"broker": True, "database": False})
    postgres_server.start()
    await eventually(navigator.is_ready)
    assert json.loads((await ask(client, "state.at", STATE_AT)).data)["state"] == {"n": 1}


async def test_the_broker_may_go_and_come(navigator, nats_server):
    nats_server.kill()

    async def is_unready() -> bool:
        return (await navigator.get("/readyz"))[0] == 503

    await eventually(is_unready)
    assert (await navigator.get("/healthz"))[0] == 200
    nats_server.start()
    await eventually(navigator.is_ready)
    async with connected(nats_server.url) as again:
        assert json.loads((await ask(again, "state.at", STATE_AT)).data)["state"] == {"n": 1}


async def test_what_is_recorded_can_be_asked_for_at_once(client, nats_url, postgres_dsn, tmp_path):
    async with (
        service("projector", nats_url, postgres_dsn, tmp_path),
        service("navigator", nats_url, postgres_dsn, tmp_path),
    ):
        for n in range(20):
            body = json.dumps({"state": {"n": n}}).encode()
            ack = await client.jetstream().publish("strato.default.rec.live.snapshot", body)
            sent = {"agent": "live", "at": {"latest": True}, "wait_for": ack.seq}
            reply = await ask(client, "state.at", json.dumps(sent).encode())
            assert json.loads(reply.data)["state"] == {"n": n}
        stats = json.loads(
            (await ask(client, "stats", json.dumps({"wait_for": ack.seq}).encode())).data
        )
        assert stats["lag"] == 0
        assert stats["total_snapshots"] == 20


async def test_a_closed_connection_ends_the_process(nats_url, postgres_dsn, monkeypatch):
    connections = []

    async def remembered(*arguments, **options):
        connections.append(await connect(*arguments, **options))
        return connections[-1]

    monkeypatch.setattr(app, "connect", remembered)
    settings = NavigatorSettings(nats_url=nats_url, postgres_dsn=postgres_dsn)
    running = asyncio.create_task(app.run(settings))
    async with connected(nats_url) as client:

        async def answers() -> bool:
            try:
                return bool(await ask(client, "agents.list"))
            except NoRespondersError:
                return False

        await eventually(answers)
    await connections[0].client.close()
    async with asyncio.timeout(10):
        assert await running == 1


async def test_it_does_not_start_without_its_servers(nats_url, postgres_dsn, tmp_path):
    nowhere = f"127.0.0.1:{free_port()}"
    for url, dsn, said in (
        (nats_url, f"postgresql://someone:secret@{nowhere}/x", "STRATO_POSTGRES_DSN"),
        (f"nats://someone:secret@{nowhere}", postgres_dsn, "nats-server"),
    ):
        with pytest.raises(RuntimeError, match="ended with 1") as ended:
            async with service("navigator", url, dsn, tmp_path):
                pass
        assert said in str(ended.value)
        assert "secret" not in str(ended.value)
        assert "Traceback" not in str(ended.value)


async def test_a_replica_that_stops_loses_no_request(
    client, navigator, nats_url, postgres_dsn, tmp_path
):
    async with service("navigator", nats_url, postgres_dsn, tmp_path):

        async def keep_asking() -> int:
            asked = 0
            while navigator.process.returncode is None:
                assert json.loads((await ask(client, "state.at", STATE_AT)).data)["exact"] is False
                asked += 1
            return asked

        asking = [asyncio.create_task(keep_asking()) for _ in range(16)]
        await ask(client, "stats")
        assert await navigator.stop() == 0
        assert min(await asyncio.gather(*asking)) > 0


async def test_a_killed_navigator_leaves_no_evaluator_behind(client, navigator):
    body = json.dumps({"agent": "walker", "where": "event.event_index == 1"}).encode()
    found = json.loads((await ask(client, "events.list", body)).data)
    assert [one["event_index"] for one in found["events"]] == [1]
    (evaluator,) = psutil.Process(navigator.process.pid).children()
    navigator.process.kill()
    await navigator.process.wait()
    await eventually(lambda: _is_gone(evaluator), within=5)


async def _is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
