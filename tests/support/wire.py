"""Asking a navigator over the broker, byte by byte."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

STATE_AT = b'{"agent":"walker","at":{"latest":true}}'


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Client]:
    """A client of the broker."""
    client = await nats.connect(url)
    try:
        yield client
    finally:
        await client.close()


async def ask(client: Client, verb: str, body: bytes = b"", space: str = "default") -> Msg:
    """The reply to a request."""
    return await client.request(f"strato.{space}.nav.{verb}", body, timeout=30)


async def refusal(
    client: Client, verb: str, body: bytes = b"", space: str = "default"
) -> dict[str, Any]:
    """The error that a request is answered with, with its number; it gives nothing away."""
    reply = await ask(client, verb, body, space)
    found = json.loads(reply.data)
    assert reply.headers["Nats-Service-Error"] == found["message"]
    assert found.keys() == {"code", "message", "details"}
    for word in ("Traceback", "asyncpg", "pydantic", ".py"):
        assert word not in reply.data.decode()
    return found | {"number": reply.headers["Nats-Service-Error-Code"]}


async def asked_of_service(client: Client, subject: str) -> dict[str, Any]:
    """What a NATS service says of itself."""
    found: dict[str, Any] = json.loads((await client.request(subject, b"", timeout=5)).data)
    return found
