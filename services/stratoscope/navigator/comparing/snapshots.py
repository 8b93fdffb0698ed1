"""The verbs that compare each snapshot of a stretch with the next."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from stratoscope.navigator import cursors, spelling
from stratoscope.navigator.comparing.asked import Asked
from stratoscope.navigator.comparing.comparisons import Budget
from stratoscope.navigator.comparing.series import frames_told
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.spelling import Json
from stratoscope.store.fields import Fields, VersionRow
from stratoscope.store.states import SnapshotRow
from stratoscope.store.timelines import Timeline
from stratoscope_contracts.comparing import ComparePatternsRequest, CompareTimelineRequest
from stratoscope_contracts.errors import OverBudget

# Rebuilt at once: about a second's work where states are large.
_BYTES_AT_ONCE: Final = 64 << 20
_SNAPSHOTS_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Row:
    """Snapshots of a timeline, one behind the other, and whether there are more."""

    snapshots: Sequence[SnapshotRow]
    versions: Sequence[VersionRow]
    more: bool

    @property
    def numbers(self) -> list[int]:
        return [one.version for one in self.snapshots]


async def timeline(reading: Reading, request: CompareTimelineRequest) -> Json:
    """Each snapshot with the next, page by page; a page is short where states are large."""
    budget, asked = Budget(), Asked.of(request.options)
    key = cursors.number_in(request)
    found = await reading.timeline(request.agent)
    start, end = await reading.stretch(found, request.from_, request.to)
    after = start.version if key is None else min(max(start.version, key), end.version)
    row = await _row(reading, found, after, end.version, request.limit + 1)
    lines = await _made(reading, found, row, "summaries", asked, budget)
    standings = await reading.states.standings(found.agent_id, [one.stand for one in row.snapshots])
    places = [spelling.position(found.agent, standing) for standing in standings]
    return {
        "comparisons": [
            {"from": old, "to": new, "summary": orjson.Fragment(line)}
            for old, new, line in zip(places, places[1:], lines.splitlines(), strict=False)
        ],
        # The last one of a page is the first of the next.
        "cursor": cursors.spell(request, row.numbers[-1] - 1) if row.more else None,
        "horizon": spelling.horizon(found),
    }


async def patterns(reading: Reading, request: ComparePatternsRequest) -> Json:
    """What changes often, and when something unusual did. Raises OverBudget."""
    budget, asked = Budget(), Asked.of(request.options)
    found = await reading.timeline(request.agent)
    start, end = await reading.stretch(found, request.from_, request.to)
    lines: list[bytes] = []
    snapshots: list[SnapshotRow] = []
    async for row in _rows(reading, found, start.version, end.version):
        snapshots += row.snapshots[bool(snapshots) :]
        try:
            lines.append(await _made(reading, found, row, "figures", asked, budget))
        except OverBudget as error:
            raise _gave_up(snapshots, row) from error
    return await _found(reading, found, snapshots, lines, budget)


async def _found(
    reading: Reading,
    timeline: Timeline,
    snapshots: Sequence[SnapshotRow],
    lines: Sequence[bytes],
    budget: Budget,
) -> Json:
    ends = await reading.states.standings(
        timeline.agent_id, [one.stand for one in (*snapshots[:1], *snapshots[-1:])]
    )
    clocks = [one.state.clock for one in ends if one.state]
    seconds = (clocks[-1] - clocks[0]).total_seconds() if clocks else 0.0
    made = await reading.comparisons.make(
        "patterns", {"seconds": seconds}, lines, budget, work=8 * sum(map(len, lines))
    )
    reply: Json = orjson.loads(made)
    told = [one.pop("index") for one in reply["anomalies"]]
    around = [snapshots[at] for index in told for at in (index, index + 1)]
    standings = await reading.states.standings(timeline.agent_id, [one.stand for one in around])
    places = [spelling.position(timeline.agent, standing) for standing in standings]
    for number, one in enumerate(reply["anomalies"]):
        one["from"], one["position"] = places[2 * number], places[2 * number + 1]
    return reply | {"horizon": spelling.horizon(timeline)}


async def _rows(reading: Reading, timeline: Timeline, after: int, last: int) -> AsyncIterator[_Row]:
    """All snapshots of a stretch, some at a time; each row begins where the one before ended."""
    while True:
        row = await _row(reading, timeline, after, last, _SNAPSHOTS_AT_ONCE)
        yield row
        if not row.more:
            return
        after = row.numbers[-1] - 1


async def _row(reading: Reading, timeline: Timeline, after: int, last: int, limit: int) -> _Row:
    """At most so many snapshots, fewer where they are large, but two at least."""
    found = await reading.states.snapshots(timeline.agent_id, after, last, limit + 1)
    versions = await Fields(reading.session).versions(
        timeline.agent_id, (one.version for one in found)
    )
    rows = [versions[one.version] for one in found]
    size, count = 0, 0
    for row in rows[:limit]:
        size += row.size
        if count >= 2 and size > _BYTES_AT_ONCE:
            break
        count += 1
    return _Row(found[:count], rows[:count], len(found) > count)


async def _made(
    reading: Reading, timeline: Timeline, row: _Row, job: str, asked: Asked, budget: Budget
) -> bytes:
    if len(row.snapshots) < 2:
        return b""
    frames = await Fields(reading.session).frames(
        timeline.agent_id, [one.at for one in row.versions]
    )
    told, blobs = frames_told(frames)
    work = asked.cost * sum(each.size for each in frames.values())
    return await reading.comparisons.make(
        job,
        {"options": asked.told, "frames": told, "versions": row.numbers},
        blobs,
        budget,
        work=work,
    )


def _gave_up(snapshots: Sequence[SnapshotRow], row: _Row) -> OverBudget:
    reached = row.snapshots[0].event_index
    return OverBudget(
        f"the patterns of {len(snapshots):,} snapshots are too much at once: they were compared up"
        f" to event {reached}, so ask for a stretch with `from` and `to`",
        {"event_index": reached},
    )
