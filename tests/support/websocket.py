"""NATS over a WebSocket with TLS, as far as a browser's login goes."""

import asyncio
import base64
import json
import os
import ssl
from contextlib import suppress

import nkeys

from support.guarded import Guarded

_MASK = b"\0\0\0\0"


async def browse(broker: Guarded, seed: str) -> str:
    """What the broker says to one who logs in with a key and asks for a sign of life."""
    context = ssl.create_default_context(cafile=str(broker.authority))
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.websocket_port, ssl=context)
    try:
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{broker.websocket_port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in head, head
        info = json.loads((await _frame(reader)).removeprefix("INFO "))
        pair = nkeys.from_seed(bytearray(seed.encode()))
        login = {
            "nkey": pair.public_key.decode(),
            "sig": base64.urlsafe_b64encode(pair.sign(info["nonce"].encode())).decode().rstrip("="),
            "verbose": False,
        }
        _send(writer, f"CONNECT {json.dumps(login)}\r\nPING\r\n")
        return (await _frame(reader)).strip()
    finally:
        writer.close()
        with suppress(OSError):  # the broker may have closed it first
            await writer.wait_closed()


def _send(writer: asyncio.StreamWriter, text: str) -> None:
    # A mask of zeros is one, and leaves the text as it is.
    body = text.encode()
    assert 126 <= len(body) < 65_536
    writer.write(b"\x82\xfe" + len(body).to_bytes(2, "big") + _MASK + body)


async def _frame(reader: asyncio.StreamReader) -> str:
    _, length = await reader.readexactly(2)
    if length == 126:
        length = int.from_bytes(await reader.readexactly(2), "big")
    return (await reader.readexactly(length)).decode()
