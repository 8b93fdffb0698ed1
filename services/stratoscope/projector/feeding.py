"""Telling those who watch for breakpoints what was just committed.

They say once a second whose records they want; nobody is told of others, and where nobody wants
any, a batch costs a look at an empty table. What is told is news, and may be lost: each message
says behind which checkpoints it begins, so that a gap is seen and filled from the database.
"""

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from time import monotonic
from typing import Any, Final

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from stratoscope.broker import feed
from stratoscope.broker.puller import Delivered
from stratoscope.domain.records import EVENT_COLUMNS, VERSION_COLUMNS, Batch, Timeline
from stratoscope.store.leases import Held
from stratoscope_contracts.words import HEADER_IMPORT

# They say it every second.
_FORGOTTEN_AFTER: Final = 5.0
# Where nothing is of interest it is said that there was nothing, this often.
_SILENCE: Final = 0.2
_EVENT_AGENT: Final = EVENT_COLUMNS.index("agent_id")
_EVENT_TYPE: Final = EVENT_COLUMNS.index("type_id")
_VERSION_AGENT: Final = VERSION_COLUMNS.index("agent_id")
# Of what the server takes: a message that is larger is read from the database as quickly.
_SHARE: Final = 0.25
log = structlog.get_logger(__name__)


class Interest:
    """Whose records somebody wants."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[float, feed.Watched]] = {}
        self._spaces: frozenset[str] = frozenset()
        self._agents: frozenset[Timeline] = frozenset()
        # Counts up whenever more is wanted than before.
        self.grown = 0
        # Which wishes of each that is.
        self.heard_of: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._said)

    def heard(self, watched: feed.Watched) -> None:
        """Somebody says what he wants, which may be nothing any more."""
        now = monotonic()
        said = {
            owner: (at, what)
            for owner, (at, what) in self._said.items()
            if now - at < _FORGOTTEN_AFTER and owner != watched.owner
        }
        if watched.spaces or watched.agents:
            said[watched.owner] = (now, watched)
        self._said = said
        self.heard_of = {owner: one.number for owner, (_, one) in said.items()}
        spaces = frozenset(space for _, one in said.values() for space in one.spaces)
        agents = frozenset(agent for _, one in said.values() for agent in one.agents)
        self.grown += not (spaces <= self._spaces and agents <= self._agents)
        self._spaces, self._agents = spaces, agents

    def wants(self, timeline: Timeline) -> bool:
        """Whether anybody wants an agent's records."""
        return timeline in self._agents or timeline[0] in self._spaces

    def expire(self) -> None:
        """Forget those who have not said anything for long."""
        now = monotonic()
        for at, watched in [*self._said.values()]:
            if now - at >= _FORGOTTEN_AFTER:
                self.heard(replace(watched, spaces=(), agents=()))


class Feeding:
    """What is told of one projection."""

    def __init__(self, client: Client, schema: str, interest: Interest) -> None:
        self._client = client
        self._schema = schema
        self._interest = interest
        self._grown = interest.grown
        # Behind what the next message begins, by partition; nothing is known before the first.
        self._told: dict[int, int] = {}
        self._silent_until = 0.0

    async def committed(
        self,
        delivered: Sequence[Delivered],
        batch: Batch,
        types: Mapping[int, str],
        before: Sequence[Held],
        through: int,
    ) -> bool:
        """Tell of a batch, where somebody wants that; whether it was told."""
        if not self._interest:
            self._told.clear()
            return False
        wanted = self._wanted(batch)
        now = monotonic()
        if not wanted and not batch.rejections and now < self._silent_until:
            for held in before:
                self._told.setdefault(held.partition, held.stream_seq)
            return False
        self._silent_until = now + _SILENCE
        after = {held.partition: self._told.get(held.partition, held.stream_seq) for held in before}
        imported = [one.stream_seq for one in delivered if HEADER_IMPORT in (one.headers or ())]
        try:
            told = recorded(batch, wanted)
            # Of all types only those: agents name their own, and there is no end of them.
            numbers = {row[_EVENT_TYPE] for one in told for row in one.events}
            message = feed.Committed(
                *(self._schema, through, after, told),
                {number: types[number] for number in numbers},
                imported,
                heard=self._interest.heard_of,
            )
            await self._send(message)
        except Exception:
            # The batch is committed: no error may end intake for that. By the next message, which
            # begins behind this batch, navigators see that it is missing.
            log.exception("a batch could not be told")
            return False
        finally:
            self._told = dict.fromkeys(after, through)
        return True

    def _wanted(self, batch: Batch) -> dict[int, Timeline]:
        """The agents of a batch that somebody watches, by number."""
        interest = self._interest
        interest.expire()
        if self._grown != interest.grown:
            # What was not told so far may be wanted now.
            self._grown = interest.grown
            self._told.clear()
        return {
            head.agent_id: timeline
            for timeline, head in batch.heads.items()
            if interest.wants(timeline)
        }

    async def _send(self, message: feed.Committed) -> None:
        body = feed.encode(message)
        if len(body) > self._client.max_payload * _SHARE:
            body = feed.encode(replace(message, agents=(), whole=False))
        try:
            await self._client.publish(feed.COMMITTED, body)
        except NatsError as error:
            # They see by the next one that it is missing.
            log.warning("a batch could not be told", error=str(error))


def recorded(batch: Batch, wanted: Mapping[int, Timeline]) -> list[feed.Recorded]:
    """What a batch holds of the agents that are wanted, by their numbers."""
    events: dict[int, list[feed.Row]] = {agent_id: [] for agent_id in wanted}
    versions: dict[int, list[feed.Row]] = {agent_id: [] for agent_id in wanted}
    for row in batch.events:
        if row[_EVENT_AGENT] in events:
            events[row[_EVENT_AGENT]].append(row)
    for row in batch.versions:
        if row[_VERSION_AGENT] in versions:
            versions[row[_VERSION_AGENT]].append(_told_version(batch, row))
    return [
        feed.Recorded(
            agent_id,
            *timeline,
            batch.clocks[timeline],
            batch.heads[timeline].next_version - len(versions[agent_id]) - 1,
            events[agent_id],
            versions[agent_id],
        )
        for agent_id, timeline in wanted.items()
    ]


def _told_version(batch: Batch, row: tuple[Any, ...]) -> feed.Row:
    """The columns of a version that judging it takes, and the paths that it changed."""
    event_index, stream_seq, clock, recorded_at, occurred_at = row[:5]
    agent_id, version, size, ordinal, _, slot, snapshot_id, digest, blob = row[6:15]
    return (
        *(version, event_index, stream_seq, ordinal, clock, recorded_at, occurred_at),
        *(snapshot_id, slot, size, b64encode(digest).decode(), b64encode(blob).decode()),
        batch.changed.get((agent_id, version)),
    )


@asynccontextmanager
async def listening(client: Client, interest: Interest) -> AsyncIterator[None]:
    """Hear whose records are wanted."""

    async def hear(message: Msg) -> None:
        said = feed.decode_watched(message.data)
        if said is not None:
            interest.heard(said)

    subscription = await client.subscribe(feed.WATCHED, cb=hear)
    try:
        yield
    finally:
        if not client.is_closed:
            await subscription.unsubscribe()
