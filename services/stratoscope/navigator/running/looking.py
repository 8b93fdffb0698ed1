"""What stands at candidates: the records, and the states around them, read as far as is wanted.

A state matters only as far as the paths go that a condition looks at, and there it is the one of
the last version that touches them. So neighbours are shown one state where nothing was touched
between them, and few states are rebuilt however many records there are.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile

from stratoscope.domain.conditions.marks import Mark
from stratoscope.domain.paths import Segments
from stratoscope.navigator import spelling
from stratoscope.navigator.running.reads import (
    EVENT_BYTES,
    NO_VERSION,
    PLAIN_KEYS,
    STATE_BYTES,
    is_many,
    rebuilt,
    touched,
)
from stratoscope.navigator.running.streams import Candidate, Ground
from stratoscope.navigator.spelling import Json
from stratoscope.store.jumps import EventFacts, Version, Wanted


@dataclass(frozen=True, slots=True)
class Wants:
    """What is to be read.

    `event_keys` are the keys of events that expressions name, None for all; `paths` those of states
    that conditions look at. `around` asks which states stand around each record, `before` for the
    one before it, too, and `clock_before` for the clock. `touched` says that all versions which
    touch the paths are among the candidates.
    """

    event_keys: frozenset[str] | None = frozenset()
    around: bool = False
    before: bool = False
    clock_before: bool = False
    paths: frozenset[Segments] = frozenset()
    touched: bool = False


@dataclass(slots=True)
class Looked:
    """A record as it was found; versions are those whose states show what stands around it."""

    mark: Mark
    clock: datetime
    event: EventFacts | None = None
    document: Json | None = None
    after: int = NO_VERSION
    before: int = NO_VERSION
    clock_before: datetime | None = None
    is_first: bool = False


@dataclass(slots=True)
class Page:
    """Records in the order of the candidates, and the states by version.

    `rest` is the first candidate that was left for the next page, None where none was.
    """

    records: list[Looked]
    states: dict[int, bytes]
    rest: Mark | None = None

    def cut(self, count: int) -> None:
        """Leave the first records only."""
        self.rest = self.records[count].mark
        self.records = self.records[:count]


@dataclass(slots=True)
class _Around:
    """Which versions stand around records, and what is known of those versions."""

    versions: dict[int, Version] = field(default_factory=dict)
    # By record: the version after it, and the one before.
    sides: dict[Mark, tuple[int, int]] = field(default_factory=dict)


class Looking:
    """Reads pages of candidates, by way of one session."""

    def __init__(self, ground: Ground, wants: Wants) -> None:
        self._ground = ground
        self._wants = wants
        self._jumps = ground.jumps
        self._timeline = ground.timeline

    async def page(self, candidates: Sequence[Candidate]) -> Page:
        """What stands at the first ones of some candidates: as many as are read at once."""
        wants = self._wants
        records, rest = await self._records(candidates)
        states: dict[int, bytes] = {}
        if wants.around and records:
            around = await self._around(candidates, records)
            records = [one for one in records if self._is_kept(one, around)]
            shown = await self._shown(records, around)
            for one in records:
                self._place(one, around, shown)
            await self._know({side for one in records for side in (one.after, one.before)}, around)
            if wants.clock_before:
                await self._set_clocks(records, around)
            count = _affordable(records, around.versions)
            if count < len(records):
                rest = records[count].mark
                records = records[:count]
            states = await self._states(records, around.versions)
        return Page(records, states, rest)

    async def _records(self, candidates: Sequence[Candidate]) -> tuple[list[Looked], Mark | None]:
        """Records without their states, and the first one that is left for later."""
        indexes = [one.mark.event_index for one in candidates if one.mark.is_event]
        facts: dict[int, EventFacts] = {}
        passed = len(candidates)
        if indexes:
            rows = await self._jumps.events(
                indexes, _json_of(self._wants), self._ground.direction, EVENT_BYTES
            )
            facts = {row.event_index: row for row in rows}
            if rows and rows[-1].event_index != indexes[-1]:
                passed = index_of(candidates, Mark(rows[-1].event_index)) + 1
        snapshots = await self._snapshots(candidates[:passed])
        documents = await self._documents(facts.values())
        records = []
        for one in candidates[:passed]:
            index = one.mark.event_index
            if one.mark.is_event and index in facts:
                event = facts[index]
                records.append(Looked(one.mark, event.clock, event, documents.get(index)))
            elif one.mark in snapshots:
                records.append(Looked(one.mark, snapshots[one.mark].clock))
        first = await self._first_shown(records)
        records = [one for one in records if self._is_shown(one.mark, first)]
        return records, candidates[passed].mark if passed < len(candidates) else None

    async def _snapshots(self, candidates: Iterable[Candidate]) -> dict[Mark, Version]:
        marks = {one.mark.version: one.mark for one in candidates if not one.mark.is_event}
        if not marks:
            return {}
        return {marks[number]: row for number, row in (await self._jumps.versions(marks)).items()}

    async def _documents(self, facts: Collection[EventFacts]) -> dict[int, Json]:
        """Events as expressions see them, with nothing in them but what is named."""
        keys = self._wants.event_keys
        if keys == frozenset():
            return {}
        if keys is not None and keys <= PLAIN_KEYS:
            return {one.event_index: _document(one, keys) for one in facts}
        agent_id = self._timeline.agent_id
        rows = await self._ground.reading.timelines.events(
            [(agent_id, one.event_index) for one in facts]
        )
        return {row.event_index: spelling.event(row) for row in rows}

    async def _around(self, candidates: Sequence[Candidate], records: Sequence[Looked]) -> _Around:
        known = {one.mark: one.version for one in candidates if one.version is not None}
        around = _Around()
        asked = []
        for one in records:
            version = known.get(one.mark) if one.mark.is_event else one.mark.version
            if version is None:
                asked.append(one.mark.event_index)
            else:
                around.sides[one.mark] = (version, version - 1)
        if asked:
            await self._around_events(sorted(asked), around)
        await self._know({side for sides in around.sides.values() for side in sides}, around)
        return around

    async def _know(self, versions: Collection[int], around: _Around) -> None:
        """Find out what it takes to rebuild versions."""
        missing = set(versions) - around.versions.keys() - {NO_VERSION}
        if missing:
            around.versions |= await self._jumps.versions(missing)

    async def _around_events(self, indexes: Sequence[int], around: _Around) -> None:
        """The versions around events, one after the other or far apart."""
        first, last = await self._jumps.last_versions(
            [indexes[0] - 1, indexes[-1]], self._timeline.versions
        )
        if not is_many(last - first, len(indexes)):
            around.versions |= await self._jumps.version_stretch(max(first, 0), last)
            rows = [one for number, one in sorted(around.versions.items()) if number > first]
            ends = [one.event_index for one in rows]
            tops = {index: first + bisect_right(ends, index) for index in indexes}
            bottoms = {index: first + bisect_right(ends, index - 1) for index in indexes}
        else:
            edges = sorted({edge for index in indexes for edge in (index - 1, index)})
            found = await self._jumps.last_versions(edges, self._timeline.versions)
            by_edge = dict(zip(edges, found, strict=True))
            tops = {index: by_edge[index] for index in indexes}
            bottoms = {index: by_edge[index - 1] for index in indexes}
            behind = {bottoms[index] + 1 for index in indexes if tops[index] > bottoms[index]}
            around.versions |= await self._jumps.versions(behind)
        for index in indexes:
            before = bottoms[index]
            patch = around.versions.get(before + 1) if tops[index] > before else None
            is_patched = patch is not None and not patch.is_snapshot
            around.sides[Mark(index)] = (before + is_patched, before)

    async def _first_shown(self, records: Iterable[Looked]) -> int:
        """The first event that can be stood behind: at the horizon its state may be gone."""
        first = self._timeline.first_position
        if not self._timeline.first_version or all(one.mark != Mark(first) for one in records):
            return first
        around = _Around()
        await self._around_events([first], around)
        return first + (not self._is_read(around.sides[Mark(first)][0]))

    def _is_shown(self, mark: Mark, first_event: int) -> bool:
        """Whether a record is at or behind the horizon, which may move while a run goes on."""
        if mark.is_event:
            return mark.event_index >= first_event
        return mark.version >= self._timeline.first_shown

    def _is_kept(self, one: Looked, around: _Around) -> bool:
        """Whether the state after a record is still there."""
        return self._is_read(around.sides[one.mark][0])

    def _is_read(self, version: int) -> bool:
        """Whether a version can still be read; before the first there is the empty state."""
        first = self._timeline.first_version
        return version >= first or not first

    async def _shown(self, records: Sequence[Looked], around: _Around) -> list[int] | None:
        """The versions that touch the paths, as far as they are known; None where all count."""
        if () in self._wants.paths:
            return None
        if self._wants.touched:
            return sorted({around.sides[one.mark][0] for one in records})
        sides = [version for one in records for version in around.sides[one.mark]]
        first, last = min(sides), max(sides)
        if is_many(last - first, len(records)):
            return None
        found = await touched(self._ground, self._wants.paths, first, last)
        return None if found is None else [first, *found]

    def _place(self, one: Looked, around: _Around, shown: Sequence[int] | None) -> None:
        after, before = around.sides[one.mark]
        one.after = _last_of(shown, after)
        one.before = _last_of(shown, before)
        if not self._wants.before or not self._is_read(before):
            # Nobody asks, or it is not kept any more and nobody knows what this record changed.
            one.before = one.after
        if self._wants.before and not self._timeline.horizon:
            one.is_first = (
                one.mark.event_index <= 0
                and before < 0
                and (one.mark.event_index < 0 or one.mark.is_event)
            )

    async def _set_clocks(self, records: Sequence[Looked], around: _Around) -> None:
        """The clocks before records: of the event or the version before, whichever is later."""
        earlier = {one.mark: one.mark.event_index - one.mark.is_event for one in records}
        clocks = await self._jumps.clocks({*earlier.values()})
        for one in records:
            version = around.versions.get(around.sides[one.mark][1])
            found = [clocks.get(earlier[one.mark]), version.clock if version else None]
            # None where the record before is gone: then nothing is said to have begun here.
            one.clock_before = max((clock for clock in found if clock), default=one.clock)

    async def _states(
        self, records: Iterable[Looked], versions: dict[int, Version]
    ) -> dict[int, bytes]:
        if not self._wants.paths:
            return {}
        wanted = {side for one in records for side in (one.after, one.before)}
        return await rebuilt(self._ground, versions, sorted(wanted))


def _json_of(wants: Wants) -> Wanted:
    keys = wants.event_keys
    if keys is None or not keys <= PLAIN_KEYS:
        return Wanted(data=False, metadata=False)
    return Wanted(data="data" in keys, metadata="metadata" in keys)


def _document(one: EventFacts, keys: frozenset[str]) -> Json:
    document: Json = {}
    for key in keys:
        match key:
            case "data":
                document[key] = spelling.stored(one.data)
            case "metadata":
                document[key] = spelling.stored(one.metadata)
            case "type":
                document[key] = one.type
            case "depth":
                document[key] = one.depth
            case _:
                document[key] = one.event_index
    return document


def _last_of(shown: Sequence[int] | None, version: int) -> int:
    """The last of some versions that is not after one; itself where there is none."""
    if shown is None:
        return version
    place = bisect_right(shown, version)
    return shown[place - 1] if place else version


def _affordable(records: Sequence[Looked], versions: dict[int, Version]) -> int:
    """Of how many records the states can be rebuilt at once, one at least."""
    seen: set[int] = set()
    size = 0
    for count, one in enumerate(records):
        new = {one.after, one.before} - seen
        size += sum(versions[each].size for each in new if each in versions)
        seen |= new
        if count and size > STATE_BYTES:
            return count
    return len(records)


def index_of(candidates: Sequence[Candidate], mark: Mark) -> int:
    """Where a record stands among candidates."""
    return sum(1 for _ in takewhile(lambda one: one.mark != mark, candidates))
