"""What can't be taken goes to the dead letters, table and stream, and the timeline goes on."""

import asyncio
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import nats
import orjson
import pytest
import zstandard

from stratoscope.embedded.broker import find_nats_server
from stratoscope.embedded.ports import LOOPBACK, free_port
from stratoscope_contracts.words import STREAM_DLQ, STREAM_RECORD
from support.eventually import eventually
from support.projecting import ARMED, projecting

ID = "01890a5d-ac96-774b-bcce-b302099a8057"
EVENT = {"type": "after"}


class Bad(NamedTuple):
    """A message that can't be taken, and why."""

    reason: str
    body: Any
    kind: str = "event"
    headers: dict[str, str] | None = None


def nested(levels: int) -> bytes:
    return b'{"type":"x","data":{"a":' + b"[" * levels + b"]" * levels + b"}}"


def zstd(raw: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(raw)


def batch(*records: Any) -> Any:
    return {"records": [{"kind": "event", "type": "x"}, *records]}


ZSTD = {"Content-Encoding": "zstd"}
MIB = 1 << 20

BAD = {
    "not-json": Bad("not_json", b'{"type":'),
    "nothing": Bad("not_json", b""),
    "no-utf-8": Bad("not_json", b'{"type":"x","data":{"a":"\xff"}}'),
    "nan": Bad("not_json", b'{"type":"x","data":{"a":NaN}}'),
    "no-object": Bad("wrong_shape", [1]),
    "no-type": Bad("wrong_shape", {"data": {}}),
    "odd-type": Bad("wrong_shape", {"type": "Not A Type"}),
    "odd-id": Bad("wrong_shape", {"type": "x", "id": "seven"}),
    "no-offset": Bad("wrong_shape", {"type": "x", "occurred_at": "2026-11-23T08:00:00"}),
    "odd-data": Bad("wrong_shape", {"type": "x", "data": [1]}),
    "odd-patch": Bad("wrong_shape", {"type": "x", "patch": [{"op": "add", "path": "/a"}]}),
    "odd-memory": Bad("wrong_shape", {"state": {}, "memory_usage": -1}, "snapshot"),
    "state-no-object": Bad("wrong_shape", {"state": [1]}, "snapshot"),
    "no-state": Bad("wrong_shape", {"label": "x"}, "snapshot"),
    "empty-batch": Bad("wrong_shape", {"records": []}, "batch"),
    "many-records": Bad("wrong_shape", batch(*[{"kind": "event", "type": "x"}] * 10_000), "batch"),
    "many-causes": Bad("wrong_shape", {"type": "x", "causes": [ID] * 65}),
    "many-operations": Bad(
        "wrong_shape", {"type": "x", "patch": [{"op": "remove", "path": "/a"}] * 1001}
    ),
    "metadata": Bad("metadata_too_large", {"type": "x", "metadata": {"a": "x" * 16_384}}),
    "deep": Bad("too_deep", nested(64)),
    "very-deep": Bad("too_deep", nested(20_000)),
    "nul": Bad("nul", rb'{"type":"x","data":{"a":"\u0000"}}'),
    "nul-key": Bad("nul", rb'{"state":{"a":{"\u0000":1}}}', "snapshot"),
    "surrogate": Bad("lone_surrogate", rb'{"type":"x","data":{"a":"\ud800"}}'),
    "large-integer": Bad("number_out_of_range", b'{"type":"x","data":{"a":18446744073709551616}}'),
    "small-integer": Bad("number_out_of_range", b'{"type":"x","data":{"a":-9223372036854775809}}'),
    "no-double": Bad("not_finite", b'{"type":"x","data":{"a":1e400}}'),
    "gzip": Bad("unknown_encoding", b"{}", headers={"Content-Encoding": "gzip"}),
    "broken-zstd": Bad("damaged_encoding", zstd(b"{}")[:5] + b"\xff" * 9, headers=ZSTD),
    "no-zstd": Bad("damaged_encoding", b'{"type":"x"}', headers=ZSTD),
    "bomb": Bad("too_large", zstd(b" " * (33 * MIB)), headers=ZSTD),
    "bad-in-batch": Bad("wrong_shape", batch({"kind": "event", "type": "Bad"}), "batch"),
    "odd-in-batch": Bad("wrong_shape", batch({"kind": "thing"}), "batch"),
    "patch": Bad("patch_conflict", {"type": "x", "patch": [{"op": "remove", "path": "/a"}]}),
    "patch-in-batch": Bad(
        "patch_conflict",
        batch({"kind": "event", "type": "x", "patch": [{"op": "remove", "path": "/a"}]}),
        "batch",
    ),
    "kind": Bad("bad_subject", {"type": "x"}, "thing"),
    "l" * 129: Bad("bad_subject", {"type": "x"}),
    "ö": Bad("bad_subject", {"type": "x"}),
    "*": Bad("bad_subject", {"type": "x"}),
}


# Events that can be read as far as that they have no patch.
UNTAINTED = frozenset(
    {"no-type", "odd-type", "odd-id", "no-offset", "odd-data", "many-causes", "metadata"}
    | {"empty-batch", "many-records", "bad-in-batch"}
)


async def test_every_kind_of_bad_input_is_a_dead_letter_and_the_next_record_is_taken(
    publish, projectors, running
):
    sent, last = {}, 0
    for agent, bad in BAD.items():
        sent[await publish(agent, bad.kind, bad.body, bad.headers)] = agent
        last = await publish(agent, "event", EVENT)
    await eventually(lambda: projectors.passed(last))
    rows = await projectors.fetch("select * from dead_letter order by stream_seq")
    found = {sent[row["stream_seq"]]: row["reason"] for row in rows if row["stream_seq"] in sent}
    assert found == {agent: bad.reason for agent, bad in BAD.items()}
    assert all(row["detail"] and row["rule_version"] for row in rows)

    events = await projectors.fetch(
        "select agent.name, event_type.name as type from event join agent using (agent_id)"
        " join event_type using (type_id)"
    )
    proper = [agent for agent, bad in BAD.items() if bad.reason != "bad_subject"] + ["kind"]
    assert sorted(map(tuple, events)) == sorted((agent, "after") for agent in proper)
    taints = await projectors.fetch("select agent.name from taint join agent using (agent_id)")
    in_doubt = sorted(agent for agent in proper if agent not in UNTAINTED | {"kind"})
    assert sorted(row["name"] for row in taints) == in_doubt

    letters = await dead_letters(publish, len(rows))
    for row in rows:
        letter = letters[row["stream_seq"]]
        came = await publish.jetstream.get_msg(STREAM_RECORD, row["stream_seq"])
        assert letter.data == came.data
        assert letter.subject == f"strato.{row['space']}.dlq.{row['agent']}"
        assert letter.headers["Strato-Reason"] == row["reason"]
        if came.headers:
            assert came.headers.items() <= letter.headers.items()


async def dead_letters(publish, count: int) -> dict[int, Any]:
    """By the sequence of what they are about; once there are so many."""

    async def published() -> bool:
        info = await publish.jetstream.stream_info(STREAM_DLQ)
        assert info.state.messages <= count
        return info.state.messages == count

    await eventually(published)
    letters = [await publish.jetstream.get_msg(STREAM_DLQ, seq + 1) for seq in range(count)]
    return {int(letter.headers["Strato-Stream-Seq"]): letter for letter in letters}


async def test_a_space_that_is_none_is_a_dead_letter(publish, projectors, running):
    seq = await publish("a", "event", EVENT, space="Not_A_Space")
    await eventually(lambda: projectors.passed(seq))
    (letter,) = (await dead_letters(publish, 1)).values()
    assert letter.subject == "strato.Not_A_Space.dlq.a"
    assert letter.headers["Strato-Reason"] == "bad_subject"


async def test_subjects_that_are_no_text_hold_nobody_up(publish, projectors, running, nats_url):
    address = urlsplit(nats_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    login = {"user": address.username, "pass": address.password, "verbose": False}
    writer.write(b"CONNECT %s\r\n" % orjson.dumps(login))
    for name in (b"\xe2\x82", b"nul\0nul"):
        writer.write(b'PUB strato.default.rec.%s.event 12\r\n{"type":"x"}\r\n' % name)
    writer.write(b"PING\r\n")
    while await reader.readline() != b"PONG\r\n":
        pass
    writer.close()
    await writer.wait_closed()
    last = await publish("a", "event", EVENT)
    assert last == 3
    await eventually(lambda: projectors.passed(last))
    letters = await dead_letters(publish, 2)
    assert {letter.headers["Strato-Reason"] for letter in letters.values()} == {"bad_subject"}
    # Who starts behind such a message recognises it.
    assert await running.stop() == 0
    await projectors.start()
    last = await publish("a", "event", EVENT)
    await eventually(lambda: projectors.passed(last))


async def test_what_a_patch_makes_too_large_is_a_dead_letter(publish, projectors, running):
    state = orjson.dumps({"state": {"a": "x" * (20 * MIB)}})
    await publish("a", "snapshot", zstd(state), ZSTD)
    grow = {"op": "copy", "from": "/a", "path": "/b"}
    seq = await publish("a", "event", {"type": "x", "patch": [grow]})
    last = await publish("a", "event", EVENT)
    await eventually(lambda: projectors.passed(last))
    rows = await projectors.fetch("select stream_seq, ordinal, reason from dead_letter")
    assert [tuple(row) for row in rows] == [(seq, 0, "state_over_limit")]


async def test_headers_that_come_with_a_record_do_no_harm(publish, projectors, running):
    await publish("a", "event", EVENT, {"traceparent": "no\0trace"})
    await publish("a", "event", EVENT, {"traceparent": "x" * 10_000})
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await publish("a", "event", EVENT, {"traceparent": trace})
    # These were meant for the record's stream: the one of the dead letters would refuse them.
    own = {"Nats-Expected-Stream": STREAM_RECORD, "Nats-Expected-Last-Sequence": "3"}
    last = await publish("a", "event", b"{", own | {"mine": "kept"})
    await eventually(lambda: projectors.passed(last))
    (letter,) = (await dead_letters(publish, 1)).values()
    assert letter.headers["mine"] == "kept"
    rows = await projectors.fetch("select traceparent from event order by event_index")
    assert [row["traceparent"] for row in rows] == [None, None, trace]


async def test_sums_of_what_agents_claim_do_not_overflow(publish, projectors, running):
    most = {"kind": "snapshot", "state": {}, "memory_usage": 2**63 - 1}
    last = await publish("a", "batch", {"records": [most, most]})
    await eventually(lambda: projectors.passed(last))
    rows = await projectors.fetch("select snapshots, memory_usage from agent")
    assert [tuple(row) for row in rows] == [(2, 2**63 - 1)]


async def test_a_letter_is_published_after_a_crash_between_commit_and_publishing(
    publish, projectors
):
    armed = await projectors.start((ARMED, "after_commit", "1"))
    await publish("a", "event", b"{")
    await armed.process.wait()
    rows = await projectors.fetch("select published_at from dead_letter")
    assert [tuple(row) for row in rows] == [(None,)]
    assert (await publish.jetstream.stream_info(STREAM_DLQ)).state.messages == 0

    await projectors.start()
    await dead_letters(publish, 1)
    await eventually(lambda: all_published(projectors))


async def all_published(projectors) -> bool:
    return not await projectors.fetch("select from dead_letter where published_at is null")


async def test_a_letter_that_no_longer_fits_is_published_without_its_body(
    small_broker, postgres_dsn, tmp_path
):
    async with projecting(small_broker, postgres_dsn, tmp_path) as projectors:
        running = await projectors.start()
        client = await nats.connect(small_broker)
        body = b"{" * (client.max_payload - 20)
        await client.jetstream().publish("strato.default.rec.a.event", body)
        await eventually(lambda: projectors.passed(1))
        await eventually(lambda: all_published(projectors))
        letter = await client.jetstream().get_msg(STREAM_DLQ, 1)
        assert letter.headers["Strato-Reason"] == "not_json"
        assert letter.headers["Strato-Body-Omitted"] == str(len(body))
        assert not letter.data
        rows = await projectors.fetch("select octet_length(body) from dead_letter")
        assert rows[0][0] == len(body)
        assert await running.is_ready()
        await client.close()


@pytest.fixture
async def small_broker(tmp_path):
    """As nats-server is without a configuration: messages of up to 1 MiB."""
    port = free_port()
    arguments = ("-js", "-sd", str(tmp_path / "store"), "-a", LOOPBACK, "-p", str(port))
    with (tmp_path / "nats.log").open("wb") as log:
        server = await asyncio.create_subprocess_exec(
            find_nats_server(), *arguments, stdout=log, stderr=log
        )
    yield f"nats://{LOOPBACK}:{port}"
    server.terminate()
    await server.wait()
