"""Bringing a database to the schema that this version needs; safe to run from anywhere, often.

One transaction under one advisory lock: of several processes that start together one migrates,
the others wait and find it done. Only the owner migrates: a session without the owner's rights
checks that every migration is applied.
"""

from dataclasses import dataclass

import asyncpg

from stratoscope.domain.rules import RULE_VERSION
from stratoscope.store.database import OPERATIONS, DatabaseUnreachable, connection
from stratoscope.store.roles import (
    NAVIGATOR,
    PROJECTOR,
    create_roles,
    grant_operations,
    grant_projection,
    may_migrate,
)
from stratoscope.store.sql import migrations, queries
from stratoscope_contracts.words import PARTITIONS

_SQL = queries("projections")
FIRST_PROJECTION = "strato_p1"
_LOCK = 0x57_52_41_54  # any number will do, as long as it is always this one
_ADVICE = "run `stratoscope migrate` with the owner's DSN"


@dataclass(frozen=True, slots=True)
class Migrated:
    """What there is now, and what was done for it."""

    serving: str
    applied: tuple[str, ...]


class NotMigrated(DatabaseUnreachable):
    """The database is not ready for a service whose role may not migrate it."""


async def migrate(dsn: str) -> Migrated:
    """Apply what is missing, grant the services' roles their rights, give the serving schema.

    A session without the owner's rights changes nothing. Raises NotMigrated where it would have to.
    """
    async with connection(dsn, OPERATIONS, "stratoscope migrate") as session, session.transaction():
        if not await may_migrate(session):
            return Migrated(await _check(session), ())
        await session.execute("select pg_advisory_xact_lock($1)", _LOCK)
        await create_roles(session)
        applied = await _apply(session, OPERATIONS, "operations")
        await grant_operations(session, OPERATIONS)
        serving = await session.fetchval(_SQL["serving"])
        if serving is None:
            serving = FIRST_PROJECTION
            await session.execute(_SQL["add"], serving, True, RULE_VERSION)
        applied += await apply_projection(session, serving)
    return Migrated(serving, tuple(applied))


async def _check(session: asyncpg.Connection) -> str:
    """The serving schema of a database that is migrated."""
    try:
        serving: str | None = await session.fetchval(_SQL["serving"])
        missing = await _missing(session, OPERATIONS, "operations")
        if serving is not None:
            missing += await _missing(session, serving, "projection")
    except (asyncpg.InvalidSchemaNameError, asyncpg.UndefinedTableError) as error:
        raise NotMigrated(f"the database is not migrated: {_ADVICE}") from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise NotMigrated(
            f"this database role lacks rights ({error}): make it a member of"
            f" {PROJECTOR} or {NAVIGATOR}, or {_ADVICE}"
        ) from error
    if serving is None or missing:
        lacks = ", ".join(missing) or "a projection"
        raise NotMigrated(f"the database lacks {lacks}: {_ADVICE}")
    return serving


async def _missing(session: asyncpg.Connection, schema: str, room: str) -> list[str]:
    rows = await session.fetch(f"select number from {schema}.migration")
    done = {row["number"] for row in rows}
    return [
        f"{room} {number:04} {name}" for number, name, _ in migrations(room) if number not in done
    ]


async def apply_projection(session: asyncpg.Connection, schema: str) -> list[str]:
    """Make a projection's schema, or bring it up to date, in the caller's transaction."""
    applied = await _apply(session, schema, "projection")
    await session.execute(f"set local search_path to {schema}, {OPERATIONS}")
    await session.execute(
        "insert into partition (partition) select generate_series(0, $1::int - 1)"
        " on conflict do nothing",
        PARTITIONS,
    )
    await grant_projection(session, schema)
    return applied


async def _apply(session: asyncpg.Connection, schema: str, room: str) -> list[str]:
    # A schema's name is ours, never a user's: identifiers can't be parameters.
    await session.execute(f"create schema if not exists {schema}")
    await session.execute(f"set local search_path to {schema}, {OPERATIONS}")
    await session.execute(
        f"create table if not exists {schema}.migration"
        " (number integer primary key, name text not null, applied_at timestamptz not null)"
    )
    done = {row["number"] for row in await session.fetch(f"select number from {schema}.migration")}
    applied = []
    for number, name, statements in migrations(room):
        if number not in done:
            await session.execute(statements)
            await session.execute(
                f"insert into {schema}.migration values ($1, $2, now())", number, name
            )
            applied.append(f"{room} {number:04} {name}")
    return applied
