"""How many long walks through timelines go on at a time: each holds a database session."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from stratoscope_contracts.breakpoints import BreakpointCreateRequest
from stratoscope_contracts.comparing import (
    CompareDivergenceRequest,
    ComparePatternsRequest,
    CompareRequest,
    CompareTimelineRequest,
)
from stratoscope_contracts.envelopes import Request
from stratoscope_contracts.errors import OverBudget
from stratoscope_contracts.looking import EventsListRequest

AT_A_TIME: Final = 4
PATIENCE_SECONDS: Final = 2.0


class Walks:
    """Room for a few walks, so that other requests find a session."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(AT_A_TIME)

    @asynccontextmanager
    async def room_for(self, request: Request) -> AsyncIterator[None]:
        """Room for a request, at once where it is short. Raises OverBudget after a while."""
        if not _is_long(request):
            yield
            return
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._room.acquire()
        except TimeoutError as error:
            raise OverBudget(
                f"{AT_A_TIME} long searches and comparisons go on here already: ask again",
                {"at_a_time": AT_A_TIME},
            ) from error
        try:
            yield
        finally:
            self._room.release()


def _is_long(request: Request) -> bool:
    """Whether a request takes long with a session held, as one that goes through a timeline."""
    match request:
        case EventsListRequest():
            return request.where is not None
        case BreakpointCreateRequest():
            return request.past is not None
        case CompareTimelineRequest() | ComparePatternsRequest() | CompareDivergenceRequest():
            return True
        case CompareRequest():
            return request.options is not None and request.options.ignore_order
        case _:
            return False
