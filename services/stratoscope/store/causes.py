"""Causes as they are followed: an event with everything that led to it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from stratoscope.domain.causality.blocks import Blocks, Row, Spot
from stratoscope.domain.causality.nodes import Node
from stratoscope.domain.causality.walk import Descent, Walk
from stratoscope.store.sql import queries
from stratoscope.store.timelines import TracedRow

_SQL = queries("causes")


class Read(NamedTuple):
    """An event without what it says."""

    agent_id: int
    event_index: int
    stream_seq: int
    ordinal: int
    depth: int | None
    id: UUID
    causes: Sequence[UUID] | None


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Nodes by id, and where each stands: agent and event index."""

    nodes: dict[str, Node]
    places: dict[str, tuple[int, int]]


class Causes:
    """The graph of causes, by way of one session."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def ancestors(
        self, space: str, event_id: UUID, limit: int, until: UUID | None = None
    ) -> Neighbourhood:
        """An event and what it comes from, the nearest `limit`, no further than until one is met.

        Of several events with one id in the space the one that stands first in the log is meant.
        """
        walk = Walk[Read](limit, Blocks())
        walk.begin(event_id)
        while (wanted := walk.wanted()) and until not in walk.reached:
            located, asked = await self._located(space, wanted, walk.blocks)
            rows = await self._session.fetch(_SQL["blocks"], *asked)
            walk.go_on([Read._make(row) for row in rows], located)
        return neighbourhood([*walk.reached.values()])

    async def descend(
        self, space: str, event_id: UUID, meanwhile: Callable[[Sequence[TracedRow]], None]
    ) -> bool:
        """The longest chain by depths alone, the event first; whether they showed it.

        `meanwhile` is given each part of it while the next one is fetched.
        """
        descent = Descent[TracedRow](Blocks())
        descent.begin(event_id)
        passed = 0
        while wanted := descent.wanted():
            located, asked = await self._located(space, wanted, descent.blocks)
            fetching = asyncio.ensure_future(self._session.fetch(_SQL["whole_blocks"], *asked))
            try:
                await asyncio.sleep(0)  # and the question is on its way
                meanwhile(descent.chain[passed:])
                passed = len(descent.chain)
                rows = await fetching
            finally:
                fetching.cancel()
            descent.go_on([TracedRow._make(row) for row in rows], located)
        meanwhile(descent.chain[passed:])
        return not descent.is_lost

    async def _located(
        self, space: str, wanted: Sequence[UUID], blocks: Blocks[Any]
    ) -> tuple[dict[UUID, Spot], tuple[list[Any], ...]]:
        """Where wanted events stand, and what to read for them."""
        rows = await self._session.fetch(_SQL["located"], space, wanted)
        located = {row["id"]: (row["agent_id"], row["event_index"]) for row in rows}
        stretches = blocks.stretches(wanted, located)
        return located, (
            [stretch.agent_id for stretch in stretches],
            [stretch.after for stretch in stretches],
            [stretch.upto for stretch in stretches],
            [*wanted],
        )


def neighbourhood(rows: Sequence[Row]) -> Neighbourhood:
    """The rows of a walk; of two events with one id the one that stands first in the log."""
    lowest = sorted(rows, key=lambda row: (row.stream_seq, row.ordinal), reverse=True)
    return Neighbourhood(
        {str(row.id): _node(row) for row in lowest},
        {str(row.id): (row.agent_id, row.event_index) for row in lowest},
    )


def _node(row: Row) -> Node:
    causes = tuple(str(cause) for cause in row.causes or ())
    return Node(str(row.id), (row.stream_seq, row.ordinal), causes, row.depth)
