"""What a projector makes of a log, and what it tells about it."""

import asyncio
import re
import signal

import orjson
import zstandard
from nats.aio.msg import Msg

from stratoscope.broker import feed
from stratoscope_contracts.words import PARTITIONS
from support.eventually import eventually
from support.folded_log import naive_fold, read_log
from support.projecting import projecting
from support.projection import assert_equals_log, differences, read_projection
from support.recorded import an_id
from support.stack import new_database

ZSTD = {"Content-Encoding": "zstd"}


def packed(document: object, **settings: object) -> bytes:
    return zstandard.ZstdCompressor(**settings).compress(orjson.dumps(document))


async def test_an_id_that_an_agent_has_is_a_duplicate_whatever_its_kind(
    publish, projectors, running, nats_url
):
    event, snapshot = an_id(), an_id()
    for agent in ("a", "b"):
        await publish(agent, "event", {"id": event, "type": "x"})
        await publish(agent, "snapshot", {"id": snapshot, "state": {"n": 1}})
    await publish("a", "event", {"id": event, "type": "y"})
    await publish("a", "snapshot", {"id": event, "state": {}})
    twice = {"kind": "event", "type": "y", "id": snapshot}
    last = await publish("a", "batch", {"records": [twice, twice | {"id": an_id()}]})
    await eventually(lambda: projectors.passed(last))
    rows = await projectors.fetch("select name, next_event, snapshots, duplicates from agent")
    assert sorted(map(tuple, rows)) == [("a", 2, 1, 3), ("b", 1, 1, 0)]
    await assert_equals_log(nats_url, projectors.dsn)


async def test_ids_made_from_the_place_are_the_same_when_projected_again(
    publish, projectors, running, nats_url, postgres_server, tmp_path
):
    nameless = {"kind": "event", "type": "x"}
    await publish("a", "event", {"type": "x"})
    await publish("a", "event", b"{")
    await publish("b", "batch", {"records": [nameless, {"kind": "snapshot", "state": {}}]})
    last = await publish("b", "batch", {"records": [nameless] * 3})
    await eventually(lambda: projectors.passed(last))
    first = await assert_equals_log(nats_url, projectors.dsn)
    ids = [one["id"] for line in first.timelines.values() for one in line.events]
    assert len(set(ids)) == 5
    with new_database(postgres_server) as dsn:
        async with projecting(nats_url, dsn, tmp_path) as again:
            await again.start()
            await eventually(lambda: again.passed(last))
            assert differences(first, await read_projection(dsn)) == []


async def test_compressed_bodies_are_taken(publish, projectors, running):
    await publish("a", "event", packed({"type": "x", "data": {"n": 1}}), ZSTD)
    await publish("a", "snapshot", packed({"state": {"text": "x" * 100_000}}), ZSTD)
    records = [{"kind": "event", "type": "y"}] * 3
    unsized = packed({"records": records}, write_content_size=False)
    await publish("a", "batch", unsized, {"content-encoding": "ZSTD"})
    last = await publish("a", "event", {"type": "x"}, {"Content-Encoding": "identity"})
    await eventually(lambda: projectors.passed(last))
    (line,) = (await read_projection(projectors.dsn)).timelines.values()
    assert [event["type"] for event in line.events] == ["x", "y", "y", "y", "x"]
    assert line.states[0][2] == '{"text": "' + "x" * 100_000 + '"}'


async def test_what_was_recorded_before_is_projected_first(publish, projectors, nats_url):
    for number in range(500):
        await publish.client.publish(
            f"strato.default.rec.agent-{number % 7}.event", b'{"type":"x","data":{"n":%d}}' % number
        )
    last = await publish("a", "event", {"type": "last"})
    assert last == 501
    await projectors.start()
    await eventually(lambda: projectors.passed(last))
    await assert_equals_log(nats_url, projectors.dsn)


async def test_partitions_without_news_move_too(publish, projectors, running):
    last = 0
    for _ in range(3):
        last = await publish("a", "event", {"type": "x"})
    await eventually(lambda: projectors.passed(last))
    assert await projectors.checkpoints() == dict.fromkeys(range(PARTITIONS), last)


async def test_partitions_of_another_projector_without_news_move_too(publish, projectors):
    quick = {"STRATO_LEASE_SECONDS": "1"}
    await projectors.start(**quick)
    await projectors.start(**quick)
    await eventually(lambda: halves(projectors))
    last = 0
    for _ in range(3):
        last = await publish("a", "event", {"type": "x"})
    await eventually(lambda: projectors.passed(last))
    assert set((await projectors.checkpoints()).values()) == {last}


async def halves(projectors) -> bool:
    return list((await projectors.owners()).values()) == [8, 8]


