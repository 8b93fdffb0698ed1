"""Holds on live agents, kept: they outlive the navigator that placed them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from stratoscope.domain.holding import HEARD_WITHIN, AtGate, Hold
from stratoscope.store.sql import queries
from stratoscope_contracts.words import MAX_STEP_EVENTS

_SQL = queries("holds")


@dataclass(frozen=True, slots=True)
class Standing:
    """What a gate's answer depends on: the holds, the events there are, and who waits."""

    events: int
    holds: Sequence[Hold]
    gate: AtGate | None


@dataclass(frozen=True, slots=True)
class HeldAgent:
    """How an agent stands to its gate; `gate` is None where it never came to it."""

    held_by: Sequence[str]
    gate: AtGate | None


@dataclass(frozen=True, slots=True)
class Untold:
    """A hold whose pause may never have been sent."""

    space: str
    agent: str
    held_by: str
    session_id: UUID | None
    held_at: datetime


@dataclass(frozen=True, slots=True)
class Over:
    """A hold that was released: too old, or of a session that is over."""

    space: str
    agent: str
    held_by: str
    too_long: bool


class Holds:
    """The holds, by way of one database session."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    async def place(
        self, space: str, agent: str, held_by: str, operator_session: UUID | None, at: datetime
    ) -> None:
        """Hold an agent, in the caller's transaction if there is one.

        `held_by` is a breakpoint's id or `operator`; the hold ends with the operator's session.
        Whoever places it sends the agent its pause after the commit, and says so by `told`; what
        is not said to be told is told again.
        """
        await self._session.execute(_SQL["place"], space, agent, held_by, operator_session, at)

    async def has_room(self, space: str, most: int) -> bool:
        """Whether a space has fewer than `most` holds."""
        found: bool = await self._session.fetchval(_SQL["has_room"], space, most)
        return found

    async def told(self, hold: Untold) -> None:
        """Say that the agent was sent its pause."""
        await self._session.execute(
            _SQL["told"], hold.space, hold.agent, hold.held_by, hold.session_id, hold.held_at
        )

    async def release(self, space: str, agent: str) -> None:
        """Release all holds on an agent."""
        await self._session.execute(_SQL["release"], space, agent)

    async def step(self, space: str, agent: str, events: int) -> bool:
        """Let an agent record so many events more in spite of its holds; whether there are any."""
        done: str = await self._session.execute(_SQL["step"], space, agent, events, MAX_STEP_EVENTS)
        return not done.endswith(" 0")

    async def standing(self, space: str, agent: str) -> Standing:
        """What the gate's answer depends on."""
        row = await self._session.fetchrow(_SQL["standing"], space, agent)
        pairs = zip(row["held_by"], row["step_until"], strict=True)
        return Standing(row["events"], [Hold(*pair) for pair in pairs], _gate(row))

    async def of_agents(self, space: str, agents: Sequence[str]) -> dict[str, HeldAgent]:
        """How each of the agents stands to its gate."""
        rows = await self._session.fetch(_SQL["of_agents"], space, agents)
        return {
            row["agent"]: HeldAgent(list(dict.fromkeys(row["held_by"])), _gate(row)) for row in rows
        }

    async def came(self, space: str, agent: str, now: datetime, *, waits: bool) -> None:
        """Remember that an agent was at its gate, and whether it has to wait there."""
        heard_within = now - HEARD_WITHIN
        await self._session.execute(_SQL["came"], space, agent, now, waits, heard_within)

    async def release_over(self, now: datetime, placed_before: datetime) -> list[Over]:
        """Release what is too old, and what belongs to sessions that are over."""
        rows = await self._session.fetch(_SQL["release_over"], now, placed_before)
        return [Over(*row) for row in rows]

    async def free_among(self, agents: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Those of the agents, each with its space, that nobody holds."""
        spaces, names = [space for space, _ in agents], [name for _, name in agents]
        return [tuple(row) for row in await self._session.fetch(_SQL["free_among"], spaces, names)]

    async def untold(self, placed_before: datetime) -> list[Untold]:
        """Holds placed before that moment of which nobody said that the agent was told."""
        return [Untold(*row) for row in await self._session.fetch(_SQL["untold"], placed_before)]

    async def count(self, now: datetime) -> tuple[int, int]:
        """How many agents there are holds on, and how many of those wait at their gate."""
        row = await self._session.fetchrow(_SQL["count"], now - HEARD_WITHIN)
        return row["held"], row["waiting"]


def _gate(row: asyncpg.Record) -> AtGate | None:
    return None if row["asked_at"] is None else AtGate(row["asked_at"], row["waiting_since"])
