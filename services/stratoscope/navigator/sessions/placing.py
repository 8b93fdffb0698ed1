"""Where sessions stand, and how that is said.

A kept place names a record and nothing of a projection, so it is looked for anew each time: it is
right whatever was recorded behind it since, and in a projection that was filled again.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import orjson

from stratoscope.domain.seek import Stand, Target, UpTo, asked_for, outside
from stratoscope.navigator import spelling
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.spelling import Json
from stratoscope.store.reaching import reach
from stratoscope.store.seeks import Seeks
from stratoscope.store.sessions import SessionPlace, SessionRow
from stratoscope.store.states import Standing
from stratoscope.store.timelines import Timeline
from stratoscope_contracts.words import BEFORE_FIRST

NOWHERE: Final = SessionPlace(BEFORE_FIRST, None, None)
_BEFORE_ALL: Final = Stand(BEFORE_FIRST, -1)
# An agent, its timeline where there is one, and a place that is kept.
Line = tuple[str, Timeline | None, SessionPlace]


async def arrive(reading: Reading, timeline: Timeline, target: Target) -> Standing:
    """What stands around a target. Raises what is said where it is not there, or dropped."""
    if not isinstance(target, Stand | UpTo):
        target = await reading.reach(timeline, target)
    stand, standing = await reach(reading.session, timeline, target)
    if isinstance(target, UpTo) and not timeline.extent.keeps(stand):
        raise outside(*asked_for(target), timeline.extent)
    return standing


def target_of(stands: SessionPlace) -> Stand | UpTo:
    """A kept place as what to look for."""
    return _BEFORE_ALL if stands.place is None else UpTo(place=stands.place)


def place_of(standing: Standing, clock: datetime | None = None) -> SessionPlace:
    """What is kept of where somebody stands, with a clock of its own where that is given."""
    last = standing.last
    if last is None:
        return SessionPlace(standing.event_index, None, clock)
    return SessionPlace(standing.event_index, last.place, clock or last.clock)


async def spelled_position(reading: Reading, row: SessionRow) -> Json:
    """Position of a session.

    One that is over holds nothing back: of a place that is gone, where it was is all there is.
    """
    timeline, stands = row.timeline, row.stands
    if timeline is None:
        return spelling.before_everything(row.agent)
    stand, standing = await reach(reading.session, timeline, target_of(stands))
    if timeline.extent.keeps(stand):
        return spelling.position(row.agent, standing)
    return spelling.somewhere_gone(row.agent, stands)


async def spelled_lines(reading: Reading, lines: Sequence[Line]) -> list[Json]:
    """Positions of kept places in the timelines of many agents."""
    found = [
        spelling.before_everything(agent)
        if timeline is None
        else spelling.somewhere_gone(agent, stands)
        for agent, timeline, stands in lines
    ]
    kept = await _kept(reading, lines)
    standings = await reading.states.standings_of([(agent_id, at) for _, agent_id, at in kept])
    for (number, _, _), standing in zip(kept, standings, strict=True):
        found[number] = spelling.position(lines[number][0], standing)
    return found


async def _kept(reading: Reading, lines: Sequence[Line]) -> list[tuple[int, int, Stand]]:
    """Which lines are kept, with their agents and stands."""
    there = [
        (number, timeline, stands.place)
        for number, (_, timeline, stands) in enumerate(lines)
        if timeline is not None
    ]
    placed = [(timeline, place) for _, timeline, place in there if place is not None]
    searched = iter(await Seeks(reading.session).stands_at(placed))
    at = [_BEFORE_ALL if place is None else next(searched) for _, _, place in there]
    return [
        (number, timeline.agent_id, stand)
        for (number, timeline, _), stand in zip(there, at, strict=True)
        if timeline.extent.keeps(stand)
    ]


def spelled_session(row: SessionRow, where: Json) -> Json:
    """Session."""
    return {
        "id": str(row.id),
        "agent": row.agent,
        "state": row.state,
        "version": row.version,
        "name": row.name,
        "description": row.description,
        "tags": list(row.tags),
        "config": orjson.Fragment(row.config),
        "position": where,
        "created_at": spelling.time(row.created_at),
        "updated_at": spelling.time(row.updated_at),
        "started_at": spelling.time(row.started_at),
        "ended_at": spelling.time(row.ended_at),
        "reason": row.reason,
    }


def session_reply(row: SessionRow, where: Json) -> Json:
    """SessionReply."""
    return {"session": spelled_session(row, where), "version": row.version}
