"""The breakpoints that are watched for, by whom they concern."""

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from stratoscope.broker.feed import Watched
from stratoscope.domain.expressions.rules import Expression
from stratoscope.domain.watching.armed import Armed, Record
from stratoscope.domain.watching.index import Index
from stratoscope.domain.watching.templates import Template
from stratoscope.navigator.live.reading import Read, read_all
from stratoscope.store.breakpoints import BreakpointRow
from stratoscope.store.filling import Wanted
from stratoscope_contracts.subjects import partition_of
from stratoscope_contracts.words import ANY_AGENT

# More agents than these are not named one by one.
_NAMED_AGENTS: Final = 5_000
# Adding so many takes some milliseconds; between them others have a turn.
_AT_A_STRETCH: Final = 200


class Arming:
    """What is armed, up to a revision."""

    def __init__(self) -> None:
        self.rows: dict[UUID, BreakpointRow] = {}
        self.read: dict[UUID, Read] = {}
        self.messages: dict[UUID, Template] = {}
        # One of those that were armed, None as long as none was.
        self.expression: Expression | None = None
        self._agents: dict[tuple[str, str], Index] = {}
        self._spaces: dict[str, Index] = {}
        self._partitions: Counter[int] = Counter()

    def __bool__(self) -> bool:
        return bool(self.rows)

    def add(self, read: Read) -> None:
        """Watch for one more, or for another one in the place of one with its id."""
        row = read.row
        self.remove(row.id)
        self.rows[row.id] = row
        self.read[row.id] = read
        if read.template is not None:
            self.messages[row.id] = read.template
        self._index(row).add(read.armed)
        self.expression = next(iter(read.armed.watch.expressions), self.expression)
        if row.agent != ANY_AGENT:
            self._partitions[partition_of(row.space, row.agent)] += 1

    def remove(self, breakpoint_id: UUID) -> None:
        """Watch for one less."""
        row = self.rows.pop(breakpoint_id, None)
        if row is None:
            return
        self.read.pop(breakpoint_id)
        self.messages.pop(breakpoint_id, None)
        index = self._index(row)
        index.remove(breakpoint_id)
        if row.agent != ANY_AGENT:
            self._partitions[partition_of(row.space, row.agent)] -= 1
        if not index and row.agent == ANY_AGENT:
            del self._spaces[row.space]
        elif not index:
            del self._agents[row.space, row.agent]

    def has(self, armed: Armed) -> bool:
        """Whether a breakpoint is watched for as it was read."""
        read = self.read.get(armed.id)
        return read is not None and read.armed is armed

    def watches(self, partition: int) -> bool:
        """Whether anything is watched for in a partition."""
        return bool(self._spaces) or self._partitions[partition] > 0

    def concerns(self, space: str, agent: str) -> bool:
        """Whether anything is watched for on an agent."""
        return (space, agent) in self._agents or space in self._spaces

    def asks_depth(self, space: str, agent: str) -> bool:
        """Whether anybody has to know how deep an agent's events stand."""
        return any(index.asks_depth for index in self.indexes(space, agent))

    def indexes(self, space: str, agent: str) -> list[Index]:
        """Where to look for what a record of an agent could hit."""
        found = (self._agents.get((space, agent)), self._spaces.get(space))
        return [one for one in found if one is not None]

    def watched(self, owner: str, partitions: Collection[int]) -> Watched:
        """Whose records are wanted, of some partitions."""
        agents = [one for one in self._agents if partition_of(*one) in partitions]
        spaces = set(self._spaces) if partitions else set()
        if len(agents) > _NAMED_AGENTS:
            spaces.update(space for space, _ in agents)
            agents = []
        return Watched(owner, sorted(spaces), agents)

    def wanted(self, partition: int) -> Wanted:
        """Whose records of a partition are looked for."""
        agents = [one for one in self._agents if partition_of(*one) == partition]
        return Wanted(list(self._spaces), agents)

    def _index(self, row: BreakpointRow) -> Index:
        if row.agent == ANY_AGENT:
            return self._spaces.setdefault(row.space, Index())
        return self._agents.setdefault((row.space, row.agent), Index())


async def arming_of(rows: Sequence[BreakpointRow]) -> Arming:
    """What is armed by these."""
    found = Arming()
    for number, one in enumerate(await read_all(rows), 1):
        found.add(one)
        if not number % _AT_A_STRETCH:
            await asyncio.sleep(0)
    return found


async def arming_behind(arming: Arming, rows: Sequence[BreakpointRow], stream_seq: int) -> Arming:
    """What some of the breakpoints arm behind a message, of those that are still watched for."""
    found = Arming()
    for number, row in enumerate(rows, 1):
        read = arming.read.get(row.id)
        if read is not None and row.armed_seq < stream_seq:
            found.add(read)
        if not number % _AT_A_STRETCH:
            await asyncio.sleep(0)
    return found


def candidates(indexes: Collection[Index], record: Record) -> list[Armed]:
    """Those that a record could hit and that are armed for it."""
    return [armed for index in indexes for armed in index.candidates(record) if armed.sees(record)]


def is_in(row: BreakpointRow, partition: int) -> bool:
    """Whether a breakpoint watches a partition."""
    return row.agent == ANY_AGENT or partition_of(row.space, row.agent) == partition
