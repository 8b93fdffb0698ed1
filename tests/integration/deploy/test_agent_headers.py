"""What headers an agent may put on its records, and what they do: nothing to anybody else.

The broker stores or refuses such a record. None of them removes, replaces or delays a record of
another agent, is published anywhere else, or stops the projection or the dead letters.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio

from support import stack
from support.attacks import Attacked, attacked, attacking
from support.eventually import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

VICTIM: Final = "strato.default.rec.explorer.event"
MINE: Final = "strato.other.rec.explorer.event"
# Features of a stream that the log does not have: the broker refuses the record.
REFUSED: Final = [
    "Nats-Rollup: all",
    "Nats-Rollup: sub",
    "Nats-Expected-Stream: STRATO_HITS",
    "Nats-Expected-Last-Sequence: 99999",
    "Nats-Expected-Last-Subject-Sequence: 99999",
    "Nats-Expected-Last-Subject-Sequence: 99999\r\n"
    f"Nats-Expected-Last-Subject-Sequence-Subject: {VICTIM}",
    "Nats-Expected-Last-Msg-Id: none",
    "Nats-TTL: 1",
    "Nats-TTL: 1s",
    "Nats-TTL: never",
    "Nats-Incr: +1",
    "Nats-Batch-Id: a\r\nNats-Batch-Sequence: 1",
    "Nats-Batch-Id: a\r\nNats-Batch-Sequence: 1\r\nNats-Batch-Commit: 1",
    f"Nats-Schedule: @every 1s\r\nNats-Schedule-Target: {VICTIM}",
    f"Nats-Schedule: @at 2020-01-01T00:00:00Z\r\nNats-Schedule-Target: {VICTIM}",
    f"Nats-Schedule: @every 1s\r\nNats-Schedule-Target: {VICTIM}\r\nNats-Schedule-TTL: 1s",
    "Nats-Stream-Source: STRATO_RECORD 1 > > >",
]  # fmt: skip
# Words that mean something to a consumer, a client or us: the record is kept, and only that.
KEPT: Final = [
    "Nats-Msg-Id: {}",
    "Nats-Msg-Id: dlq.{}",
    "Nats-Required-Api-Level: 99",
    "Nats-Marker-Reason: MaxAge",
    "Nats-Request-Info: {\"acc\":\"STRATO\"}",
    "Nats-Sequence: 1",
    f"Nats-Subject: {VICTIM}",
    "Nats-Stream: STRATO_HITS",
    "Nats-Num-Pending: 0",
    "Nats-Last-Consumer: 9",
    "Nats-Last-Stream: 9",
    "Nats-Consumer-Stalled: strato.default.nav.agent.pause",
    "Nats-Pending-Messages: 1",
    "Nats-Pin-Id: one",
    "Nats-Service-Error: no",
    "Nats-Service-Error-Code: 500",
    "Status: 503",
    "Status: 100\r\nDescription: Idle Heartbeat",
    "Strato-Import: one",
    "Strato-Request: one",
    "Strato-Progress: 1",
    "Strato-Flow: answered",
    "Strato-Stream-Seq: 1",
    "Strato-Reason: none",
    "Strato-Replay-End: true",
    "Reply-To: strato.default.ctl.explorer",
    "correlation_id: one",
    "Content-Encoding: zstd",
    "Content-Encoding: gzip",
]  # fmt: skip
# A trace's destination is checked as what its sender publishes.
TRACED: Final = [
    VICTIM,
    "strato.default.ctl.explorer",
    "strato.default.nav.agent.pause",
    "strato.other.nav.agent.pause",
    "strato.other.hit.explorer",
    "strato.other.ctl.explorer",
    "strato._projected",
    "$JS.API.STREAM.PURGE.STRATO_RECORD",
    "$SYS.REQ.SERVER.PING",
    "_INBOX_operator.default.ops.1",
]


def block(headers: str) -> bytes:
    return f"NATS/1.0\r\n{headers}\r\n\r\n".encode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one(shared_postgres: stack.PostgresServer) -> AsyncIterator[Attacked]:
    async with attacked(shared_postgres) as found:
        yield found


async def own_messages(one: Attacked) -> int:
    return sum(count for name, count in (await one.log()).items() if ".other." in name)


async def check_others(one: Attacked, before: int) -> None:
    """Raise where a record of another agent is gone, or is not projected."""
    log = await one.log()
    assert sum(count for name, count in log.items() if ".default." in name) == before
    last = await one.record(VICTIM, b'{"type":"after"}')
    assert len(await one.is_projected(last, "explorer")) == before + 1
    assert await one.projector.is_ready()


async def victims(one: Attacked) -> int:
    """The victim's records, after one more is recorded."""
    last = await one.record(VICTIM, b'{"type":"before"}')
    return len(await one.is_projected(last, "explorer"))


