"""The database roles of the services: group roles, whose members are the services' logins.

Roles belong to the whole cluster, rights to a database. The owner of the schemas grants them.
"""

from contextlib import suppress
from typing import Final

import asyncpg

from stratoscope.store.sql import queries

_SQL = queries("roles")
PROJECTOR: Final = "stratoscope_projector"
NAVIGATOR: Final = "stratoscope_navigator"


async def may_migrate(session: asyncpg.Connection) -> bool:
    """Whether a session has the rights of the schemas' owner, or may create the schemas."""
    allowed: bool = await session.fetchval(_SQL["may_migrate"])
    return allowed


async def create_roles(session: asyncpg.Connection) -> None:
    """Create the roles, where they are missing and the session may create roles."""
    for (statement,) in await session.fetch(_SQL["missing_roles"]):
        # Roles belong to the whole cluster: another database's migration may create one meanwhile.
        with suppress(asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
            async with session.transaction():
                await session.execute(statement)


async def grant_operations(session: asyncpg.Connection, schema: str) -> None:
    """Grant what the roles lack in the operations schema; nothing where a role is missing."""
    rows = await session.fetch(_SQL["missing_on_schema"], schema)
    rows += await session.fetch(_SQL["missing_on_functions"])
    rows += await session.fetch(_SQL["missing_in_operations"])
    await _execute(session, rows)


async def grant_projection(session: asyncpg.Connection, schema: str) -> None:
    """Grant what the roles lack in a projection; nothing where a role is missing."""
    rows = await session.fetch(_SQL["missing_on_schema"], schema)
    rows += await session.fetch(_SQL["missing_in_projection"], schema)
    await _execute(session, rows)


async def restrict_database(session: asyncpg.Connection) -> None:
    """Let only the services' roles connect, and forbid temporary tables and large objects.

    The session is a superuser's. Its database serves nothing else.
    """
    await _execute(session, await session.fetch(_SQL["restriction"]))


async def give_login(session: asyncpg.Connection, service: str, password: str) -> None:
    """Make a login of a service's name and password, a member of the service's role."""
    await _execute(session, await session.fetch(_SQL["login"], service, password))


async def _execute(session: asyncpg.Connection, rows: list[asyncpg.Record]) -> None:
    for (statement,) in rows:
        await session.execute(statement)
