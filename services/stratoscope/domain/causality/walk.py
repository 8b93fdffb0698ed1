"""Walks back along causes over events read by the block: all that led here, or the longest chain.

Where no cause in the space is late, an event's depth is the length of the longest chain that ends
in it. So the chain is followed cause by cause, from each event to one that is a step less deep,
and nothing beside it is looked at. Where such a cause is not there (it was dropped, or its depth
is open) the descent is off its way, and only the walk can tell.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic
from uuid import UUID

from stratoscope.domain.causality.blocks import Blocks, R, Spot


@dataclass(slots=True)
class Walk(Generic[R]):
    """The events reached, the nearest first, and what has to be looked up to go on."""

    limit: int
    blocks: Blocks[R]
    reached: dict[UUID, R] = field(default_factory=dict)
    _level: list[UUID] = field(default_factory=list)

    def begin(self, event_id: UUID) -> None:
        """Start from an event."""
        self._level = [event_id]

    def wanted(self) -> list[UUID]:
        """The ids of this level that have to be looked up; none where the walk is at its end."""
        return [] if len(self.reached) >= self.limit else self.blocks.missing(self._level)

    def go_on(self, rows: Collection[R], located: Mapping[UUID, Spot]) -> None:
        """Follow causes as far as what was read reaches."""
        self.blocks.keep(rows, located)
        read, unknown, reached = self.blocks.read, self.blocks.unknown, self.reached
        level = self._level
        while level and len(reached) < self.limit:
            self._level = level = [id for id in level if id not in unknown and id not in reached]
            if not all(id in read for id in level):
                return
            causes: dict[UUID, None] = {}
            rows = [read[id] for id in level[: self.limit - len(reached)]]
            for row in rows:
                reached[row.id] = row
                for cause in row.causes or ():
                    causes[cause] = None
            self.blocks.use(rows)
            self._level = level = [*causes]


@dataclass(slots=True)
class Descent(Generic[R]):
    """The longest chain to an event, from it back to its root, by depths alone."""

    blocks: Blocks[R]
    chain: list[R] = field(default_factory=list)
    is_lost: bool = False
    _next: Sequence[UUID] = ()

    def begin(self, event_id: UUID) -> None:
        """Start from an event."""
        self._next = (event_id,)

    def wanted(self) -> list[UUID]:
        """The ids that have to be looked up; none where the root is reached, or the way lost."""
        return [] if self.is_lost else self.blocks.missing(self._next)

    def go_on(self, rows: Collection[R], located: Mapping[UUID, Spot]) -> None:
        """Descend as far as what was read reaches."""
        self.blocks.keep(rows, located)
        read, chain, passed = self.blocks.read, self.chain, len(self.chain)
        while self._next:
            # Most events have one cause: what is asked of several is not asked of it.
            row = read.get(self._next[0]) if len(self._next) == 1 else None
            if row is None and self.blocks.missing(self._next):
                break
            row = row or self._lowest_fitting()
            if row is None or not self._fits(row):
                self.is_lost, self._next = True, ()
                break
            chain.append(row)
            self._next = () if row.depth == 1 else row.causes or ()
        self.blocks.use(chain[passed:])

    def _fits(self, row: R) -> bool:
        """Whether an event is a step less deep than the one before it."""
        return row.depth is not None and (not self.chain or row.depth + 1 == self.chain[-1].depth)

    def _lowest_fitting(self) -> R | None:
        known = (self.blocks.read.get(id) for id in self._next)
        fitting = [row for row in known if row is not None and self._fits(row)]
        return min(fitting, key=lambda row: (row.stream_seq, row.ordinal), default=None)
