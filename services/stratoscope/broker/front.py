"""Where a stream begins: what is before it, the stream has lost."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import orjson
from nats.aio.client import Client

_SECONDS: Final = 5.0


async def lost_until(client: Client, stream: str) -> datetime:
    """All that a stream has lost was recorded by then: its first message was, or its last ever.

    By what it has, not by the age that it may have now: that can be changed, and people purge.
    """
    # nats-py leaves out the times of a stream's ends.
    answer = await client.request(f"$JS.API.STREAM.INFO.{stream}", b"", timeout=_SECONDS)
    state = orjson.loads(answer.data)["state"]
    return datetime.fromisoformat(state["first_ts" if state["messages"] else "last_ts"])
