"""How many long walks through timelines go on at a time: each holds a database session."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

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
        if not (isinstance(request, EventsListRequest) and request.where is not None):
            yield
            return
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._room.acquire()
        except TimeoutError as error:
            raise OverBudget(
                f"{AT_A_TIME} searches by a condition go on here already: ask again",
                {"at_a_time": AT_A_TIME},
            ) from error
        try:
            yield
        finally:
            self._room.release()
