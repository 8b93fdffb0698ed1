"""The breakpoints that are watched for, by whom they concern."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from typing import Final
from uuid import UUID

import structlog
from pydantic import TypeAdapter, ValidationError

from stratoscope.broker.feed import Watched
from stratoscope.domain.conditions.reading import ConditionRefused, watch
from stratoscope.domain.expressions.rules import Expression
from stratoscope.domain.watching.armed import Armed, Record
from stratoscope.domain.watching.index import Index
from stratoscope.domain.watching.templates import Template, TemplateRefused, read
from stratoscope.store.breakpoints import BreakpointRow
from stratoscope.store.filling import Wanted
from stratoscope_contracts.breakpoints import Condition, HitRule
from stratoscope_contracts.subjects import partition_of
from stratoscope_contracts.words import ANY_AGENT

_CONDITION: Final = TypeAdapter[Condition](Condition)
_RULE: Final = TypeAdapter[HitRule](HitRule)
# More agents than these are not named one by one.
_NAMED_AGENTS: Final = 5_000
log = structlog.get_logger(__name__)


class Arming:
    """What is armed, up to a revision."""

    def __init__(self) -> None:
        self.rows: dict[UUID, BreakpointRow] = {}
        self.messages: dict[UUID, Template] = {}
        # One of those that were armed, None as long as none was.
        self.expression: Expression | None = None
        self._agents: dict[tuple[str, str], Index] = {}
        self._spaces: dict[str, Index] = {}
        self._partitions: Counter[int] = Counter()

    def __bool__(self) -> bool:
        return bool(self.rows)

    def add(self, row: BreakpointRow) -> None:
        """Watch for one more, or for another one in the place of one with its id."""
        self.remove(row.id)
        try:
            armed = armed_of(row)
            template = None if row.message is None else read(row.message)
        except (ValidationError, ConditionRefused, TemplateRefused) as error:
            # It was taken by other rules than today's.
            log.warning("a breakpoint can't be watched", breakpoint=str(row.id), error=str(error))
            return
        self.rows[row.id] = row
        if template is not None:
            self.messages[row.id] = template
        self._index(row).add(armed)
        self.expression = next(iter(armed.watch.expressions), self.expression)
        if row.agent != ANY_AGENT:
            self._partitions[partition_of(row.space, row.agent)] += 1

    def remove(self, breakpoint_id: UUID) -> None:
        """Watch for one less."""
        row = self.rows.pop(breakpoint_id, None)
        if row is None:
            return
        self.messages.pop(breakpoint_id, None)
        index = self._index(row)
        index.remove(breakpoint_id)
        if row.agent != ANY_AGENT:
            self._partitions[partition_of(row.space, row.agent)] -= 1
        if not index and row.agent == ANY_AGENT:
            del self._spaces[row.space]
        elif not index:
            del self._agents[row.space, row.agent]

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


def armed_of(row: BreakpointRow) -> Armed:
    """A stored breakpoint, ready to be judged. Raises ValidationError and ConditionRefused."""
    watched = watch(_CONDITION.validate_json(row.condition))
    # Looked at now, so that it is known by the time that a record comes.
    _ = watched.judged, watched.paths, watched.expressions, watched.reads_state
    return Armed(
        id=row.id,
        watch=watched,
        armed_seq=row.armed_seq,
        trigger=row.trigger,
        rule=None if row.hit is None else _RULE.validate_json(row.hit),
        ends_at=row.ends_at,
    )


def candidates(indexes: Collection[Index], record: Record) -> Iterator[Armed]:
    """Those that a record could hit and that are armed for it."""
    found: Iterable[Armed] = chain.from_iterable(one.candidates(record) for one in indexes)
    return (armed for armed in found if armed.sees(record))


def is_in(row: BreakpointRow, partition: int) -> bool:
    """Whether a breakpoint watches a partition."""
    return row.agent == ANY_AGENT or partition_of(row.space, row.agent) == partition
