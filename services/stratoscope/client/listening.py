"""What happens now: hits as they are published, and events as they are projected.

A hit may be published twice after a crash of the navigator; here each comes once. Events are asked
for whenever word comes that more is projected, and each second where none does, so that nobody is
told of an event that can't be looked at yet.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final
from uuid import UUID

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from stratoscope.broker.connection import Connection
from stratoscope.broker.feed import PROJECTED
from stratoscope.client.errors import Unreachable
from stratoscope.client.reading import read
from stratoscope_contracts import subjects
from stratoscope_contracts.breakpoints import Hit
from stratoscope_contracts.errors import AgentNotFound
from stratoscope_contracts.looking import EventsListRequest
from stratoscope_contracts.requesting import Requesting
from stratoscope_contracts.views import AtEventIndex, Event

_LOOK_EVERY: Final = 1.0
# As many ids of hits are remembered, so that none is told twice.
_REMEMBERED: Final = 10_000


async def hits(connection: Connection, space: str, agent: str | None) -> AsyncGenerator[Hit, None]:
    """Hits as they come, each once; of one agent, or of every one of the space."""
    subject = subjects.hit(space, agent) if agent else subjects.hits_of(space)
    told: OrderedDict[UUID, None] = OrderedDict()
    async with _heard(connection, subject) as messages:
        while True:
            hit = read("hit", Hit, (await messages.get()).data)
            if hit.hit_id in told:
                continue
            told[hit.hit_id] = None
            if len(told) > _REMEMBERED:
                told.popitem(last=False)
            yield hit


async def events(
    connection: Connection, asking: Requesting, body: EventsListRequest
) -> AsyncGenerator[Event, None]:
    """Events as they are projected, behind what is there now; one who is not there yet may come."""
    async with _heard(connection, PROJECTED) as messages:
        last = await _newest(asking, body.agent)
        while True:
            start = AtEventIndex(event_index=last) if last >= 0 else None
            with suppress(AgentNotFound):
                async for page in asking.pages(
                    "events.list", body.model_copy(update={"from_": start})
                ):
                    for event in page.events:
                        yield event
                        last = event.event_index
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY):
                    await messages.get()
            while not messages.empty():
                messages.get_nowait()


async def _newest(asking: Requesting, agent: str) -> int:
    """The last event there is, -1 where there is none."""
    body = EventsListRequest(agent=agent, direction="backward", limit=1)
    try:
        found = (await asking.request("events.list", body)).events
    except AgentNotFound:
        return -1
    return found[0].event_index if found else -1


@asynccontextmanager
async def _heard(connection: Connection, subject: str) -> AsyncIterator[asyncio.Queue[Msg]]:
    messages: asyncio.Queue[Msg] = asyncio.Queue()
    try:
        subscription = await connection.client.subscribe(subject, cb=messages.put)
        # Whoever is told that somebody listens may publish at once.
        await connection.client.flush()
    except NatsError as error:
        raise Unreachable(f"the broker was lost while listening: {error}") from error
    try:
        yield messages
    finally:
        if connection.client.is_connected:
            await subscription.unsubscribe()
