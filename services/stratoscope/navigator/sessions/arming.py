"""The breakpoints that a session has from its start, and the end of all that it has."""

from typing import Final, get_args
from uuid import uuid4

from stratoscope.navigator.breakpoints.setting import condition_text
from stratoscope.navigator.breakpoints.telling import SESSION_OVER
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.sessions.holding import config_of
from stratoscope.store.breakpoints import BreakpointRow, Filter, TooManyBreakpoints
from stratoscope.store.sessions import SessionRow
from stratoscope_contracts.breakpoints import OnEventTypeCondition
from stratoscope_contracts.errors import BadRequest
from stratoscope_contracts.sessions import AutoBreakpoint
from stratoscope_contracts.words import MAX_LIMIT

_ALL: Final[tuple[AutoBreakpoint, ...]] = get_args(AutoBreakpoint)


async def auto_breakpoints(reading: Reading, row: SessionRow) -> list[BreakpointRow]:
    """The breakpoints that a session is to have from its start, armed from the stream's end on."""
    wanted = config_of(row).auto_breakpoints
    types = wanted if isinstance(wanted, list) else _ALL if wanted else ()
    if not types:
        return []
    # An imported session has brought its own.
    kept = await reading.breakpoints.page(reading.space, Filter(session_id=row.id), MAX_LIMIT)
    conditions = {condition_text(_on(type_)) for type_ in types} - {
        one.condition for one in kept.rows
    }
    armed_seq = await reading.log_end()
    return [
        BreakpointRow(
            id=uuid4(),
            space=reading.space,
            agent=row.agent,
            condition=condition,
            created_at=reading.now,
            armed_seq=armed_seq,
            session_id=row.id,
            is_auto=True,
            ends_at=row.ends_at,
        )
        for condition in sorted(conditions)
    ]


async def arm(reading: Reading, breakpoints: list[BreakpointRow]) -> None:
    """Keep what a session starts with, in the transaction that starts it."""
    if not breakpoints:
        return
    try:
        await reading.breakpoints.create(breakpoints, most_bytes=reading.quota.breakpoint_bytes)
    except TooManyBreakpoints as error:
        said = f"{error}: start a session that was made with auto_breakpoints false"
        raise BadRequest.of_whole(said) from error


async def disarm(reading: Reading, row: SessionRow) -> None:
    """Disable a session's breakpoints, in the transaction that ends it."""
    await reading.breakpoints.end_session(reading.space, row.id, SESSION_OVER)


def _on(type_: AutoBreakpoint) -> OnEventTypeCondition:
    return OnEventTypeCondition(kind="on_event_type", type=type_)
