"""Logins of the services' database roles, as a deployment makes them."""

from urllib.parse import urlsplit

import asyncpg

from stratoscope.store.database import DatabaseUnreachable
from stratoscope.store.migration import migrate
from stratoscope.store.roles import NAVIGATOR, PROJECTOR

_PASSWORD = "of-a-test"
ROLES = {"projector": PROJECTOR, "navigator": NAVIGATOR}


async def dsn_as(service: str, owner_dsn: str) -> str:
    """The DSN of a service's login, on a database that its owner has migrated.

    The owner's DSN where the database is away: what the service says of that is being tested.
    """
    login = f"test_{service}"
    try:
        await migrate(owner_dsn)
    except DatabaseUnreachable:
        return owner_dsn
    session = await asyncpg.connect(owner_dsn)
    try:
        await session.execute(
            f"create role {login} login password '{_PASSWORD}' in role {ROLES[service]}"
        )
    except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
        pass  # Logins belong to the whole server, which other tests use too.
    finally:
        await session.close()
    parts = urlsplit(owner_dsn)
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{login}:{_PASSWORD}@{place}").geturl()
