"""What a navigator does again and again beside answering."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from nats.errors import Error as NatsError

from stratoscope.store.database import DATABASE_ERRORS
from stratoscope.telemetry.outage import Outage

PASSING = (*DATABASE_ERRORS, NatsError)
log = structlog.get_logger(__name__)


async def repeat(
    turn: Callable[[], Awaitable[object]],
    every: float,
    otherwise: str,
    *,
    again_after: float | None = None,
) -> None:
    """Do something, rest for `every` seconds, and so on until cancelled.

    After a turn that failed it rests for `again_after`, and the log says `otherwise`, once for an
    outage: what goes wrong once, be it a fault of ours, must not end what nobody would start again.
    """
    if again_after is None:
        again_after = every
    outage = Outage(log, otherwise)
    while True:
        rest = again_after
        try:
            await turn()
            rest = every
            outage.end()
        except PASSING as error:
            outage.fail(error)
        except Exception:
            log.exception(otherwise)
        await asyncio.sleep(rest)
