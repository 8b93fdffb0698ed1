"""Runs as they are set beside each other: what their events say, and which states they were in."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import asyncpg

from stratoscope.domain.comparison.standing import StateAfter
from stratoscope.store.sql import queries

_SQL = queries("runs")
EVENTS_AT_ONCE: Final = 4_096
_BYTES_AT_ONCE: Final = 4 << 20
_VERSIONS_AT_ONCE: Final = 4_096


class SaidEvent(NamedTuple):
    """An event as far as it may be like another; its data is JSON text."""

    event_index: int
    type: str
    data: str


class Runs:
    """What is known of runs, by way of one session."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def events(self, agent_id: int, after: int, last: int) -> list[SaidEvent]:
        """The next events behind one, as many as are read at once."""
        rows = await self._session.fetch(
            _SQL["said"], agent_id, after, last, EVENTS_AT_ONCE, _BYTES_AT_ONCE
        )
        return [SaidEvent(*row) for row in rows]

    async def states(self, agent_id: int, after: int, last: int) -> Sequence[StateAfter]:
        """The next state versions behind one, as many as are read at once."""
        rows = await self._session.fetch(_SQL["states"], agent_id, after, last, _VERSIONS_AT_ONCE)
        return [StateAfter(*row) for row in rows]
