"""The newest messages of a stream, as far as telling them apart goes."""

from __future__ import annotations

from datetime import UTC, datetime

from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from stratoscope_contracts.words import HEADER_MESSAGE_ID

_PAGE = 1000
_WAIT = 5.0


async def ids_since(jetstream: JetStreamContext, stream: str, since: datetime) -> set[str]:
    """The ids of the messages that a stream has got from a moment on."""
    subscription = await jetstream.pull_subscribe(
        "",
        stream=stream,
        config=ConsumerConfig(
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.BY_START_TIME,
            opt_start_time=since.astimezone(UTC),
            headers_only=True,
            inactive_threshold=30.0,
            mem_storage=True,
        ),
    )
    found: set[str] = set()
    try:
        left = (await subscription.consumer_info()).num_pending or 0
        while left > 0:
            messages = await subscription.fetch(min(left, _PAGE), timeout=_WAIT)
            if not messages:
                break
            left -= len(messages)
            found.update((one.headers or {}).get(HEADER_MESSAGE_ID, "") for one in messages)
    except NatsTimeoutError as error:
        raise TimeoutError("the stream did not give its newest messages in time") from error
    finally:
        await subscription.unsubscribe()
    return found
