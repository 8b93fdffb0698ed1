"""The verbs that look at breakpoints, switch them on and off, and forget them."""

from stratoscope.navigator import cursors
from stratoscope.navigator.breakpoints.belonging import kept_open
from stratoscope.navigator.breakpoints.telling import found, spelled_breakpoint, watched_by_all
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.spelling import Json
from stratoscope.store.breakpoints import Filter
from stratoscope_contracts.breakpoints import BreakpointListRequest, BreakpointRequest
from stratoscope_contracts.errors import BadRequest, BreakpointNotFound


async def get(reading: Reading, request: BreakpointRequest) -> Json:
    """One breakpoint."""
    return {"breakpoint": spelled_breakpoint(await found(reading, request.id), reading)}


async def list_page(reading: Reading, request: BreakpointListRequest) -> Json:
    """The breakpoints of the space, newest first."""
    wanted = Filter(request.agent, request.session, cursors.number_in(request))
    page = await reading.breakpoints.page(reading.space, wanted, request.limit)
    return {
        "breakpoints": [spelled_breakpoint(row, reading) for row in page.rows],
        "cursor": cursors.spell(request, page.rows[-1].number) if page.has_more else None,
    }


async def enable(reading: Reading, request: BreakpointRequest) -> Json:
    """Arms it again, from the stream's end on."""
    row = await found(reading, request.id)
    refused = BadRequest.of_whole("the session that it belongs to has ended")
    # Asks the broker, so before the session is locked.
    armed_seq = await reading.log_end()
    async with kept_open(reading, row.session_id, reading.now, refused):
        revision = await reading.breakpoints.enable(reading.space, request.id, armed_seq)
    await watched_by_all(reading, row.agent, revision)
    return await get(reading, request)


async def disable(reading: Reading, request: BreakpointRequest) -> Json:
    """Keeps it without watching."""
    row = await found(reading, request.id)
    revision = await reading.breakpoints.disable(reading.space, request.id)
    await watched_by_all(reading, row.agent, revision)
    return await get(reading, request)


async def remove(reading: Reading, request: BreakpointRequest) -> Json:
    """Forgets it."""
    if not await reading.breakpoints.remove(reading.space, request.id, reading.now):
        raise BreakpointNotFound("there is no breakpoint with this id")
    return {"removed": str(request.id)}
