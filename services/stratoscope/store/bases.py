"""Bases: what an agent's timeline starts from where the log before it has been cut.

They stand among what operators do, since they have to outlive every projection: what they hold
is in no log any more.
"""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from stratoscope.domain import delta
from stratoscope.domain.seek import Stand, UpTo
from stratoscope.domain.timeline import Place
from stratoscope.store.past import IntakeReader
from stratoscope.store.sql import queries
from stratoscope.store.states import States
from stratoscope.store.timelines import Timeline, Timelines

_SQL = queries("bases")
_LAST_ORDINAL = 2**31 - 1
_NOTHING = Stand(-1, -1)


class Bases:
    """Bases as they are kept, by way of one session."""

    def __init__(self, session: asyncpg.Connection, stream: str) -> None:
        self._session = session
        self._stream = stream

    async def due(
        self, partitions: Sequence[int], soon: datetime | None, first_seq: int
    ) -> list[tuple[str, str]]:
        """Space and name of agents with records that the log has lost, or is about to lose.

        It has lost what is before `first_seq`, and will soon have lost what is as old as `soon`.
        """
        rows = await self._session.fetch(_SQL["due"], partitions, soon, first_seq, self._stream)
        return [(row["space"], row["name"]) for row in rows]

    async def still(
        self, partitions: Sequence[int], soon: datetime | None, until: datetime | None, first: int
    ) -> None:
        """Have the bases of agents that were idle since count as made now."""
        await self._session.execute(_SQL["still"], partitions, first, until, soon, self._stream)

    async def advance(self, space: str, agent: str, until: datetime | None, first_seq: int) -> bool:
        """Keep an agent's base at a time and before a message; False where nothing is before.

        Raises DamagedChain.
        """
        timelines = Timelines(self._session)
        timeline = await timelines.find(space, agent)
        if timeline is None:
            return False
        stand = await self._stand(timeline, until, first_seq)
        if stand == _NOTHING:
            return False
        first = await self._session.fetchval(_SQL["first_message"], timeline.agent_id)
        await self._session.execute(
            _SQL["keep"],
            timeline.agent_id,
            stand.event_index,
            stand.version if stand.version >= 0 else None,
            first,
            first_seq - 1,
            until,
            await self._keyframe(timeline, stand),
            self._stream,
        )
        return True

    async def _stand(self, timeline: Timeline, until: datetime | None, first_seq: int) -> Stand:
        """Behind all of a message that has to be there no longer, within what is kept."""
        stand = await self._seek(timeline, first_seq - 1)
        if until is not None:
            event, version = await Timelines(self._session).seek(timeline, UpTo(recorded_at=until))
            stand = Stand(max(stand.event_index, event), max(stand.version, version))
        if timeline.horizon is not None and not timeline.extent.keeps(stand):
            return await self._seek(timeline, timeline.horizon.stream_seq)
        return stand

    async def _seek(self, timeline: Timeline, stream_seq: int) -> Stand:
        bound = UpTo(place=Place(stream_seq, _LAST_ORDINAL))
        return Stand(*await Timelines(self._session).seek(timeline, bound))

    async def _keyframe(self, timeline: Timeline, stand: Stand) -> bytes | None:
        """The state as the first blob of a group."""
        if stand.version < 0:
            return None
        states = States(self._session)
        slot = (await states.standing(timeline.agent_id, stand)).slot
        if slot is None:
            raise delta.DamagedChain(
                f"version {stand.version} of agent {timeline.agent_id} is not there"
            )
        chain = await states.chain(timeline.agent_id, stand.version, slot)
        return delta.append(delta.Group(), chain.unfold())[2]


async def overtaken(
    pool: asyncpg.Pool,
    stream: str,
    partitions: Sequence[int],
    first_seq: int,
    lost: datetime,
) -> int:
    """How many bases the log's front has passed: what lay between may be lost.

    All that the log has lost was recorded by the time `lost`, and stood before `first_seq`.
    """
    count: int = await pool.fetchval(_SQL["overtaken"], partitions, first_seq, lost, stream)
    return count


async def start_from_bases(
    pool: asyncpg.Pool, stream: str, partitions: Sequence[int], first_seq: int
) -> int:
    """Begin an empty projection's agents where the log no longer has their beginning; how many."""
    found = await pool.fetch(_SQL["agents"], partitions, first_seq, stream)
    if not found:
        return 0
    reader = IntakeReader(pool)
    await reader.intern_agents((row["partition"], row["space"], row["agent"]) for row in found)
    await reader.intern_types({row["type"] for row in found if row["type"]})
    async with pool.acquire() as session, session.transaction():
        rows = await session.fetch(_SQL["start_agents"], partitions, first_seq, stream)
        agents = [row["agent_id"] for row in rows]
        for query in ("start_events", "start_edges", "start_states", "start_taints"):
            await session.execute(_SQL[query], agents)
    return len(agents)
