"""A session's life: made, started, and looked at."""

from dataclasses import replace
from uuid import uuid4

from stratoscope.domain import sessions as rules
from stratoscope.domain.seek import end
from stratoscope.navigator import spelling
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.sessions.holding import found, locked
from stratoscope.navigator.sessions.placing import (
    NOWHERE,
    place_of,
    spelled_position,
    spelled_session,
)
from stratoscope.navigator.spelling import Json
from stratoscope.store.sessions import SessionRow
from stratoscope_contracts.errors import BadRequest
from stratoscope_contracts.sessions import SessionConfig, SessionCreateRequest, SessionRequest


async def create(reading: Reading, request: SessionCreateRequest) -> Json:
    """A session at an agent's latest position, be the agent there or not."""
    _check_texts(request)
    timeline = await reading.timelines.find(reading.space, request.agent)
    stands, position = NOWHERE, spelling.before_everything(request.agent)
    if timeline is not None:
        standing = await reading.states.standing(timeline.agent_id, end(timeline.extent))
        stands, position = place_of(standing), spelling.position(timeline.agent, standing)
    row = SessionRow(
        id=uuid4(),
        agent=request.agent,
        state="created",
        version=1,
        name=request.name,
        description=request.description,
        tags=request.tags,
        config=(request.config or SessionConfig()).model_dump_json(),
        stands=stands,
        created_at=reading.now,
        updated_at=reading.now,
    )
    await reading.sessions.create(reading.space, row)
    return spelled_session(row, position)


async def get(reading: Reading, request: SessionRequest) -> Json:
    """One session."""
    row = await found(reading, request)
    return spelled_session(row, await spelled_position(reading, row))


async def start(reading: Reading, request: SessionRequest) -> Json:
    """Created to active."""
    async with locked(reading, request) as row:
        state = rules.after(row.state, "start")
        await reading.sessions.enter(row.id, state, reading.now)
    changed = replace(row, state=state, version=row.version + 1, updated_at=reading.now)
    return spelled_session(changed, await spelled_position(reading, changed))


async def position(reading: Reading, request: SessionRequest) -> Json:
    """Where the session stands."""
    row = await found(reading, request)
    return {"position": await spelled_position(reading, row), "version": row.version}


def _check_texts(request: SessionCreateRequest) -> None:
    texts = (
        ("name", request.name),
        ("description", request.description),
        *(("tags", tag) for tag in request.tags),
    )
    refused = [(field, "a NUL can't be kept") for field, text in texts if "\0" in (text or "")]
    if refused:
        raise BadRequest.of_fields(*refused)
