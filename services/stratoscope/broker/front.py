"""Where a stream begins and what stands in it, asked without nats-py's reading of the answers.

nats-py leaves out the times of a stream's ends, and reads a stored message's headers as e-mail,
which fails for headers that a stranger wrote.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from nats.aio.client import Client
from nats.js.api import StreamInfo
from nats.js.errors import APIError, NotFoundError

_SECONDS: Final = 5.0


async def lost_until(client: Client, stream: str) -> datetime:
    """All that a stream has lost was recorded by then: its first message was, or its last ever.

    By what it has, not by the age that it may have now: that can be changed, and people purge.
    """
    answer = await client.request(f"$JS.API.STREAM.INFO.{stream}", b"", timeout=_SECONDS)
    state = orjson.loads(answer.data)["state"]
    return datetime.fromisoformat(state["first_ts" if state["messages"] else "last_ts"])


async def describe_stream(client: Client, stream: str) -> tuple[StreamInfo, datetime]:
    """A stream, and the broker's clock. Raises NatsError, APIError."""
    answer = await client.request(f"$JS.API.STREAM.INFO.{stream}", b"", timeout=_SECONDS)
    reply = orjson.loads(answer.data)
    if "error" in reply:
        raise APIError.from_error(reply["error"])
    return StreamInfo.from_response(reply), datetime.fromisoformat(reply["ts"])


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message of a stream as the server keeps it, without its headers."""

    stream_seq: int
    subject: str
    data: bytes
    recorded_at: datetime


async def read_message(
    client: Client, stream: str, stream_seq: int, *, following: bool = False
) -> StoredMessage | None:
    """The message at a sequence, or the first one at or behind it; None where there is none."""
    wanted: dict[str, Any] = {"seq": stream_seq}
    if following:
        wanted["next_by_subj"] = ">"
    answer = await client.request(
        f"$JS.API.STREAM.MSG.GET.{stream}", orjson.dumps(wanted), timeout=_SECONDS
    )
    # The standard library's reader: orjson refuses a subject that is no text.
    reply = json.loads(answer.data.decode(errors="replace"))
    try:
        if "error" in reply:
            raise APIError.from_error(reply["error"])
    except NotFoundError:
        return None
    found = reply["message"]
    return StoredMessage(
        found["seq"],
        found["subject"],
        base64.b64decode(found.get("data", "")),
        datetime.fromisoformat(found["time"]),
    )
