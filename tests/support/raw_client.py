"""A NATS client that sends any bytes: over TLS as programs do, or WebSocket as browsers do."""

import asyncio
import base64
import json
import os
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

import nkeys

from stratoscope.embedded.ports import LOOPBACK
from support.guarded import Guarded

_MASK: Final = b"\0\0\0\0"
_REFUSED: Final = re.compile(
    rb"Permissions Violation for (?:Publish to|Publish with Reply of|Subscription to) \"([^\"]*)\""
)


class Wire(Protocol):
    """Bytes to and from the broker."""

    async def read(self) -> bytes: ...
    def write(self, data: bytes) -> None: ...
    async def drain(self) -> None: ...
    async def close(self) -> None: ...


@dataclass
class Heard:
    """A message."""

    subject: str
    reply: str
    headers: bytes
    body: bytes


@dataclass
class RawClient:
    """A connection that is let in; what the server says is kept until it is asked for."""

    wire: Wire
    errors: list[bytes] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    _buffer: bytearray = field(default_factory=bytearray)
    _sid: int = 0

    def publish(
        self, subject: str | bytes, body: bytes = b"", reply: str = "", headers: bytes = b""
    ) -> None:
        """Send a message; headers are the whole block, as `NATS/1.0\\r\\nA: b\\r\\n\\r\\n`."""
        named = subject if isinstance(subject, bytes) else subject.encode()
        start = b" ".join(filter(None, (b"HPUB" if headers else b"PUB", named, reply.encode())))
        sizes = f" {len(headers)} {len(headers) + len(body)}" if headers else f" {len(body)}"
        self.wire.write(start + sizes.encode() + b"\r\n" + headers + body + b"\r\n")

    def subscribe(self, subject: str) -> int:
        """Subscribe; the id to unsubscribe by."""
        self._sid += 1
        self.wire.write(f"SUB {subject} {self._sid}\r\n".encode())
        return self._sid

    def unsubscribe(self, sid: int) -> None:
        """Unsubscribe."""
        self.wire.write(f"UNSUB {sid}\r\n".encode())

    async def flush(self) -> None:
        """Return once the server has dealt with all that was sent. Raises EOFError at its end."""
        self.wire.write(b"PING\r\n")
        await self.wire.drain()
        async with asyncio.timeout(20):
            while await self._line() != b"PONG":
                pass

    async def refused(self) -> list[str]:
        """The subjects that the server has refused since the last call, in their order."""
        await self.flush()
        # A wildcard is a subject that it warns of, and takes as any other.
        found = [one for one in self.errors if b"Invalid Publish Subject" not in one]
        self.errors = []
        matched = [(one, _REFUSED.search(one)) for one in found]
        assert all(match for _, match in matched), found
        return [match[1].decode() for _, match in matched if match]

    async def log_in(self, seed: str) -> None:
        """Answer the server's challenge."""
        line = await self._line()
        assert line.startswith(b"INFO "), line
        pair = nkeys.from_seed(bytearray(seed.encode()))
        signed = pair.sign(json.loads(line.removeprefix(b"INFO "))["nonce"].encode())
        login = {
            "nkey": pair.public_key.decode(),
            "sig": base64.urlsafe_b64encode(signed).decode().rstrip("="),
            "verbose": False,
            "headers": True,
            "no_responders": True,
            "protocol": 1,
        }
        self.wire.write(f"CONNECT {json.dumps(login)}\r\n".encode())
        await self.flush()

    async def _line(self) -> bytes:
        """The next line; messages and errors before it are kept."""
        while True:
            line = await self._until(b"\r\n")
            if line.startswith(b"-ERR"):
                self.errors.append(line)
            elif line == b"PING":
                self.wire.write(b"PONG\r\n")
            elif line.startswith((b"MSG ", b"HMSG ")):
                await self._message(line)
            else:
                return line

    async def _message(self, line: bytes) -> None:
        kind, subject, _, *middle = line.split(b" ")
        sizes = 2 if kind == b"HMSG" else 1
        reply = middle[0].decode() if len(middle) > sizes else ""
        total = int(middle[-1])
        head = int(middle[-2]) if kind == b"HMSG" else 0
        while len(self._buffer) < total + 2:
            await self._more()
        block, body = bytes(self._buffer[:head]), bytes(self._buffer[head:total])
        del self._buffer[: total + 2]
        self.heard.append(Heard(subject.decode(), reply, block, body))

    async def _until(self, end: bytes) -> bytes:
        while end not in self._buffer:
            await self._more()
        line, _, _ = self._buffer.partition(end)
        del self._buffer[: len(line) + len(end)]
        return bytes(line)

    async def _more(self) -> None:
        data = await self.wire.read()
        if not data:
            raise EOFError(f"the server ended the connection: {self.errors}")
        self._buffer += data


class _Stream:
    """TLS over TCP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self) -> bytes:
        return await self._reader.read(65536)

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def drain(self) -> None:
        await self._writer.drain()

    async def close(self) -> None:
        # An orderly end of TLS would wait for all that is still to be read.
        self._writer.transport.abort()
        with suppress(OSError):
            await self._writer.wait_closed()


class _Frames(_Stream):
    """WebSocket over TLS. Lines are collected, since a frame's header costs a write."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self._unsent = bytearray()

    async def read(self) -> bytes:
        try:
            first, length = await self._reader.readexactly(2)
            if length >= 126:
                length = int.from_bytes(await self._reader.readexactly(2 if length == 126 else 8))
            body = await self._reader.readexactly(length)
        except asyncio.IncompleteReadError:
            return b""
        # 8 is the close frame.
        return b"" if first & 15 == 8 else body

    def write(self, data: bytes) -> None:
        self._unsent += data

    async def drain(self) -> None:
        # A mask of zeros is one, and leaves the bytes as they are.
        length = len(self._unsent).to_bytes(8)
        self._writer.write(b"\x82\xff" + length + _MASK + bytes(self._unsent))
        self._unsent.clear()
        await self._writer.drain()


@asynccontextmanager
async def raw_client(
    broker: Guarded, seed: str, *, websocket: bool = False
) -> AsyncIterator[RawClient]:
    """A client that is let in with a key."""
    context = ssl.create_default_context(cafile=str(broker.authority))
    if websocket:
        client = RawClient(await _browser(broker, context))
    else:
        client = await _program(broker, context)
    try:
        await client.log_in(seed)
        yield client
    finally:
        await client.wire.close()


async def _program(broker: Guarded, context: ssl.SSLContext) -> RawClient:
    reader, writer = await asyncio.open_connection(LOOPBACK, broker.port)
    # The server's greeting comes before TLS.
    greeting = await reader.readuntil(b"\r\n")
    await writer.start_tls(context, server_hostname=LOOPBACK)
    return RawClient(_Stream(reader, writer), _buffer=bytearray(greeting))


async def _browser(broker: Guarded, context: ssl.SSLContext) -> _Frames:
    reader, writer = await asyncio.open_connection(LOOPBACK, broker.websocket_port, ssl=context)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET / HTTP/1.1\r\nHost: {LOOPBACK}:{broker.websocket_port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 101 " in head, head
    return _Frames(reader, writer)
