"""What becomes of an imported session once its records are projected: it is kept, all at once."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

import orjson
from pydantic import TypeAdapter, ValidationError

from stratoscope.domain import sessions as rules
from stratoscope.domain.canonical import canonical
from stratoscope.domain.exchange.checking import Survey, place_of
from stratoscope.domain.exchange.damage import Damaged
from stratoscope.domain.exchange.landing import Landing
from stratoscope.domain.trail import Trail
from stratoscope.navigator.breakpoints.setting import check_texts, condition_text
from stratoscope.navigator.conditions import watched
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.sessions.living import new_session_id
from stratoscope.navigator.sessions.marking import MAX_MARKS
from stratoscope.navigator.sessions.quota import check_session_bytes, check_session_count
from stratoscope.store.breakpoints import BreakpointRow, TooManyBreakpoints
from stratoscope.store.keepsakes import Keepsakes, MarkRow
from stratoscope.store.quotas import bytes_of_breakpoint
from stratoscope.store.sessions import SessionPlace, SessionRow
from stratoscope_contracts.breakpoints import Breakpoint, BreakpointCreateRequest, HitRule
from stratoscope_contracts.errors import BadRequest, StratoError
from stratoscope_contracts.exchange import ExportPlace
from stratoscope_contracts.words import MAX_TAGS

_HIT: Final = TypeAdapter[HitRule](HitRule)


async def check_kept(reading: Reading, survey: Survey) -> None:
    """Whether what is kept with a session can be kept here. Raises Damaged, OverBudget."""
    await check_session_count(reading)
    for what, found, limit in (
        ("tags", survey.session.tags, MAX_TAGS),
        ("marks", survey.marks, MAX_MARKS),
    ):
        if len(found) > limit:
            raise Damaged(f"more than {limit} of them", what)
    for number, one in enumerate(survey.breakpoints):
        # There may be thousands of them, and other requests wait for this loop.
        await asyncio.sleep(0)
        try:
            check_texts(_as_asked(one))
            await watched(reading.expressions, one.condition)
        except StratoError as refused:
            raise Damaged(refused.message, f"breakpoints[{number}]") from refused
        except ValidationError as error:
            reason = BadRequest.from_validation(error).message
            raise Damaged(reason, f"breakpoints[{number}]") from error
    await _check_breakpoint_bytes(reading, survey)


async def _check_breakpoint_bytes(reading: Reading, survey: Survey) -> None:
    size = await asyncio.to_thread(_bytes_of_breakpoints, survey.breakpoints)
    try:
        await reading.breakpoints.check_bytes(
            reading.space, size, reading.now, reading.quota.breakpoint_bytes
        )
    except TooManyBreakpoints as error:
        raise Damaged(str(error), "breakpoints") from error


def _bytes_of_breakpoints(found: Iterable[Breakpoint]) -> int:
    return sum(
        bytes_of_breakpoint(
            condition_text(one.condition), orjson.dumps(one.metadata).decode(), one.message
        )
        for one in found
    )


def _as_asked(one: Breakpoint) -> BreakpointCreateRequest:
    """A breakpoint as somebody would set it."""
    return BreakpointCreateRequest(
        agent=one.agent,
        condition=one.condition,
        trigger=one.trigger,
        action=one.action,
        hit=one.hit,
        message=one.message,
        metadata=one.metadata,
    )


@dataclass(frozen=True, slots=True)
class Settling:
    """A session and what belongs to it, about to be kept for a new agent."""

    reading: Reading
    survey: Survey
    landing: Landing
    agent: str

    async def settle(self) -> UUID:
        """Keep all of it, within the caller's transaction; the new session's id."""
        row = self._row()
        capacity = self.survey.session.config.max_navigation_history
        places = [self._place(one) for one in self.survey.history] or [row.stands]
        await self.reading.sessions.create(
            self.reading.space, row, row.trail.slots(capacity), places
        )
        keepsakes = Keepsakes(self.reading.session)
        more = 0
        for mark in self.survey.marks:
            kept = MarkRow(mark.name, mark.note, self._place(mark.position), mark.created_at)
            more += await keepsakes.put_mark(row.id, kept)
        for value in self.survey.data:
            more += await keepsakes.put_value(row.id, value.key, canonical(value.value).decode())
        await check_session_bytes(self.reading, more)
        armed_seq = await self.reading.log_end()
        rows = []
        for one in self.survey.breakpoints:
            rows.append(self._breakpoint(one, row, armed_seq))
            await asyncio.sleep(0)
        await self.reading.breakpoints.create(rows)
        return row.id

    def _row(self) -> SessionRow:
        session, now = self.survey.session, self.reading.now
        newest = max(len(self.survey.history) - 1, 0)
        return SessionRow(
            id=new_session_id(now),
            agent=self.agent,
            state="created",
            version=1,
            name=session.name,
            description=session.description,
            tags=session.tags,
            config=session.config.model_dump_json(),
            stands=self._place(session.position),
            created_at=now,
            updated_at=now,
            ends_at=rules.ends_at(now, session.config.max_session_duration),
            trail=Trail(0, min(max(session.current, 0), newest), newest),
        )

    def _place(self, place: ExportPlace) -> SessionPlace:
        landed = self.landing.of(place_of(place))
        return SessionPlace(landed.event_index, landed.place, place.clock)

    def _breakpoint(self, one: Breakpoint, row: SessionRow, armed_seq: int) -> BreakpointRow:
        """A breakpoint on the new agent only, be it that it was on all; no hit is counted yet."""
        is_own = one.session is not None
        return BreakpointRow(
            id=uuid4(),
            space=self.reading.space,
            agent=self.agent,
            condition=condition_text(one.condition),
            created_at=self.reading.now,
            armed_seq=armed_seq,
            session_id=row.id if is_own else None,
            trigger=one.trigger,
            action=one.action,
            hit=None if one.hit is None else _HIT.dump_json(one.hit).decode(),
            message=one.message,
            metadata=orjson.dumps(one.metadata).decode(),
            is_enabled=one.is_enabled,
            ends_at=row.ends_at if is_own else None,
        )
