"""Hits that wait in the table go out page by page, in the order of the log."""

from dataclasses import replace
from datetime import UTC, datetime

import nats
import orjson
import pytest
from nats.js.api import AckPolicy, ConsumerConfig

from stratoscope.broker.streams import StreamSettings, ensure_streams
from stratoscope.navigator.live import outbox
from stratoscope_contracts.subjects import partition_of
from stratoscope_contracts.words import STREAM_HITS
from support.eventually import eventually
from support.lane import ERRORS, MINE, Watching, breakpoint
from support.recorded import event
from support.stack import NatsServer

OTHER = partition_of("default", "runner")


@pytest.fixture
async def client(nats_server: NatsServer):
    found = await nats.connect(nats_server.url)
    await ensure_streams(found.jetstream(), StreamSettings())
    yield found
    await found.close()


async def published(client) -> list[tuple[str, int]]:
    """The agent and index of each hit in the stream, in its order."""
    jetstream = client.jetstream()
    count = (await jetstream.stream_info(STREAM_HITS)).state.messages
    subscription = await jetstream.pull_subscribe(
        "", stream=STREAM_HITS, config=ConsumerConfig(ack_policy=AckPolicy.NONE)
    )
    messages = await subscription.fetch(count, timeout=5) if count else []
    bodies = [orjson.loads(one.data) for one in messages]
    return [(one["agent"], one["position"]["event_index"]) for one in bodies]


async def record(watching: Watching, walker: int, runner: int) -> None:
    """Record errors of both, and have them judged."""
    of = {"walker": walker, "runner": runner}
    await watching.recorded.add_messages(
        [(agent, [event("error_occurred") for _ in range(n)]) for agent, n in of.items()]
    )
    await watching.lane.look(at_once=True)


async def test_partitions_have_their_pages_in_turn_and_later_hits_go_behind(
    watching: Watching, client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(outbox, "_PAGE", 4)
    monkeypatch.setattr(outbox, "_AT_A_TIME", 5)
    await watching.arm(breakpoint(ERRORS), replace(breakpoint(ERRORS), agent="runner"))
    out = watching.parts.outbox
    out.page([OTHER])
    await record(watching, 10, 1)
    # More than go at a time, and one of a partition that was taken over: none is on its way.
    assert await published(client) == []
    await out.publish_page()
    await out.publish_page()
    walkers = [("walker", n) for n in range(12)]
    assert sorted(await published(client)) == [("runner", 0), *walkers[:4]]
    # A hit of a partition that has none left to wait for goes at once, one of the other behind.
    await record(watching, 2, 1)
    while len(await published(client)) < 14:
        await out.publish_page()
    found = await published(client)
    assert [one for one in found if one[0] == "walker"] == walkers
    assert found.index(("runner", 1)) < found.index(("walker", 9))


async def test_what_another_has_left_goes_out_before_what_is_found_then(
    watching: Watching, client, monkeypatch: pytest.MonkeyPatch
):
    await watching.arm(breakpoint(ERRORS))
    out = watching.parts.outbox
    with monkeypatch.context() as patched:
        patched.setattr(outbox, "_AT_A_TIME", 0)
        await record(watching, 3, 0)
    # As a term does that takes the partition over.
    out.page([MINE])
    await record(watching, 3, 0)
    assert await published(client) == []
    await out.publish_page()
    assert await published(client) == [("walker", n) for n in range(6)]
    left = "select count(*) from hit where published_at is null"
    assert await watching.recorded.pool.fetchval(left) == 0
    # Nothing waits any more: the next one goes at once.
    await record(watching, 1, 0)

    async def is_there() -> bool:
        return len(await published(client)) == 7

    await eventually(is_there)


async def test_a_hit_that_is_not_acknowledged_is_published_again(
    watching: Watching, client, monkeypatch: pytest.MonkeyPatch
):
    await watching.arm(breakpoint(ERRORS))
    out = watching.parts.outbox
    await client.jetstream().delete_stream(STREAM_HITS)
    await record(watching, 3, 0)
    await ensure_streams(client.jetstream(), StreamSettings())
    # It waits for what is on its way, which nobody has taken.
    out.page([OTHER])
    for _ in range(2):
        await out.publish_page()
    assert await published(client) == [("walker", n) for n in range(3)]
    assert datetime.now(UTC) >= await watching.recorded.pool.fetchval(
        "select min(published_at) from hit"
    )


async def test_hits_of_many_bytes_wait_in_the_table_and_have_smaller_pages(
    watching: Watching, client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(outbox, "_BYTES_AT_A_TIME", 10_000)
    monkeypatch.setattr(outbox, "_PAGE_BYTES", 10_000)
    await watching.arm(breakpoint(ERRORS))
    large = [event("error_occurred", data={"x": "a" * 4_000}) for _ in range(7)]
    await watching.recorded.add_messages([("walker", large)])
    await watching.lane.look(at_once=True)
    assert await published(client) == []
    for page in (3, 6, 7):
        await watching.parts.outbox.publish_page()
        assert await published(client) == [("walker", n) for n in range(page)]
