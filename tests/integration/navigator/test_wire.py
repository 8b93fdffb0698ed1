"""What goes over the wire, asked of one navigator that nothing happens to."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.errors import TimeoutError as NatsTimeout

from stratoscope.navigator.dispatch import SERVED
from stratoscope_contracts.verbs import VERBS
from support import stack
from support.recorded import event, recorded_in, snapshot
from support.service import service
from support.wire import STATE_AT, ask, asked_of_service, connected, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(
    backend: str, shared_postgres: stack.PostgresServer, migrated: str
) -> AsyncIterator[Client]:
    """A client of the broker that the navigator answers on."""
    with TemporaryDirectory() as folder, stack.new_database(shared_postgres, migrated) as dsn:
        broker = stack.new_nats(backend, Path(folder))
        try:
            async with recorded_in(dsn) as recorded:
                await recorded.add("walker", event(), snapshot({"n": 1}), event())
            async with (
                service("navigator", broker.url, dsn, Path(folder)),
                connected(broker.url) as found,
            ):
                yield found
        finally:
            broker.close()


async def test_a_reply_is_json_without_an_error(client):
    reply = await ask(client, "state.at", STATE_AT)
    assert json.loads(reply.data)["state"] == {"n": 1}
    assert reply.headers["content-type"] == "application/json"
    assert "Nats-Service-Error" not in reply.headers


async def test_an_empty_body_is_an_empty_object(client):
    for body in (b"", b"  ", b"{}"):
        reply = json.loads((await ask(client, "agents.list", body)).data)
        assert [found["agent"] for found in reply["agents"]] == ["walker"]


async def test_an_error_has_headers_and_a_body(client):
    found = await refusal(client, "state.at", b'{"agent":"nobody","at":{"latest":true}}')
    assert (found["code"], found["number"], found["details"]) == ("agent_not_found", "404", {})


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"null", b"\xff\xfe", b'"x"', b"[" * 100_000, b"{}{}", b'{"agent":"\\ud800"}'],
)
async def test_a_body_that_is_no_object_does_not_fit(client, body):
    found = await refusal(client, "state.at", body)
    assert (found["code"], found["number"]) == ("bad_request", "400")
    assert (await ask(client, "agents.list")).headers.get("Nats-Service-Error") is None


async def test_each_field_that_does_not_fit_is_named(client):
    found = await refusal(client, "state.at", b'{"agent":"a b","at":{"event_index":"x"},"no":1}')
    fields = {one["field"] for one in found["details"]["errors"]}
    assert fields == {"agent", "at.event_index", "no"}


async def test_a_request_with_megabytes_of_faults_gets_a_reply(client):
    body = json.dumps({f"field-{n}": n for n in range(90_000)}).encode()
    found = await refusal(client, "agents.list", body)
    assert found["details"]["errors"] == [{"field": "", "message": "more than 100 of them"}]
    # Below the limits of a whole body each fault is named.
    body = json.dumps({f"field-{n}": n for n in range(100)}).encode()
    found = await refusal(client, "agents.list", body)
    assert len(found["details"]["errors"]) == 100
    body = json.dumps({"x" * 1_000_000: 1}).encode()
    found = await refusal(client, "agents.list", body)
    assert (found["code"], found["details"]) == ("bad_request", {})


async def test_every_verb_of_the_contract_is_served():
    assert VERBS.keys() == SERVED


@pytest.mark.parametrize(
    ("verb", "nearest"), [("state.att", "state.at"), ("sate.at", "state.at"), ("stat", "stats")]
)
async def test_an_unknown_verb_is_told_the_nearest(client, verb, nearest):
    found = await refusal(client, verb)
    assert found["details"]["nearest"] == nearest
    assert found["details"]["errors"] == [{"field": "", "message": found["message"]}]


@pytest.mark.parametrize(
    ("space", "verb"), [("default", "State.AT"), ("UPPER", "stats"), ("default", "a.9")]
)
async def test_subjects_that_cannot_be_read_get_a_reply(client, space, verb):
    found = await refusal(client, verb, space=space)
    assert found["code"] == "bad_request"
    assert found["details"]["errors"] == [{"field": "", "message": found["message"]}]


async def test_a_cancel_has_no_reply(client):
    with pytest.raises(NatsTimeout):
        await client.request("strato.default.nav.cancel.abc", b"", timeout=0.3)


async def test_it_is_a_nats_service(client):
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


async def test_its_endpoints_are_the_verbs_it_serves(client):
    info = await asked_of_service(client, "$SRV.INFO")
    endpoints = {found["name"]: found for found in info["endpoints"]}
    assert endpoints.keys() == {verb.replace(".", "-") for verb in SERVED}
    assert endpoints["state-at"]["subject"] == "strato.*.nav.state.at"
    assert endpoints["state-at"]["queue_group"] == "navigator"


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e400", "9" * 400, str(2**64), '"\\ud800"'])
async def test_a_value_that_is_no_json_of_the_contract_is_refused(client, value: str):
    condition = f'{{"kind":"on_state","path":"a","op":"eq","value":{value}}}'
    body = f'{{"agent":"walker","condition":{condition}}}'.encode()
    assert (await refusal(client, "breakpoint.create", body))["code"] == "bad_request"