async def test_depths_over_partitions_of_two_projectors_are_those_of_the_log(
    publish, projectors, nats_url
):
    quick = {"STRATO_LEASE_SECONDS": "1"}
    await projectors.start(**quick)
    await projectors.start(**quick)
    await eventually(lambda: halves(projectors))
    ids = [an_id() for _ in range(60)]
    for number, id_ in enumerate(ids):
        # A chain from agent to agent; every fourth names an effect that is yet to come, too.
        causes = ids[max(number - 1, 0) : number] + (
            ids[number + 1 : number + 2] * (number % 4 < 1)
        )
        last = await publish(f"agent-{number}", "event", {"id": id_, "type": "x", "causes": causes})
    await eventually(lambda: projectors.passed(last))
    await eventually(projectors.resolved)
    projected = await assert_equals_log(nats_url, projectors.dsn)
    depths = [line.events[0]["depth"] for line in projected.timelines.values()]
    assert sorted(depths) == list(range(1, 61))


async def test_the_news_of_a_batch_come_after_its_commit(publish, projectors, running):
    news: asyncio.Queue[Msg] = asyncio.Queue()
    await publish.client.subscribe(feed.PROJECTED, cb=news.put)
    await publish.client.flush()
    for _ in range(5):
        seq = await publish("a", "event", {"type": "x"})
        async with asyncio.timeout(5):
            told = feed.decode((await news.get()).data)
        assert told is not None
        assert (told.schema, told.stream_seq) == ("strato_p1", seq)
        assert sorted(told.partitions) == list(range(PARTITIONS))
        assert await projectors.passed(seq)


async def test_where_those_who_watch_are_told_of_each_batch_the_others_hear_of_several_at_once(
    publish, projectors, running
):
    batches: list[int] = []
    news: list[int] = []
    last = asyncio.get_running_loop().create_future()

    async def told(message: Msg) -> None:
        committed = feed.decode_committed(message.data)
        batches.extend(len(one.events) for one in committed.agents)

    async def heard(message: Msg) -> None:
        news.append(feed.decode(message.data).stream_seq)
        if news[-1] == 101 and not last.done():
            last.set_result(None)

    await publish.client.subscribe(feed.COMMITTED, cb=told)
    await publish.client.subscribe(feed.PROJECTED, cb=heard)
    watched = feed.Watched("test", agents=[("default", "a")])
    await publish.client.publish(feed.WATCHED, feed.encode(watched))
    # The broker keeps an order for each who publishes, and this asks the projector nothing: so that
    # it has heard is seen by its telling.
    await publish("a", "event", {"type": "x"})
    await eventually(lambda: projectors.passed(1))
    for _ in range(100):
        await publish("a", "event", {"type": "x"})
    async with asyncio.timeout(5):
        await last
    assert sum(batches) == 101
    assert news == sorted(news)
    assert len(news) < len(batches)


async def test_health_readiness_and_metrics_are_served(publish, projectors, running):
    await publish("a", "event", b"{")
    last = await publish("a", "event", {"type": "x"})
    await eventually(lambda: projectors.passed(last))
    assert await running.get("/healthz") == (200, '{"alive":true}')
    status, body = await running.get("/readyz")
    names = ("broker", "storing", "database", "running", "leases", "progress")
    checks = dict.fromkeys(names, True)
    assert (status, orjson.loads(body)) == (200, {"ready": True, "checks": checks})
    await eventually(lambda: counted(running, "strato_projector_messages_total", 2))
    taken = 'strato_projector_records_total{kind="event",outcome="taken"}'
    # Pages are told again for a moment as they were.
    await eventually(lambda: counted(running, taken, 1))
    assert await counted(running, 'strato_projector_dead_letters_total{reason="not_json"}', 1)
    assert await counted(running, 'strato_projector_checkpoint_stream_seq{partition="7"}', 2)
    assert await counted(running, "strato_projector_partitions_held", 16)
    assert await counted(running, "strato_projector_halted", 0)


async def counted(running, name: str, value: float) -> bool:
    _, page = await running.get("/metrics")
    found = re.search(rf"^{re.escape(name)} (\S+)$", page, re.MULTILINE)
    return found is not None and float(found[1]) == value


async def test_a_stopped_projector_gives_back_what_it_held(publish, projectors, running):
    for number in (signal.SIGINT, signal.SIGTERM):
        running.process.send_signal(number)
        async with asyncio.timeout(5):
            assert await running.process.wait() == 0
        rows = await projectors.fetch("select from partition where owner is not null")
        assert rows == await projectors.fetch("select from projector") == []
        running = await projectors.start()


async def test_the_naive_fold_and_the_projection_can_differ(publish, projectors, running, nats_url):
    last = await publish("a", "event", {"type": "x"})
    await eventually(lambda: projectors.passed(last))
    await projectors.fetch("update event set depth = 2")
    naive = naive_fold(await read_log(nats_url))
    assert len(differences(naive, await read_projection(projectors.dsn))) == 1
