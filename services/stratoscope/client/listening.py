"""What happens now: hits as they are published, and events as they are projected.

A hit may be published twice after a crash of the navigator; here each comes once. Events are asked
for whenever word comes that more is projected, and each second where none does, so that nobody is
told of an event that can't be looked at yet. Each look goes up to the newest event and the next on
from there, whatever was picked. A navigator that is away for a while ends nothing.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from stratoscope.broker.connection import Connection
from stratoscope.broker.ending import end_tasks
from stratoscope.broker.feed import PROJECTED
from stratoscope.client.errors import NoAnswerInTime, Unreachable
from stratoscope.client.reading import read
from stratoscope_contracts import subjects
from stratoscope_contracts.breakpoints import Hit
from stratoscope_contracts.errors import AgentNotFound, BadRequest, OverBudget, StratoError
from stratoscope_contracts.looking import EventsListRequest
from stratoscope_contracts.requesting import Requesting
from stratoscope_contracts.views import AtEventIndex, Event

Trouble = Callable[[StratoError], None]
# None is the last: the connection is over.
_Messages = asyncio.Queue[Msg | None]

_LOOK_EVERY: Final = 1.0
# As many ids of hits are remembered, so that none is told twice.
_REMEMBERED: Final = 10_000


@dataclass(slots=True)
class _Seen:
    """The last event that was looked at; -1 before the first."""

    last: int


def untold(_: StratoError) -> None:
    """For who does not want to hear of it."""


async def hits(connection: Connection, space: str, agent: str | None) -> AsyncGenerator[Hit, None]:
    """Hits as they come, each once; of one agent, or of every one of the space."""
    told: OrderedDict[UUID, None] = OrderedDict()
    async with _heard(connection, _subject(space, agent)) as messages:
        while True:
            hit = read("hit", Hit, (await _next(messages)).data)
            if hit.hit_id in told:
                continue
            told[hit.hit_id] = None
            if len(told) > _REMEMBERED:
                told.popitem(last=False)
            yield hit


async def events(
    connection: Connection, asking: Requesting, body: EventsListRequest, tell: Trouble
) -> AsyncGenerator[Event, None]:
    """Events as they are projected, behind what is there now; one who is not there yet may come.

    `tell` hears of each event that is passed over, and once of each time that nobody answers or
    has time for it.
    """
    async with _heard(connection, PROJECTED) as messages:
        seen = _Seen(await _newest(asking, body.agent))
        answered = True
        while True:
            try:
                async with aclosing(_new(asking, body, seen, tell)) as found:
                    async for event in found:
                        yield event
            except (Unreachable, NoAnswerInTime, OverBudget) as error:
                # Out of budget before it began: others search as well.
                if answered:
                    tell(error)
                answered = False
                await _rest(messages)
            else:
                answered = True
                await _word(messages)


async def _new(
    asking: Requesting, body: EventsListRequest, seen: _Seen, tell: Trouble
) -> AsyncGenerator[Event, None]:
    """What is picked of the events since the last look."""
    newest = await _newest(asking, body.agent)
    # One who was erased begins again.
    seen.last = min(seen.last, newest)
    to = AtEventIndex(event_index=newest)
    while seen.last < newest:
        start = AtEventIndex(event_index=seen.last) if seen.last >= 0 else None
        stretch = body.model_copy(update={"from_": start, "to": to})
        try:
            async for page in asking.pages("events.list", stretch):
                for event in page.events:
                    seen.last = event.event_index
                    yield event
        except AgentNotFound:
            return
        except OverBudget as error:
            stopped_at = error.details.get("stopped_at")
            if not isinstance(stopped_at, int):
                raise
            tell(error)
            seen.last = max(seen.last, stopped_at)
        else:
            seen.last = newest


async def _newest(asking: Requesting, agent: str) -> int:
    """The last event there is, -1 where there is none."""
    body = EventsListRequest(agent=agent, direction="backward", limit=1)
    try:
        found = (await asking.request("events.list", body)).events
    except AgentNotFound:
        return -1
    return found[0].event_index if found else -1


def _subject(space: str, agent: str | None) -> str:
    try:
        return subjects.hits_of(space) if agent is None else subjects.hit(space, agent)
    except subjects.SubjectError as error:
        raise BadRequest(f"hits of {agent!r} can't be listened for: {error}") from error


@asynccontextmanager
async def _heard(connection: Connection, subject: str) -> AsyncIterator[_Messages]:
    messages: _Messages = asyncio.Queue()
    try:
        subscription = await connection.client.subscribe(subject, cb=messages.put)
        # Whoever is told that somebody listens may publish at once.
        await connection.client.flush()
    except NatsError as error:
        raise Unreachable(f"the broker was lost while listening: {error}") from error
    ending = asyncio.create_task(_end(connection, messages), name="end-listening")
    try:
        yield messages
    finally:
        await end_tasks([ending])
        if connection.client.is_connected:
            await subscription.unsubscribe()


async def _end(connection: Connection, messages: _Messages) -> None:
    """Say to who listens that nothing more will come, once that is so."""
    await connection.closed.wait()
    await messages.put(None)


async def _next(messages: _Messages) -> Msg:
    message = await messages.get()
    if message is None:
        raise Unreachable("the connection to the broker is over")
    return message


async def _word(messages: _Messages) -> None:
    """Return once there may be something new, with all word of it heard."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LOOK_EVERY):
            await _next(messages)
    while not messages.empty():
        await _next(messages)


async def _rest(messages: _Messages) -> None:
    """Leave those who do not answer alone for a while, whatever is heard meanwhile."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LOOK_EVERY):
            while True:
                await _next(messages)
