"""A session is answered by any replica, and outlives all of them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import nats
import pytest

from stratoscope_contracts.errors import StratoError
from support.operators import Model, Operators
from support.recorded import event, recorded_in, snapshot
from support.service import service

EVENTS = 40


@pytest.fixture
async def ask(nats_url: str) -> AsyncIterator:
    client = await nats.connect(nats_url)

    async def asked(verb, body):
        payload = json.dumps(body).encode()
        reply = await client.request(f"strato.default.nav.{verb}", payload, timeout=10)
        if "Nats-Service-Error" in (reply.headers or {}):
            raise StratoError.from_reply(reply.data)
        return json.loads(reply.data)

    yield asked
    await client.close()


async def test_two_navigators_answer_as_one_and_another_goes_on(
    ask, nats_url, postgres_dsn, tmp_path: Path
):
    async with recorded_in(postgres_dsn) as recorded:
        await recorded.add("walker", *(event() for _ in range(EVENTS)), snapshot({"n": 1}))
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(service("navigator", nats_url, postgres_dsn, tmp_path))
        made = await ask("session.create", {"agent": "walker", "config": {}})
        identity = made["session"]["id"]
        await ask("session.start", {"id": identity})
        operators = Operators(ask, identity, version=2)
        await asyncio.gather(*(operators.operate(seed, 20, EVENTS) for seed in range(6)))
        operators.check(Model(EVENTS, (EVENTS - 1,)), version=2)
        await ask("session.mark", {"id": identity, "name": "here", "note": "why"})
        await ask("session.data.set", {"id": identity, "key": "k", "value": {"a": 1}})
        verbs = ("session.get", "session.history", "session.marks")
        before = [await ask(verb, {"id": identity}) for verb in verbs]
    async with service("navigator", nats_url, postgres_dsn, tmp_path):
        assert [await ask(verb, {"id": identity}) for verb in verbs] == before
        value = await ask("session.data.get", {"id": identity, "key": "k"})
        assert value["value"] == {"a": 1}
        version = before[0]["version"]
        moved = await ask("session.goto", {"id": identity, "mark": "here", "if_version": version})
        assert moved["position"] == before[0]["session"]["position"]
