"""What a breakpoint would have hit so far: by the run that sessions use, told as live hits are."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Final

import orjson

from stratoscope.domain.canonical import decoded
from stratoscope.domain.conditions.marks import Mark, Stretch, whole
from stratoscope.domain.conditions.watch import Watch
from stratoscope.domain.seek import Stand, UpTo
from stratoscope.domain.timeline import Place
from stratoscope.domain.watching.armed import hit_id
from stratoscope.domain.watching.templates import Template, read, rendered
from stratoscope.navigator import spelling
from stratoscope.navigator.document_budget import claim, cost_of_events
from stratoscope.navigator.live.hitting import spelled_hit
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.running.groups import Found, Sought
from stratoscope.navigator.running.seeking import Run
from stratoscope.navigator.running.walking import CutShort
from stratoscope.navigator.spelling import Json
from stratoscope.store.breakpoints import BreakpointRow
from stratoscope.store.seeks import Seeks
from stratoscope.store.timelines import EventRow, Timeline
from stratoscope_contracts.errors import NavigationOutOfBounds, NotProjectedYet, OverBudget
from stratoscope_contracts.words import ANY_AGENT, DEFAULT_WAIT_MS

BUDGET_SECONDS: Final = 3.0
_REPLY_BYTES: Final = 64 << 20
_LAST_ORDINAL: Final = 2**31 - 1
_AGENTS: Final = 1000
# A projector resolves ten times a second.
_LOOK_AGAIN: Final = 0.05


@dataclass(frozen=True, slots=True)
class _PastHit:
    """A hit of the past, and where it stands."""

    place: Place
    body: bytes


async def past_projected(reading: Reading, row: BreakpointRow, watch: Watch) -> None:
    """Return once all that a condition looks at can be read up to where it is armed.

    A depth counts causes of any agent, and is open until all have been projected and somebody has
    resolved it: an event without one would be neither in the past nor seen live. Raises
    NotProjectedYet.
    """
    if "depth" not in watch.needs:
        await reading.projected(row.agent, row.armed_seq)
        return
    deadline = monotonic() + DEFAULT_WAIT_MS / 1000
    await reading.projected(ANY_AGENT, row.armed_seq)
    agent = None if row.agent == ANY_AGENT else row.agent
    scope = (reading.space, agent, row.armed_seq)
    while (open_seq := await reading.timelines.first_open_depth(*scope)) is not None:
        if monotonic() >= deadline:
            raise NotProjectedYet(
                f"depths are known up to {open_seq - 1}, {row.armed_seq} was waited for",
                {"reached": open_seq - 1, "wanted": row.armed_seq},
            )
        # Resolved by another process: there is no event to await.
        await asyncio.sleep(_LOOK_AGAIN)


async def past_hits(
    reading: Reading, row: BreakpointRow, sought: Sought, count: int
) -> list[orjson.Fragment]:
    """The last hits up to the message from which it is armed, newest first. Raises OverBudget."""
    deadline = monotonic() + BUDGET_SECONDS
    found: list[_PastHit] = []
    async for timeline in _timelines(reading, row):
        found += await _of_agent(reading, row, sought, timeline, count, deadline - monotonic())
        found.sort(key=lambda one: one.place, reverse=True)
        del found[count:]
    return [orjson.Fragment(one.body) for one in found]


async def _timelines(reading: Reading, row: BreakpointRow) -> AsyncIterator[Timeline]:
    if row.agent != ANY_AGENT:
        timeline = await reading.timelines.find(reading.space, row.agent)
        if timeline is not None:
            yield timeline
        return
    after: str | None = None
    while page := await reading.timelines.page(reading.space, None, after, _AGENTS):
        for timeline in page:
            yield timeline
        after = page[-1].agent


async def _of_agent(
    reading: Reading,
    row: BreakpointRow,
    sought: Sought,
    timeline: Timeline,
    count: int,
    seconds: float,
) -> list[_PastHit]:
    stretch = await _up_to(reading, timeline, row.armed_seq)
    if stretch is None:
        return []
    if seconds <= 0:
        raise _over_budget(timeline, None)

    @asynccontextmanager
    async def readings() -> AsyncIterator[Reading]:
        yield reading

    run = Run(readings, reading.expressions, timeline.agent, "backward", seconds)
    try:
        hits = await run.last_hits(sought, stretch, count)
    except CutShort as short:
        reached = None if short.reached is None else short.reached.event_index
        raise _over_budget(timeline, reached) from short
    return await _told(reading, row, timeline, hits)


def _over_budget(timeline: Timeline, reached: int | None) -> OverBudget:
    return OverBudget(
        f"the past could not be gone through within {BUDGET_SECONDS:g} s, it ended at"
        f" {timeline.agent}: ask for fewer hits, or set it without a past",
        {"agent": timeline.agent, "event_index": reached},
    )


async def _up_to(reading: Reading, timeline: Timeline, stream_seq: int) -> Stretch | None:
    """All that is kept up to and with a message; None where that is nothing."""
    bound = UpTo(place=Place(stream_seq, _LAST_ORDINAL))
    try:
        stand = await reading.reach(timeline, bound)
    except NavigationOutOfBounds:
        return None
    return whole(timeline.extent)._replace(
        before=Mark(stand.event_index + 1), last_version=stand.version
    )


async def _told(
    reading: Reading, row: BreakpointRow, timeline: Timeline, hits: Sequence[Found]
) -> list[_PastHit]:
    """Hits as they would have been published."""
    if not hits:
        return []
    events, stands = await _stands(reading, timeline, [one.mark for one in hits])
    standings = await reading.states.standings(timeline.agent_id, stands)
    template = None if row.message is None else read(row.message)
    told = []
    for hit, standing in zip(hits, standings, strict=True):
        assert standing.last is not None
        event = spelling.event(events[hit.mark.event_index]) if hit.mark.is_event else None
        message = None
        if template is not None:
            state = await reading.state(timeline.agent_id, standing, is_parsed=True)
            message = _message(template, event, state)
        body = spelled_hit(
            row,
            hit_id(row.id, standing.last.place),
            timeline.agent,
            spelling.position(timeline.agent, standing),
            event,
            hit.reasons[0],
            message,
        )
        told.append(_PastHit(standing.last.place, body))
    return told


async def _stands(
    reading: Reading, timeline: Timeline, marks: Sequence[Mark]
) -> tuple[dict[int, EventRow], list[Stand]]:
    """The events among these records, and the place right after each."""
    indexes = [mark.event_index for mark in marks if mark.is_event]
    asked = [(timeline.agent_id, index) for index in indexes]
    size = await reading.timelines.size_of(asked)
    if size > _REPLY_BYTES:
        raise OverBudget(
            f"the events of {len(marks)} past hits hold more than {_REPLY_BYTES >> 20} MiB: ask for"
            " fewer hits",
            {"hits": len(marks), "size": size},
        )
    await claim(cost_of_events(size))
    rows = await reading.timelines.events(asked)
    places = [Place(one.stream_seq, one.ordinal) for one in rows]
    versions = await Seeks(reading.session).versions_at(timeline, places)
    events = {row.event_index: row for row in rows}
    version_of = {row.event_index: found for row, found in zip(rows, versions, strict=True)}
    return events, [
        Stand(mark.event_index, version_of[mark.event_index] if mark.is_event else mark.version)
        for mark in marks
    ]


def _message(template: Template, event: Json | None, state: bytes) -> str:
    document = None if event is None else orjson.loads(orjson.dumps(event))
    return rendered(template, document, decoded(state))
