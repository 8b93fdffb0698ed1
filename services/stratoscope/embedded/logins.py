"""The services' logins in the embedded database, each with the least rights."""

import asyncpg

from stratoscope.embedded.errors import EmbeddedError
from stratoscope.store.database import DATABASE_ERRORS, OPERATIONS, connection
from stratoscope.store.migration import migrate
from stratoscope.store.roles import give_login, restrict_database


async def prepare_logins(owner_dsn: str, passwords: dict[str, str]) -> None:
    """Migrate the database and give each service its login, by its name and password.

    Raises EmbeddedError where the database refuses.
    """
    try:
        await migrate(owner_dsn)
        async with connection(owner_dsn, OPERATIONS, "stratoscope up") as session:
            await _prepare(session, passwords)
    except DATABASE_ERRORS as error:
        raise EmbeddedError(f"the database could not be prepared: {error}") from error


async def _prepare(session: asyncpg.Connection, passwords: dict[str, str]) -> None:
    async with session.transaction():
        await restrict_database(session)
        for service, password in passwords.items():
            await give_login(session, service, password)
