"""Causes as they are followed: an event with everything that led to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from stratoscope.domain.causality.nodes import Node
from stratoscope.store.sql import queries

_SQL = queries("causes")


@dataclass(frozen=True, slots=True)
class Ancestors:
    """Nodes by id, and where each stands: agent and event index."""

    nodes: dict[str, Node]
    places: dict[str, tuple[int, int]]


class Causes:
    """The graph of causes, by way of one session."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def ancestors(self, space: str, event_id: UUID, limit: int, seconds: float) -> Ancestors:
        """An event and all it comes from, at most `limit` of them; TimeoutError after `seconds`."""
        rows = await self._session.fetch(_SQL["ancestors"], space, event_id, limit, timeout=seconds)
        return neighbourhood(rows)


def neighbourhood(rows: Sequence[asyncpg.Record]) -> Ancestors:
    """The rows of a walk; of two events with one id the one that stands first in the log."""
    lowest = sorted(rows, key=lambda row: (row["stream_seq"], row["ordinal"]), reverse=True)
    return Ancestors(
        {str(row["id"]): _node(row) for row in lowest},
        {str(row["id"]): (row["agent_id"], row["event_index"]) for row in lowest},
    )


def _node(row: asyncpg.Record) -> Node:
    causes = tuple(str(cause) for cause in row["causes"] or ())
    return Node(str(row["id"]), (row["stream_seq"], row["ordinal"]), causes, row["depth"])
