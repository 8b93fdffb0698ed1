"""Two runs on their way, side by side: their events aligned, their states compared."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

import orjson

from stratoscope.domain.comparison.alignment import Apart, Together, advance
from stratoscope.domain.comparison.standing import Pair, suspects
from stratoscope.navigator.comparing.asked import Asked
from stratoscope.navigator.comparing.comparisons import Budget
from stratoscope.navigator.comparing.running import Side
from stratoscope.navigator.comparing.runs import prints_in, said
from stratoscope.navigator.comparing.series import frames_told
from stratoscope.navigator.reading import Reading
from stratoscope.store.fields import Fields

_FURTHER: Final = 20
# How much longer is looked once the first place is known.
_AFTERWARDS_SECONDS: Final = 1.0
# Pairs of states that are looked at in one go: few at first, since mostly the first one is it.
_FIRST_LOOK: Final = 4
_MOST_AT_ONCE: Final = 128
_BYTES_AT_ONCE: Final = 16 << 20
# Reading an event costs about four times as much as comparing its bytes.
_FINGERPRINT_WORK: Final = 4


@dataclass(frozen=True, slots=True)
class Parting:
    """Where states part: places in both runs, and the changes as JSON."""

    places: tuple[int, int]
    changes: list[Any]


@dataclass(slots=True)
class Search:
    """Two runs on their way."""

    reading: Reading
    sides: tuple[Side, Side]
    asked: Asked
    told: dict[str, Any]
    budget: Budget
    aligned: int = 0
    first: Apart | None = None
    # How many events were aligned before it.
    before: int = 0
    parting: Parting | None = None
    further: list[Apart] = field(default_factory=list)
    equal: set[tuple[bytes, bytes]] = field(default_factory=set)

    @property
    def is_done(self) -> bool:
        """Whether nothing more is to be found out."""
        if self.first is None:
            return self.parting is not None
        return len(self.further) >= _FURTHER or any(
            one.for_good for one in (self.first, *self.further)
        )

    async def go_on(self) -> bool:
        """Take the next stretch; False at the end of both runs."""
        a, b = self.sides
        match advance(a.run, b.run):
            case Together() as together:
                if self.parting is None:
                    await self.stand(together)
                self.aligned += together.count
            case Apart() as apart:
                self._part(apart)
            case None:
                return await self._read()
        return True

    def _part(self, apart: Apart) -> None:
        if self.first is not None:
            self.further.append(apart)
            return
        self.first, self.before = apart, self.aligned
        deadline = monotonic() + _AFTERWARDS_SECONDS
        self.budget = Budget(min(self.budget.deadline, deadline))

    async def _read(self) -> bool:
        wanting = [side for side in self.sides if side.is_wanting]
        # One session reads for both; what is read is made fingerprints of side by side.
        read = [await side.read_events() for side in wanting]
        made = await asyncio.gather(
            *(
                self.reading.comparisons.make(
                    "fingerprints",
                    self.told,
                    [said(one.type, one.data) for one in events],
                    self.budget,
                    work=_FINGERPRINT_WORK * sum(len(one.data) for one in events),
                )
                for events in read
            )
        )
        for side, prints in zip(wanting, made, strict=True):
            side.add(prints_in(prints))
        return bool(wanting)

    async def stand(self, together: Together) -> None:
        """Set the states of a stretch beside each other."""
        a, b = self.sides
        await a.read_states(together.a + together.count - 1)
        await b.read_states(together.b + together.count - 1)
        pairs = list(suspects(together, a.states, b.states, self.equal))
        count = _FIRST_LOOK
        while pairs and self.parting is None:
            some = _affordable(pairs[:count])
            await self._look(together, some)
            pairs = pairs[len(some) :]
            count = min(2 * count, _MOST_AT_ONCE)

    async def _look(self, together: Together, pairs: Sequence[Pair]) -> None:
        told, blobs, work = await self._frames(pairs)
        made = await self.reading.comparisons.make(
            "first_different",
            told | {"options": self.asked.told, "exact": self.told["exact"]},
            blobs,
            self.budget,
            work=self.asked.cost * work,
        )
        found = orjson.loads(made)
        if found is None:
            self.equal.update(pair.hashes for pair in pairs)
            return
        offset = pairs[found[0]].offset
        self.parting = Parting(
            (together.a + offset - 1, together.b + offset - 1),
            found[1],
        )
        if self.first is None:
            self.before = self.aligned + offset

    async def _frames(self, pairs: Sequence[Pair]) -> tuple[dict[str, Any], list[bytes], int]:
        told: dict[str, Any] = {}
        blobs: list[bytes] = []
        work = 0
        for name, side, states in (
            ("a", self.sides[0], [pair.a for pair in pairs]),
            ("b", self.sides[1], [pair.b for pair in pairs]),
        ):
            wanted = [one.at for one in states if one is not None]
            frames = await Fields(self.reading.session).frames(side.timeline.agent_id, wanted)
            parts, some = frames_told(frames)
            versions = [one.version if one else None for one in states]
            told[name] = {"frames": parts, "versions": versions}
            blobs += some
            work += sum(frame.size for frame in frames.values())
        return told, blobs, work


def _affordable(pairs: Sequence[Pair]) -> Sequence[Pair]:
    """As many of these as are rebuilt at once, one at least."""
    size = 0
    for count, pair in enumerate(pairs):
        size += sum(one.size for one in (pair.a, pair.b) if one)
        if count and size > _BYTES_AT_ONCE:
            return pairs[:count]
    return pairs
