"""The verbs that follow one field through time.

The index gives candidates, the states decide. Where the index says little (a field below one that
is replaced whole at every step, a stretch recorded without it) many candidates come to nothing;
so the search has a budget of bytes rebuilt, after which it says how far it got.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

import orjson

from stratoscope.domain import delta
from stratoscope.domain.history import FieldChange, field_changes
from stratoscope.domain.paths import Segments, format
from stratoscope.navigator import cursors, spelling
from stratoscope.navigator.document_budget import claim, cost_of
from stratoscope.navigator.reading import Reading, path_of
from stratoscope.navigator.spelling import Json
from stratoscope.navigator.threads import work_on
from stratoscope.store.fields import Candidate, Fields, Sought
from stratoscope.store.timelines import PAGE_BYTES, Timeline
from stratoscope_contracts.errors import OverBudget
from stratoscope_contracts.looking import (
    Direction,
    StateHistoryRequest,
    StateLastWriteRequest,
)

# Candidates looked at in one go: small at first, since mostly the first one is it.
_FIRST_LOOK = 4
_MOST_AT_ONCE = 128
# Bytes of states that are looked at at once, those that are rebuilt on the way with them, and all
# of one request: about a second's work.
_BYTES_AT_ONCE = 32 << 20
_MOST_BYTES_AT_ONCE = 2 * _BYTES_AT_ONCE
_BUDGET = 512 << 20


class _Found(NamedTuple):
    """A change, and the version that made it."""

    change: FieldChange
    by: Candidate


@dataclass(frozen=True, slots=True)
class _Look:
    """Candidates, the versions that show what each made of the field, and what rebuilds those."""

    candidates: Sequence[Candidate]
    witnesses: Mapping[int, delta.Slotted]
    frames: Mapping[int, delta.Frame]
    # Bytes.
    work: int

    def changes(self, field: Segments) -> list[FieldChange]:
        """Those of the candidates that changed the field, oldest first; raises DamagedChain."""
        raws = delta.unfold_all(self.frames, {each.version for each in self.witnesses.values()})
        seen = {version: raws[witness.version] for version, witness in self.witnesses.items()}
        return field_changes(seen, field, [one.at.version for one in self.candidates])


@dataclass(slots=True)
class _Search:
    """One field's candidates, looked at in one direction."""

    fields: Fields
    sought: Sought
    direction: Direction
    after: int
    last: int
    spent: int = 0

    @property
    def exhausted(self) -> bool:
        """Whether every version was looked at."""
        return self.after >= self.last

    @property
    def over_budget(self) -> bool:
        return self.spent > _BUDGET

    async def look(self, count: int) -> list[_Found]:
        """The changes among the next candidates, in the direction of the search."""
        candidates = await self.fields.candidates(
            self.sought, self.after, self.last, self.direction, count
        )
        affordable = _affordable(candidates)
        await claim(cost_of(sum(one.size for one in affordable), is_parsed=True))
        look = await self._rebuildable(affordable)
        self._pass(look.candidates, ended=len(look.candidates) == len(candidates) < count)
        self.spent += look.work
        # What lies between is rebuilt as well.
        await claim(cost_of(look.work, is_parsed=True))
        changes = await work_on(look.work, look.changes, self.sought.field)
        by_version = {one.at.version: one for one in look.candidates}
        found = [_Found(change, by_version[change.version]) for change in changes]
        return found if self.direction == "forward" else found[::-1]

    async def _rebuildable(self, candidates: Sequence[Candidate]) -> _Look:
        """So many of them as can be rebuilt at once."""
        while True:
            witnesses = _witnesses(candidates)
            frames = await self.fields.frames(self.sought.agent_id, witnesses.values())
            look = _Look(candidates, witnesses, frames, sum(each.size for each in frames.values()))
            # What lies between may be larger than what was asked for.
            if len(candidates) <= 1 or look.work <= _MOST_BYTES_AT_ONCE:
                return look
            candidates = candidates[: len(candidates) // 2]

    def _pass(self, looked: Sequence[Candidate], *, ended: bool) -> None:
        if ended or not looked:
            self.after = self.last
        elif self.direction == "forward":
            self.after = looked[-1].at.version
        else:
            self.last = looked[-1].at.version - 1


def _affordable(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    sizes = accumulate(candidate.size for candidate in candidates)
    count = sum(1 for size in sizes if size <= _BYTES_AT_ONCE)
    return candidates[: max(count, 1)]


def _witnesses(candidates: Sequence[Candidate]) -> dict[int, delta.Slotted]:
    """What is rebuilt to see the field at each of these versions, and before the first."""
    if not candidates:
        return {}
    ordered = sorted(candidates, key=lambda candidate: candidate.at.version)
    first, last = ordered[0], ordered[-1]
    # Up to the next candidate the field stays as it is.
    found = {one.at.version: delta.cheapest(one.at, behind.at) for one, behind in pairwise(ordered)}
    found[last.at.version] = last.at
    # What a version changed whose predecessor is gone is not known any more.
    if first.before:
        found[first.before.version] = first.before
    return found


async def state_history(reading: Reading, request: StateHistoryRequest) -> Json:
    """Every change of a field in a stretch, oldest first."""
    field = path_of(request.path)
    key = cursors.number_in(request)
    timeline = await reading.timeline(request.agent)
    start, end = await reading.stretch(timeline, request.from_, request.to)
    after = start.version if key is None else min(max(start.version, key), end.version)
    search = _search(reading, timeline, field, "forward", (after, end.version))
    found: list[_Found] = []
    size = 0
    while (
        len(found) < request.limit
        and size <= PAGE_BYTES
        and not search.exhausted
        and not search.over_budget
    ):
        new = await search.look(min(request.limit - len(found), _MOST_AT_ONCE))
        found += new
        size += sum(len(one.change.old or b"") + len(one.change.new or b"") for one in new)
    return {
        "changes": [_spelled(timeline, one) for one in found],
        # Out of budget or full, a page may be short, even empty: the cursor tells of more.
        "cursor": None if search.exhausted else cursors.spell(request, search.after),
        "horizon": spelling.horizon(timeline),
    }


async def state_last_write(reading: Reading, request: StateLastWriteRequest) -> Json:
    """Who last wrote a field, at or before a position."""
    field = path_of(request.path)
    timeline = await reading.timeline(request.agent)
    start, end = await reading.stretch(timeline, None, request.before)
    search = _search(reading, timeline, field, "backward", (start.version, end.version))
    horizon = spelling.horizon(timeline)
    count = _FIRST_LOOK
    while not search.exhausted:
        if found := await search.look(count):
            previous = await _previous(reading, timeline, found[0].by.before)
            written = _spelled(timeline, found[0])
            return written | {"previous": previous, "horizon": horizon}
        if search.over_budget:
            raise await _gave_up(search)
        count = min(count * 2, _MOST_AT_ONCE)
    nothing = dict.fromkeys(("change", "position", "event_id", "event_span", "previous"))
    return nothing | {"horizon": horizon}


def _search(
    reading: Reading,
    timeline: Timeline,
    field: Segments,
    direction: Direction,
    versions: tuple[int, int],
) -> _Search:
    sought = Sought(timeline.agent_id, field, timeline.indexed_from)
    return _Search(Fields(reading.session), sought, direction, *versions)


async def _gave_up(search: _Search) -> OverBudget:
    reached = (await search.fields.written(search.sought.agent_id, search.last)).event_index
    return OverBudget(
        f"no write found back to event {reached} before the work limit: ask again with `before`"
        " at that event",
        {"event_index": reached},
    )


async def _previous(
    reading: Reading, timeline: Timeline, before: delta.Slotted | None
) -> Json | None:
    """The position of the version before a change; one before the horizon has none any more."""
    if before is None or before.version < timeline.first_shown:
        return None
    written = await Fields(reading.session).written(timeline.agent_id, before.version)
    return spelling.written(timeline.agent, written)


def _spelled(timeline: Timeline, found: _Found) -> Json:
    position = spelling.written(timeline.agent, found.by.written)
    return {
        "change": _change(found.change),
        "position": position,
        "event_id": position["event_id"],
        "event_span": position["event_index"] - found.by.event_index_before,
    }


def _change(change: FieldChange) -> Json:
    spelled: Json = {"path": format(change.field), "op": change.op}
    if change.old is not None:
        spelled["old"] = orjson.Fragment(change.old)
    if change.new is not None:
        spelled["new"] = orjson.Fragment(change.new)
    return spelled
