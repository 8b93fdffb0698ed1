"""Whatever the server may pass on is delivered, and the message after it too."""

from __future__ import annotations

import asyncio
import random

import pytest
from nats.errors import ProtocolError
from nats.protocol.parser import Parser

from stratoscope.broker.protocol import (
    MAX_HEADER_BYTES,
    RobustClient,
    RobustParser,
    UnreadHeaders,
    has_unread_headers,
)

Message = tuple[int, bytes, bytes, bytes, bytes | None]
SEEDS = range(300)


class Heard:
    """What a parser reports, in place of a client."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.errors: list[str] = []
        self.others: list[object] = []

    async def _process_msg(self, *message: object) -> None:
        self.messages.append(message)  # type: ignore[arg-type]

    async def _process_err(self, text: str) -> None:
        self.errors.append(text)

    async def _process_ping(self) -> None:
        self.others.append("ping")

    async def _process_pong(self) -> None:
        self.others.append("pong")

    async def _process_info(self, information: object) -> None:
        self.others.append(information)


def line(message: Message) -> bytes:
    """A message as the server writes it."""
    sid, subject, reply, data, headers = message
    words = [subject, str(sid).encode(), *([reply] if reply else [])]
    if headers is None:
        return b"MSG %b %d\r\n%b\r\n" % (b" ".join(words), len(data), data)
    sizes = len(headers), len(headers) + len(data)
    return b"HMSG %b %d %d\r\n%b%b\r\n" % (b" ".join(words), *sizes, headers, data)


def drawn(random_: random.Random) -> Message:
    """A message with names of any bytes that the server lets through."""
    letters = bytes(set(range(256)) - set(b" \t\r\n"))

    def name(least: int) -> bytes:
        return bytes(random_.choices(letters, k=random_.randint(least, 12)))

    data = random_.randbytes(random_.randint(0, 30))
    headers = random_.randbytes(random_.randint(1, 30)) if random_.random() < 0.5 else None
    return random_.randint(1, 99), name(1), name(0), data, headers


@pytest.mark.parametrize("seed", SEEDS)
async def test_names_of_any_bytes_are_read_in_pieces_of_any_size(seed: int) -> None:
    random_ = random.Random(seed)
    messages = [drawn(random_) for _ in range(5)]
    sent = b"".join(b"PING\r\n" + line(message) + b"+OK\r\n" for message in messages)
    heard = Heard()
    parser = RobustParser(heard)
    while sent:
        size = random_.randint(1, 20)
        await parser.parse(sent[:size])
        sent = sent[size:]
    assert heard.messages == messages
    assert heard.others == ["ping"] * 5


async def test_the_librarys_parser_stops_at_a_vertical_tab() -> None:
    """What the parser here is for."""
    with pytest.raises(ProtocolError):
        await Parser(Heard()).parse(b"MSG a\x0bb 1 2\r\nhi\r\n")
    heard = Heard()
    await RobustParser(heard).parse(b"MSG a\x0bb 1 2\r\nhi\r\n")
    assert heard.messages == [(1, b"a\x0bb", b"", b"hi", None)]


async def test_the_servers_other_lines_are_read() -> None:
    heard = Heard()
    await RobustParser(heard).parse(
        b"INFO {\"a\":1}\r\n-ERR 'Not \xff Allowed'\r\n-ERR\r\nPONG\r\n+OK\r\n"
    )
    assert heard.errors == ["'not � allowed'", ""]
    assert heard.others == [{"a": 1}, "pong"]


@pytest.mark.parametrize(
    "sent",
    [
        b"HELLO\r\n",
        b"MSG a\r\n",
        b"MSG a x 1\r\n",
        b"HMSG a 1 x 3\r\n",
        b"INFO {\r\n",
        b"A" * 2_000_000,
    ],
)
async def test_what_is_no_nats_is_an_error_of_the_protocol(sent: bytes) -> None:
    with pytest.raises(ProtocolError):
        await RobustParser(Heard()).parse(sent)


HEADERS: dict[str, tuple[bytes, dict[str, str] | None]] = {
    "plain": (b"NATS/1.0\r\na: b\r\nC:d\r\n\r\n", {"a": "b", "C": "d"}),
    "status": (
        b"NATS/1.0 503 No Responders\r\n\r\n",
        {"Status": "503", "Description": "No Responders"},
    ),
    "no colon": (b"NATS/1.0\r\nab\r\nc: d\r\n\r\n", {"c": "d"}),
    "twice": (b"NATS/1.0\r\na: 1\r\na: 2\r\n\r\n", {"a": "2"}),
    "odd value": (b"NATS/1.0\r\na: \xff\r\n\r\n", {"a": "�"}),
    "nothing": (b"NATS/1.0\r\n\r\n", None),
}


@pytest.mark.parametrize("case", HEADERS)
async def test_headers_are_read_as_before(case: str) -> None:
    block, expected = HEADERS[case]
    found = await RobustClient()._process_headers(block)
    assert found == expected
    assert all(type(name) is str for name in found or ())


@pytest.mark.parametrize(
    "block",
    [
        b"\r\n\r\n",
        b"\r\n",
        b"x",
        b"NATS/1.0",
        b"NATS/1.0 \xff\xff\xff\r\n\r\n",
        b"NATS/1.0 100 \xff\xff\r\n\r\n",
        b"NATS/2.0\r\na: b\r\n\r\n",
        b"NATS/1.0\r\n" + b"a: b\r\n" * MAX_HEADER_BYTES + b"\r\n",
    ],
)
async def test_a_block_that_is_none_is_kept_as_one_header(block: bytes) -> None:
    found = await RobustClient()._process_headers(block)
    assert has_unread_headers(found)
    assert found == UnreadHeaders(block)
    assert len(found["Strato-Header-Block"]) < 30_000


@pytest.mark.parametrize("seed", SEEDS)
async def test_no_header_block_raises(seed: int) -> None:
    random_ = random.Random(seed)
    pieces = b"NATS/1.0", b" ", b"\r\n", b"100", b"503", b":", b"a", b"\xff", b"\0", b"\t", b"\xc3"
    for _ in range(50):
        block = b"".join(random_.choices(pieces, k=random_.randint(1, 12)))
        found = await RobustClient()._process_headers(block)
        assert found is None or isinstance(found, dict)


async def test_one_delivery_that_fails_costs_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    client = RobustClient()
    delivered: list[bytes] = []

    class Failing:
        _received = _max_msgs = _pending_size = _pending_bytes_limit = 0
        _jsi = _future = None

        class _pending_queue:
            @staticmethod
            def put_nowait(message: object) -> None:
                if not delivered:
                    delivered.append(b"failed")
                    raise RuntimeError
                delivered.append(message.data)  # type: ignore[attr-defined]

    client._subs[1] = Failing()  # type: ignore[assignment]
    await client._ps.parse(b"MSG a 1 1\r\nx\r\nMSG a 1 1\r\ny\r\n")
    assert delivered == [b"failed", b"y"]


async def test_a_pong_that_comes_too_late_ends_nothing() -> None:
    client = RobustClient()
    given_up, waiting = (asyncio.get_running_loop().create_future() for _ in range(2))
    given_up.cancel()
    client._pongs = [given_up, waiting]
    await client._ps.parse(b"PONG\r\nPONG\r\n")
    assert waiting.result() is True
