"""What exporting and importing stand on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from stratoscope.broker.connection import Connection
from stratoscope.broker.objects import BucketLimits
from stratoscope.navigator.dispatch import Dispatch
from stratoscope.navigator.exchange.formats.entries import Bounds
from stratoscope.navigator.exchange.import_folder import ImportFolder
from stratoscope.navigator.exchange.reading import Readers
from stratoscope.navigator.reading import Reading

# Each takes a processor. One space has two at most, and leaves one to the others.
AT_A_TIME: Final = 3


@dataclass(frozen=True, slots=True)
class Desk:
    """The navigator's parts, the limits of new export buckets, and the bounds of imports."""

    connection: Connection
    dispatch: Dispatch
    readers: Readers
    exports: BucketLimits
    folder: ImportFolder
    bounds: Bounds = field(default=Bounds())

    @asynccontextmanager
    async def reading(self, space: str) -> AsyncIterator[Reading]:
        """A session to read with, for as long as that takes."""
        dispatch = self.dispatch
        async with dispatch.shares.sessions.take(space), dispatch.pool.acquire() as session:
            yield Reading(
                space,
                session,
                dispatch.now(),
                dispatch.expressions,
                dispatch.log_end,
                dispatch.tell,
            )
