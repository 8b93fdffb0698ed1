"""The newest messages of a stream, as far as telling them apart goes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from nats.aio.client import Client

from stratoscope.broker.puller import Doubt, Puller
from stratoscope_contracts.words import HEADER_MESSAGE_ID

_PAGE: Final = 1000
_PAGE_BYTES: Final = 4 << 20
_WAIT: Final = 1.0


async def ids_since(client: Client, stream: str, since: datetime) -> set[str]:
    """The ids of the messages that a stream has got from a moment on.

    Raises TimeoutError where the stream does not give them.
    """
    # The leader says where the stream ends. The consumer may be on a copy that is behind, and an
    # end of its own would leave out what the stream has.
    last = (await client.jetstream().stream_info(stream)).state.last_seq
    found: set[str] = set()
    reached = 0
    reader = Puller(client, stream, since=since.astimezone(UTC), headers_only=True, batch=_PAGE)
    try:
        async with reader as source:
            while reached < last:
                messages = await source.take(_PAGE, _WAIT, _PAGE_BYTES)
                found.update((one.headers or {}).get(HEADER_MESSAGE_ID, "") for one in messages)
                reached = max(reached, source.passed, *(one.stream_seq for one in messages))
    except Doubt as error:
        raise TimeoutError(f"the stream did not give its newest messages: {error}") from error
    return found
