"""Whether two projections of one log say the same, agent by agent.

Both are read in one snapshot, up to the checkpoint that both have passed in each partition, so
that neither needs to stand still for it. Digests come sorted, and are compared as they come: it
takes no more memory for many agents than for one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import asyncpg
from asyncpg.cursor import Cursor

from stratoscope.store.database import OPERATIONS
from stratoscope.store.sql import queries

_SQL = queries("digests")
_PROJECTIONS = queries("projections")
_PAGE = 1000
_NAMED = 1000
PARTS = ("events", "versions", "edges", "taints")
BEGINS = "begins"


@dataclass(frozen=True, slots=True)
class Difference:
    """An agent of which the two say different things: by part, how many rows each has.

    The part `begins` has the first events instead, where the new one begins later.
    """

    space: str
    agent: str
    parts: Mapping[str, tuple[int, int]]


@dataclass(slots=True)
class Comparison:
    """What was compared, and what is not the same; only the first differences are named."""

    through: Mapping[int, int]
    agents: int = 0
    differing: int = 0
    differences: list[Difference] = field(default_factory=list)

    def differ(self, found: Difference) -> None:
        """Count a difference."""
        self.differing += 1
        if len(self.differences) < _NAMED:
            self.differences.append(found)


async def compare(
    session: asyncpg.Connection, old: str, new: str, *, whole: bool = True
) -> Comparison:
    """Compare the projections in two schemas; the session is one of its own.

    Where the log is not `whole`, depths and whatever else counts from its beginning may differ.
    """
    async with session.transaction(isolation="repeatable_read", readonly=True):
        reached = [await _checkpoints(session, schema) for schema in (old, new)]
        through = {number: min(seqs[number] for seqs in reached) for number in reached[0]}
        arguments = (
            list(through),
            list(through.values()),
            *await _horizons(session, old, new),
            min([await _unresolved_from(session, schema) for schema in (old, new)]),
            whole,
        )
        # Each is planned where it is opened, and keeps to the schema that it sees there.
        rows = [_Rows(await _opened(session, schema, arguments)) for schema in (old, new)]
        return await _compare(Comparison(through), *rows)


class _Rows:
    """The rows of a cursor, one at a time."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._page: list[asyncpg.Record] = []

    async def next(self) -> asyncpg.Record | None:
        if not self._page:
            self._page = (await self._cursor.fetch(_PAGE))[::-1]
        return self._page.pop() if self._page else None


async def _compare(found: Comparison, old: _Rows, new: _Rows) -> Comparison:
    left, right = await old.next(), await new.next()
    while left is not None or right is not None:
        first = min(_agent(row) for row in (left, right) if row is not None)
        ours = left if left is not None and _agent(left) == first else None
        theirs = right if right is not None and _agent(right) == first else None
        found.agents += 1
        if differing := _differing(ours, theirs):
            found.differ(Difference(*first, differing))
        left = left if ours is None else await old.next()
        right = right if theirs is None else await new.next()
    return found


def _agent(row: asyncpg.Record) -> tuple[str, str]:
    return row["space"], row["name"]


def _differing(
    left: asyncpg.Record | None, right: asyncpg.Record | None
) -> dict[str, tuple[int, int]]:
    """The parts in which two rows of an agent differ; one that is missing has nothing."""
    found = {}
    for part in PARTS:
        sides = [(row[part], row[f"{part}_digest"]) if row else (0, None) for row in (left, right)]
        if sides[0] != sides[1]:
            found[part] = (sides[0][0], sides[1][0])
    if left and right and right["begins"] > left["begins"]:
        # The log has been cut: what is before is in the old one only.
        found[BEGINS] = (left["begins"], right["begins"])
    return found


async def _checkpoints(session: asyncpg.Connection, schema: str) -> dict[int, int]:
    await _look_at(session, schema)
    rows = await session.fetch(_PROJECTIONS["checkpoints"])
    return {row["partition"]: row["stream_seq"] for row in rows}


async def _unresolved_from(session: asyncpg.Connection, schema: str) -> int:
    await _look_at(session, schema)
    seq: int = await session.fetchval(_SQL["unresolved_from"])
    return seq


async def _horizons(session: asyncpg.Connection, *schemas: str) -> Iterable[list[object]]:
    """Where both have all of a timeline, as columns; only of those that lack their beginning."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for schema in schemas:
        await _look_at(session, schema)
        for row in await session.fetch(_SQL["horizons"]):
            key, here = _agent(row), (row["first_event"], row["first_shown"])
            there = found.get(key, (0, 0))
            found[key] = max(here[0], there[0]), max(here[1], there[1])
    rows = [(*key, *first) for key, first in found.items()]
    return [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]


async def _opened(
    session: asyncpg.Connection, schema: str, arguments: tuple[object, ...]
) -> Cursor:
    await _look_at(session, schema)
    return await session.cursor(_SQL["digests"], *arguments)


async def _look_at(session: asyncpg.Connection, schema: str) -> None:
    await session.execute(f"set local search_path to {schema}, {OPERATIONS}")
