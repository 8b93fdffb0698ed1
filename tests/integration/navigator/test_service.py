"""The navigator as a process: what goes over the wire, and what it survives."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from signal import SIGINT, SIGTERM

import psutil
import pytest
from nats.aio.client import Client
from nats.errors import NoRespondersError

from stratoscope.broker.connection import connect
from stratoscope.client import Navigator
from stratoscope.embedded.ports import free_port
from stratoscope.navigator import app
from stratoscope.navigator.settings import NavigatorSettings
from stratoscope_contracts.looking import StateAtRequest
from stratoscope_contracts.views import AtLatest
from support.eventually import eventually
from support.recorded import event, snapshot
from support.service import service
from support.wire import STATE_AT, ask, asked_of_service, connected, refusal


@pytest.fixture
async def client(nats_url: str) -> AsyncIterator[Client]:
    async with connected(nats_url) as found:
        yield found


@pytest.fixture
async def navigator(nats_url, projection_dsn, recorded, tmp_path: Path):
    await recorded.add("walker", event(), snapshot({"n": 1}), event())
    async with service("navigator", nats_url, projection_dsn, tmp_path) as running:
        yield running


async def test_its_stats_count_what_was_asked(client, navigator):
    for _ in range(3):
        await ask(client, "state.at", STATE_AT)
    await ask(client, "state.at", b"{}")
    stats = await asked_of_service(client, "$SRV.STATS")
    found = next(one for one in stats["endpoints"] if one["name"] == "state-at")
    assert (found["num_requests"], found["num_errors"]) == (4, 1)
    assert found["processing_time"] >= 4 * found["average_processing_time"] > 0
    # No message: operators of all spaces may ask.
    assert found["last_error"] == "bad_request"
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


async def test_replicas_share_the_requests(client, navigator, nats_url, projection_dsn, tmp_path):
    async with service("navigator", nats_url, projection_dsn, tmp_path) as second:
        # As many as a client may have at a time.
        for _ in range(4):
            await asyncio.gather(*(ask(client, "state.at", STATE_AT) for _ in range(50)))
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
    said = json.loads(page)
    assert (status, said["checks"]["broker"], said["checks"]["database"]) == (503, True, False)
    assert "STRATO_POSTGRES_DSN" in said["reasons"]["database"]
    postgres_server.start()
    await eventually(navigator.is_ready)
    assert json.loads((await ask(client, "state.at", STATE_AT)).data)["state"] == {"n": 1}
    assert "Traceback" not in navigator.log.read_text()


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


async def test_what_is_recorded_can_be_asked_for_at_once(
    client, nats_url, projection_dsn, tmp_path
):
    async with (
        service("projector", nats_url, projection_dsn, tmp_path),
        service("navigator", nats_url, projection_dsn, tmp_path),
    ):
        for n in range(20):
            body = json.dumps({"state": {"n": n}}).encode()
            ack = await client.jetstream().publish("strato.default.rec.live.snapshot", body)
            waiting = {"wait_for": ack.seq, "wait_ms": 20_000}
            sent = {"agent": "live", "at": {"latest": True}} | waiting
            reply = await ask(client, "state.at", json.dumps(sent).encode())
            assert json.loads(reply.data)["state"] == {"n": n}
        stats = json.loads((await ask(client, "stats", json.dumps(waiting).encode())).data)
        assert stats["lag"] == 0
        assert stats["total_snapshots"] == 20


async def test_a_closed_connection_ends_the_process(nats_url, projection_dsn, monkeypatch):
    connections = []

    async def remembered(*arguments, **options):
        connections.append(await connect(*arguments, **options))
        return connections[-1]

    monkeypatch.setattr(app, "connect", remembered)
    settings = NavigatorSettings(nats_url=nats_url, postgres_dsn=projection_dsn)
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


async def test_it_does_not_start_without_its_servers(nats_url, projection_dsn, tmp_path):
    nowhere = f"127.0.0.1:{free_port()}"
    for url, dsn, said in (
        (nats_url, f"postgresql://someone:secret@{nowhere}/x", "STRATO_POSTGRES_DSN"),
        (f"nats://someone:secret@{nowhere}", projection_dsn, "nats-server"),
    ):
        with pytest.raises(RuntimeError, match="ended with 1") as ended:
            async with service("navigator", url, dsn, tmp_path):
                pass
        assert said in str(ended.value)
        assert "secret" not in str(ended.value)
        assert "Traceback" not in str(ended.value)


async def test_a_replica_that_stops_loses_no_request(
    client, navigator, nats_url, projection_dsn, tmp_path
):
    async with service("navigator", nats_url, projection_dsn, tmp_path):

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
