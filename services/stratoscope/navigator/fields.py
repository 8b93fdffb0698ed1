"""The verbs that follow one field through time.

The index gives candidates, the states decide. Where the index says little (a field below one that
is replaced whole at every step, a stretch recorded without it) many candidates come to nothing;
so the search has a budget of bytes rebuilt, after which it says how far it got.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from stratoscope.domain import delta
from stratoscope.domain.history import FieldChange, field_changes
from stratoscope.domain.paths import Segments, format
from stratoscope.navigator import cursors, spelling
from stratoscope.navigator.reading import Reading, path_of
from stratoscope.navigator.spelling import Json
from stratoscope.navigator.threads import work_on
from stratoscope.store.fields import FieldIndex, Fields, VersionRow
from stratoscope.store.timelines import Timeline
from stratoscope_contracts.errors import OverBudget
from stratoscope_contracts.looking import (
    Direction,
    StateHistoryRequest,
    StateLastWriteRequest,
)

# Candidates looked at in one go: small at first, since mostly the first one is it.
_FIRST_LOOK = 4
_MOST_AT_ONCE = 128
# Bytes of states rebuilt at once, and by one request: about a second's work.
_BYTES_AT_ONCE = 32 << 20
_BUDGET = 512 << 20


@dataclass(slots=True)
class _Search:
    """One field's candidates, looked at in one direction."""

    reading: Reading
    agent_id: int
    field: Segments
    index: FieldIndex
    direction: Direction
    after: int
    last: int
    spent: int = 0

    @property
    def fields(self) -> Fields:
        return Fields(self.reading.session)

    @property
    def exhausted(self) -> bool:
        """Whether every version was looked at."""
        return self.after >= self.last

    @property
    def over_budget(self) -> bool:
        return self.spent > _BUDGET

    async def look(self, count: int) -> list[tuple[FieldChange, VersionRow, VersionRow | None]]:
        """The changes among the next candidates, each with its row and the one before it."""
        candidates = await self.fields.candidates(
            self.agent_id, self.index, self.after, self.last, self.direction, count
        )
        rows = await self.fields.versions(
            self.agent_id, [*candidates, *(version - 1 for version in candidates)]
        )
        looked = self._affordable(candidates, rows)
        self._pass(looked, ended=len(looked) == len(candidates) < count)
        wanted = [
            rows[each] for version in looked for each in (version - 1, version) if each in rows
        ]
        frames = await self.fields.frames(self.agent_id, wanted)
        work = sum(frame.size for frame in frames.values())
        self.spent += work
        # A version whose predecessor is gone is the first that was kept: what it changed is not
        # known any more.
        known = [version for version in looked if version == 0 or version - 1 in rows]
        changes = await work_on(work, _examined, frames, self.field, known)
        return [(change, rows[change.version], rows.get(change.version - 1)) for change in changes]

    def _affordable(self, candidates: Sequence[int], rows: dict[int, VersionRow]) -> list[int]:
        taken: list[int] = []
        size = 0
        for version in candidates:
            size += 2 * rows[version].size
            if taken and size > _BYTES_AT_ONCE:
                break
            taken.append(version)
        return taken

    def _pass(self, looked: Sequence[int], *, ended: bool) -> None:
        if ended or not looked:
            self.after = self.last
        elif self.direction == "forward":
            self.after = looked[-1]
        else:
            self.last = looked[-1] - 1


def _examined(
    frames: dict[int, delta.Frame], field: Segments, candidates: Sequence[int]
) -> list[FieldChange]:
    return field_changes(delta.unfold_all(frames), field, candidates)


async def state_history(reading: Reading, request: StateHistoryRequest) -> Json:
    """Every change of a field in a stretch, oldest first."""
    field = path_of(request.path)
    key = cursors.number_in(request)
    timeline = await reading.timeline(request.agent)
    start, end = await reading.stretch(timeline, request.from_, request.to)
    after = start.version if key is None else min(max(start.version, key), end.version)
    index = await Fields(reading.session).index(timeline.agent_id, timeline.indexed_from, field)
    search = _Search(reading, timeline.agent_id, field, index, "forward", after, end.version)
    found: list[tuple[FieldChange, VersionRow, VersionRow | None]] = []
    while len(found) < request.limit and not search.exhausted and not search.over_budget:
        found += await search.look(min(request.limit - len(found), _MOST_AT_ONCE))
    return {
        "changes": await _spelled(reading, timeline, field, found),
        # Out of budget a page may be short, even empty: the cursor says that there is more.
        "cursor": None if search.exhausted else cursors.spell(request, search.after),
        "horizon": spelling.horizon(timeline),
    }


async def state_last_write(reading: Reading, request: StateLastWriteRequest) -> Json:
    """Who last wrote a field, at or before a position."""
    field = path_of(request.path)
    timeline = await reading.timeline(request.agent)
    start, end = await reading.stretch(timeline, None, request.before)
    index = await Fields(reading.session).index(timeline.agent_id, timeline.indexed_from, field)
    search = _Search(
        reading, timeline.agent_id, field, index, "backward", start.version, end.version
    )
    count = _FIRST_LOOK
    while not search.exhausted:
        if found := await search.look(count):
            (written,) = await _spelled(reading, timeline, field, found[:1])
            before = found[0][2]
            # One before the horizon is there for those behind it, but has no position any more.
            shown = before is not None and before.version >= timeline.first_shown
            previous = await _position(reading, timeline, before) if before and shown else None
            return written | {"previous": previous, "horizon": spelling.horizon(timeline)}
        if search.over_budget:
            raise await _gave_up(search)
        count = min(count * 2, _MOST_AT_ONCE)
    nothing = dict.fromkeys(("change", "position", "event_id", "event_span", "previous"))
    return nothing | {"horizon": spelling.horizon(timeline)}


async def _gave_up(search: _Search) -> OverBudget:
    rows = await search.fields.versions(search.agent_id, [search.last])
    reached = rows[search.last].event_index
    return OverBudget(
        f"no write found back to event {reached} before the work limit: ask again with `before`"
        " at that event",
        {"event_index": reached},
    )


async def _spelled(
    reading: Reading,
    timeline: Timeline,
    field: Segments,
    found: Sequence[tuple[FieldChange, VersionRow, VersionRow | None]],
) -> list[Json]:
    versions = [change.version for change, _, _ in found]
    written = await Fields(reading.session).written(timeline.agent_id, versions)
    return [
        {
            "change": _change(field, change),
            "position": spelling.written(timeline.agent, written[change.version]),
            "event_id": _id(written[change.version].event_id),
            "event_span": row.event_index - (before.event_index if before else -1),
        }
        for change, row, before in found
    ]


async def _position(reading: Reading, timeline: Timeline, row: VersionRow) -> Json:
    written = await Fields(reading.session).written(timeline.agent_id, [row.version])
    return spelling.written(timeline.agent, written[row.version])


def _id(id_: UUID | None) -> str | None:
    return None if id_ is None else str(id_)


def _change(field: Segments, change: FieldChange) -> Json:
    sides = {"old": change.old, "new": change.new}
    return {"path": format(field), "op": change.op} | {
        side: orjson.Fragment(raw) for side, raw in sides.items() if raw is not None
    }
