"""Messages that no client library would send cost themselves alone, for every reader of the log."""

import os
import random
from typing import Any

import pytest

from stratoscope.broker.connection import connect
from stratoscope_contracts.words import STREAM_DLQ, STREAM_RECORD
from support.eventually import eventually

BLOCKS = {
    "no-version": b"\r\n\r\n",
    "another-version": b"HTTP/1.1\r\nContent-Encoding: zstd\r\n\r\n",
}
HARMLESS = {
    # The stream keeps no status line; whoever hears the message as it was published does.
    "odd-status": b"NATS/1.0 \xff\xff\xff\r\n\r\n",
    "odd-description": b"NATS/1.0 100 \xff\r\n\r\n",
    "status": b"NATS/1.0 503\r\n\r\n",
    "heartbeat": b"NATS/1.0 100 Idle Heartbeat\r\n\r\n",
    "no-colon": b"NATS/1.0\r\nabc\r\n\r\n",
    "odd-value": b"NATS/1.0\r\na: \xff\xfe\r\n\r\n",
    "odd-name": b"NATS/1.0\r\n\xff: a\r\nX(1): y\r\n\r\n",
    "traceparent": b"NATS/1.0\r\ntraceparent: \xff\0\x01 \r\ntraceparent: 2\r\n\r\n",
    "no-encoding": b"NATS/1.0\r\nContent-Encoding: \r\n\r\n",
    "large-enough": b"NATS/1.0\r\na: " + b"b" * 60_000 + b"\r\n\r\n",
}
EVENT = b'{"type":"x"}'
SEED = int(os.environ.get("TEST_SEED", random.SystemRandom().randrange(1 << 32)))


async def send(publish: Any, subject: bytes, body: bytes, block: bytes | None = None) -> None:
    """Write a message to the broker as it stands."""
    if block is None:
        sent = b"PUB %b %d\r\n%b\r\n" % (subject, len(body), body)
    else:
        sizes = len(block), len(block) + len(body)
        sent = b"HPUB %b %d %d\r\n%b%b\r\n" % (subject, *sizes, block, body)
    await publish.client._send_command(sent)
    await publish.client.flush()


async def letters(publish: Any) -> dict[int, str]:
    """The published dead letters: their reasons by place."""
    info = await publish.jetstream.stream_info(STREAM_DLQ)
    found = {}
    for seq in range(1, info.state.last_seq + 1):
        headers = (await publish.jetstream.get_msg(STREAM_DLQ, seq)).headers
        found[int(headers["Strato-Stream-Seq"])] = headers["Strato-Reason"]
    return found


@pytest.mark.parametrize("block", BLOCKS)
async def test_a_header_block_that_is_none_is_a_dead_letter_and_the_next_message_is_taken(
    publish, projectors, running, block: str
):
    await send(publish, b"strato.default.rec.stranger.event", EVENT, BLOCKS[block])
    after = await publish("explorer", "event", EVENT, space="other")
    await eventually(lambda: projectors.passed(after))
    (letter,) = await projectors.fetch("select * from dead_letter")
    assert (letter["reason"], letter["body"]) == ("bad_headers", EVENT)
    assert "Strato-Header-Block" in letter["headers"]
    assert len(await projectors.fetch("select from event")) == 1

    async def is_published() -> bool:
        return await letters(publish) == {1: "bad_headers"}

    await eventually(is_published)


async def test_odd_headers_that_can_be_read_harm_nothing(publish, projectors, running):
    for block in HARMLESS.values():
        await send(publish, b"strato.default.rec.a.event", EVENT, block)
    after = await publish("explorer", "event", EVENT)
    await eventually(lambda: projectors.passed(after))
    assert len(await projectors.fetch("select from event")) == len(HARMLESS) + 1


async def test_a_header_that_can_not_be_sent_again_is_left_out_of_its_letter(
    publish, projectors, running
):
    block = b"NATS/1.0\r\nX(1): y\r\nmine: kept\r\n\r\n"
    await send(publish, b"strato.default.rec.a.event", b"not json", block)
    second = await publish("a", "event", b"nor this")

    async def are_published() -> bool:
        return await letters(publish) == {1: "not_json", second: "not_json"}

    await eventually(are_published)
    headers = (await publish.jetstream.get_msg(STREAM_DLQ, 1)).headers
    assert headers["mine"] == "kept"


async def test_a_projector_starts_again_behind_a_message_with_an_odd_header(publish, projectors):
    """The message at the checkpoint is looked at before any other."""
    running = await projectors.start()
    await send(
        publish, b"strato.default.rec.a\x0bb.event", EVENT, b"NATS/1.0\r\n\xff\xff=?\r\n\r\n"
    )
    await send(publish, b"strato.default.rec.a\xff.event", EVENT, b"\r\n\r\n")
    await eventually(lambda: projectors.passed(2))
    assert await running.stop() == 0
    running = await projectors.start()
    after = await publish("b", "event", EVENT)
    await eventually(lambda: projectors.passed(after))
    assert "halted" not in running.log.read_text()


async def test_generated_messages_end_no_read_loop(publish, projectors, running, nats_url):
    """Header blocks and names of any bytes; the seed is printed where it fails."""
    print("seed", SEED)
    draw = random.Random(SEED)
    letters_ = bytes(set(range(256)) - set(b" \t\r\n.*>"))
    pieces = b"NATS/1.0", b" ", b"\r\n", b"100", b"503", b":", b"a", b"\xff", b"\0", b"\t", b"zstd"
    heard: list[bytes] = []
    listener = await connect(nats_url, name="listener")

    async def hear(message: Any) -> None:
        heard.append(message.data)

    await listener.client.subscribe("strato.>", cb=hear)
    await listener.client.flush()
    for number in range(400):
        name = bytes(draw.choices(letters_, k=draw.randint(1, 9)))
        reply = b"" if draw.random() < 0.5 else b" " + bytes(draw.choices(letters_, k=5))
        block = b"".join(draw.choices(pieces, k=draw.randint(1, 9)))
        body = draw.choice([EVENT, b"", b"{", b"\xff", b"null"])
        kind = draw.choice([b"event", b"snapshot", b"batch"])
        subject = b"strato.default.rec.%b.%b" % (name, kind)
        sizes = len(block), len(block) + len(body)
        words = b"HPUB %b%b %d %d\r\n%b%b\r\n" % (subject, reply, *sizes, block, body)
        await publish.client._send_command(words)
        if number % 50 == 0:
            await publish.client.flush()
    after = await publish("last", "event", EVENT)
    await eventually(lambda: projectors.passed(after), within=30)
    stored = (await publish.jetstream.stream_info(STREAM_RECORD)).state.messages
    assert stored == 401, SEED
    (events,) = await projectors.fetch("select count(*) from event")
    (dead,) = await projectors.fetch("select count(*) from dead_letter")
    assert events["count"] + dead["count"] == stored, SEED

    async def is_heard() -> bool:
        return len(heard) >= 401

    await eventually(is_heard)
    await listener.close()