@pytest.mark.parametrize("headers", REFUSED)
async def test_what_would_change_the_log_is_refused(one: Attacked, headers: str) -> None:
    before, mine = await victims(one), await own_messages(one)
    async with attacking(one, "agent", "explorer") as agent:
        agent.subscribe("_INBOX_agent.other.explorer.>")
        inbox = "_INBOX_agent.other.explorer.1"
        agent.publish(MINE, b'{"type":"mine"}', inbox, block(headers))
        async with asyncio.timeout(30):
            while not agent.heard:
                await agent.flush()
        assert "error" in json.loads(agent.heard[0].body)
    await check_others(one, before)
    assert await own_messages(one) == mine


async def test_what_means_something_elsewhere_is_kept_and_means_nothing(one: Attacked) -> None:
    before, mine = await victims(one), await own_messages(one)
    letters = (await one.admin.jetstream.stream_info("STRATO_DLQ")).state.messages
    async with attacking(one, "agent", "explorer") as agent:
        # Each on a record, and on one that becomes a dead letter with its headers.
        for headers in KEPT:
            for number, body in enumerate((b'{"type":"mine"}', b"not JSON"), 1):
                # The same id twice would be its own record's end.
                agent.publish(MINE, body, headers=block(headers.replace("{}", str(number))))
        assert await agent.refused() == []

    async def all_are_stored() -> bool:
        return await own_messages(one) == mine + 2 * len(KEPT)

    await eventually(all_are_stored, within=30)
    await check_others(one, before)

    async def all_letters_are_published() -> bool:
        found = (await one.admin.jetstream.stream_info("STRATO_DLQ")).state.messages
        return found >= letters + len(KEPT)

    await eventually(all_letters_are_published, within=30)


@pytest.mark.parametrize("destination", TRACED)
async def test_a_trace_goes_only_where_its_sender_may_publish(
    one: Attacked, destination: str
) -> None:
    before = await victims(one)
    await one.forget()
    async with attacking(one, "agent", "explorer") as agent:
        for more in ("", "\r\nNats-Trace-Only: true"):
            headers = block(f"Nats-Trace-Dest: {destination}{more}")
            agent.publish(MINE, b'{"type":"mine"}', headers=headers)
            agent.publish("strato.other.gate.explorer", b'{"after":0}', headers=headers)
        assert await agent.refused() == [destination] * 4
    await check_others(one, before)
    heard = [*await one.heard("STRATO"), *await one.heard("AGENTS")]
    assert not [message for message in heard if b'"server":{"name"' in message.body]


async def test_a_trace_of_an_operator_asks_for_nothing(one: Attacked) -> None:
    """It may be sent to its own verbs, where it is a request without a reply subject."""
    before, counted = await victims(one), await one.refused_replies()
    async with attacking(one, "operator", "ops") as operator:
        headers = block("Nats-Trace-Dest: strato.other.nav.agent.pause")
        inbox = "_INBOX_operator.other.ops.1"
        operator.publish("strato.other.nav.stats", b"{}", inbox, headers)
        for refused in (VICTIM, "strato.default.nav.agent.pause", "strato.other.ctl.explorer"):
            headers = block(f"Nats-Trace-Dest: {refused}")
            operator.publish("strato.other.nav.stats", b"{}", inbox, headers)
            assert await operator.refused() == [refused]

    async def is_refused() -> bool:
        return await one.refused_replies() == counted + 1

    await eventually(is_refused, within=30)
    await check_others(one, before)
