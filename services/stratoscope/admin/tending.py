"""Erasing and the audit, wired for who runs them from outside of any loop."""

import asyncio
from collections.abc import Callable

import uvloop

from stratoscope.admin.erase import Erased, Eraser, Survey
from stratoscope.admin.progress import Teller
from stratoscope.admin.rebuild import locked
from stratoscope.broker.connection import connect
from stratoscope.broker.login import Login
from stratoscope.store.audit import Audit, Filter, Kept
from stratoscope.store.database import OPERATIONS, connection
from stratoscope.store.migration import migrate

_ERASE = "stratoscope erase"
_AUDIT = "stratoscope audit"


class NothingThere(Exception):
    """There is nothing of an agent anywhere."""


def run_erase(
    nats_url: str,
    postgres_dsn: str,
    named: tuple[str, str],
    agreed: Callable[[Survey], bool],
    teller: Teller,
    login: Login | None = None,
) -> Erased | None:
    """Erase an agent, named by space and name; None where `agreed` says no. Raises NothingThere."""

    async def run() -> Erased | None:
        broker = await connect(nats_url, name=_ERASE, login=login)
        try:
            await migrate(postgres_dsn)
            async with connection(postgres_dsn, OPERATIONS, _ERASE) as session:
                # A rebuild that is on would fill a projection that this erasure has not seen.
                await locked(session)
                eraser = Eraser(broker, session, *named)
                survey = await eraser.survey()
                if not survey.is_anything:
                    await eraser.sweep_left()
                    raise NothingThere(f"there is nothing of {named[1]} in the space {named[0]}")
                # Somebody is asked, and may think about it for as long as he likes.
                if not await asyncio.to_thread(agreed, survey):
                    return None
                return await eraser.erase(survey, teller)
        finally:
            await broker.close()

    return uvloop.run(run())


def run_audit(postgres_dsn: str, wanted: Filter, limit: int) -> list[Kept]:
    """The entries that are wanted, newest first."""

    async def run() -> list[Kept]:
        async with connection(postgres_dsn, OPERATIONS, _AUDIT) as session:
            return await Audit(session).page(wanted, limit)

    return uvloop.run(run())
