"""Where a session stands, and how that is said."""

from datetime import datetime

import orjson

from stratoscope.domain.seek import Stand, UpTo
from stratoscope.domain.stepping import out_of_bounds
from stratoscope.navigator import spelling
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.spelling import Json
from stratoscope.store.sessions import SessionPlace, SessionRow
from stratoscope.store.states import Standing
from stratoscope.store.timelines import Timeline
from stratoscope_contracts.errors import NavigationOutOfBounds
from stratoscope_contracts.words import BEFORE_FIRST

NOWHERE = SessionPlace(BEFORE_FIRST, None, None)


def spelled_session(row: SessionRow, where: Json) -> Json:
    session = {
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
    }
    return {"session": session, "version": row.version}


async def spelled_position(reading: Reading, row: SessionRow) -> Json:
    timeline = await reading.timelines.find(reading.space, row.agent)
    if timeline is None:
        return spelling.before_everything(row.agent)
    try:
        standing = await standing_at(reading, timeline, row.stands)
    except NavigationOutOfBounds:
        # A session that is over holds nothing back: where it stood is all there is to say.
        return spelling.somewhere_gone(row.agent, row.stands)
    return spelling.position(timeline.agent, standing)


async def standing_at(reading: Reading, timeline: Timeline, stands: SessionPlace) -> Standing:
    """What stands around a kept place, whatever was recorded behind it since."""
    stand = Stand(BEFORE_FIRST, -1)
    if stands.place is not None:
        stand = await reading.reach(timeline, UpTo(place=stands.place))
    elif not timeline.extent.keeps(stand):
        raise out_of_bounds(BEFORE_FIRST, timeline.extent)
    return await reading.states.standing(timeline.agent_id, stand)


def place_of(standing: Standing, clock: datetime | None = None) -> SessionPlace:
    last = standing.last
    if last is None:
        return SessionPlace(standing.event_index, None, clock)
    return SessionPlace(standing.event_index, last.place, clock or last.clock)
