"""Setting a breakpoint: what is asked for is checked, then kept and armed."""

from datetime import timedelta
from time import monotonic
from typing import Final
from uuid import uuid4

from pydantic import TypeAdapter

from stratoscope.domain.watching.templates import TemplateRefused, read
from stratoscope.navigator.breakpoints.belonging import end_of, kept_open, over_for_setting
from stratoscope.navigator.breakpoints.past import past_hits, past_projected
from stratoscope.navigator.breakpoints.telling import found, spelled_breakpoint, watched_by_all
from stratoscope.navigator.conditions import watched
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.running.groups import Sought
from stratoscope.navigator.spelling import Json
from stratoscope.store.breakpoints import BreakpointRow, TooManyBreakpoints
from stratoscope_contracts.breakpoints import BreakpointCreateRequest, Condition, HitRule
from stratoscope_contracts.errors import BadRequest
from stratoscope_contracts.words import JsonObject

_CONDITION: Final = TypeAdapter[Condition](Condition)
_METADATA: Final = TypeAdapter[JsonObject](JsonObject)
_HIT: Final = TypeAdapter[HitRule](HitRule)


async def create(reading: Reading, request: BreakpointCreateRequest) -> Json:
    """Arms a condition from the stream's end on."""
    began = monotonic()
    check_texts(request)
    watch = await watched(reading.expressions, request.condition)
    row = await _row(reading, request)
    hits = None
    if request.past is not None:
        # First, so that nothing is set where it takes too long. What is recorded meanwhile it is
        # armed for: that is caught up.
        await past_projected(reading, row, watch)
        sought = Sought(watch, request.trigger, request.hit)
        hits = await past_hits(reading, row, sought, request.past)
    # Going through the past takes seconds, in which the session may have ended.
    now = reading.now + timedelta(seconds=monotonic() - began)
    async with kept_open(reading, row.session_id, now, over_for_setting()):
        revision = await _kept(reading, row)
    await watched_by_all(reading, row.agent, revision)
    kept = await found(reading, row.id)
    return {"breakpoint": spelled_breakpoint(kept, reading), "past_hits": hits}


async def _kept(reading: Reading, row: BreakpointRow) -> int:
    try:
        return await reading.breakpoints.create(
            [row], reading.quota.breakpoints, reading.quota.breakpoint_bytes
        )
    except TooManyBreakpoints as error:
        raise BadRequest.of_fields(("agent", str(error))) from error


async def _row(reading: Reading, request: BreakpointCreateRequest) -> BreakpointRow:
    return BreakpointRow(
        id=uuid4(),
        space=reading.space,
        agent=request.agent,
        condition=condition_text(request.condition),
        created_at=reading.now,
        armed_seq=await reading.log_end(),
        session_id=request.session,
        trigger=request.trigger,
        action=request.action,
        hit=None if request.hit is None else _HIT.dump_json(request.hit).decode(),
        message=request.message,
        metadata=_METADATA.dump_json(request.metadata).decode(),
        ends_at=await end_of(reading, request.session),
    )


def condition_text(condition: Condition) -> str:
    """A condition as it is stored."""
    return _CONDITION.dump_json(condition).decode()


def check_texts(request: BreakpointCreateRequest) -> None:
    """Raises BadRequest for what can't be kept, or said where it is hit."""
    if "\0" in (request.message or ""):
        raise BadRequest.of_fields(("message", "a NUL can't be kept"))
    if request.action == "log" and request.message is None:
        raise BadRequest.of_fields(("message", "log needs one"))
    try:
        read(request.message or "")
    except TemplateRefused as refused:
        raise BadRequest.of_fields(("message", str(refused))) from refused
