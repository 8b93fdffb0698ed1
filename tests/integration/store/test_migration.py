"""The migrations lead to the schema that is written down, once, whoever runs them how often."""

import asyncio
import re
import subprocess

import asyncpg

from stratoscope.embedded.database import find_postgres
from stratoscope.store.database import OPERATIONS, connection
from stratoscope.store.migration import FIRST_PROJECTION, migrate
from stratoscope.store.sql import migrations, schema
from stratoscope_contracts.words import PARTITIONS
from support import stack


def dumped(dsn: str) -> str:
    """What pg_dump makes of the schemas, without the record of what was migrated."""
    command = [
        str(find_postgres() / "pg_dump"),
        "--schema-only",
        "--no-owner",
        "--no-privileges",
        dsn,
    ]
    command += [f"--schema={name}" for name in (OPERATIONS, FIRST_PROJECTION)]
    command += ["--exclude-table=*.migration"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    # It protects its output by a word that is another one each time.
    return re.sub(r"^\\(un)?restrict .*$", "", done.stdout, flags=re.MULTILINE)


async def from_schema(dsn: str) -> None:
    """A database as the schema files say."""
    async with connection(dsn, OPERATIONS, "test") as session:
        for name, room in ((OPERATIONS, "operations"), (FIRST_PROJECTION, "projection")):
            await session.execute(f"create schema {name}")
            await session.execute(f"set search_path to {name}, {OPERATIONS}")
            await session.execute(schema(room))


async def test_migrations_and_schema_make_the_same_database(
    postgres_dsn: str, shared_postgres: stack.PostgresServer
):
    await migrate(postgres_dsn)
    with stack.new_database(shared_postgres) as other:
        await from_schema(other)
        written = dumped(other)
        assert "CREATE TABLE strato_p1.state_version" in written
        assert dumped(postgres_dsn) == written


async def test_the_first_time_applies_everything_and_the_second_nothing(postgres_dsn: str):
    first = await migrate(postgres_dsn)
    assert first.serving == FIRST_PROJECTION
    assert len(first.applied) == len(migrations("operations")) + len(migrations("projection"))
    before = dumped(postgres_dsn)
    assert await migrate(postgres_dsn) == type(first)(FIRST_PROJECTION, ())
    assert dumped(postgres_dsn) == before


async def test_of_several_that_start_together_one_migrates(postgres_dsn: str):
    done = await asyncio.gather(*(migrate(postgres_dsn) for _ in range(4)))
    assert sum(bool(one.applied) for one in done) == 1
    assert {one.serving for one in done} == {FIRST_PROJECTION}


async def test_each_partition_is_there_from_the_start(sessions: asyncpg.Pool):
    rows = await sessions.fetch("select partition, epoch, stream_seq from partition order by 1")
    assert [tuple(row) for row in rows] == [(number, 0, 0) for number in range(PARTITIONS)]


async def test_a_migration_that_fails_leaves_nothing(postgres_dsn: str):
    async with connection(postgres_dsn, OPERATIONS, "test") as session:
        # Something of that name is in the way of the second room.
        await session.execute(f"create schema {FIRST_PROJECTION}")
        await session.execute(f"create table {FIRST_PROJECTION}.event (nothing integer)")
        try:
            await migrate(postgres_dsn)
        except asyncpg.DuplicateTableError:
            tables = await session.fetchval(
                "select count(*) from pg_tables where schemaname in ($1, $2)",
                OPERATIONS,
                FIRST_PROJECTION,
            )
            assert tables == 1
        else:
            raise AssertionError("the table in the way was not noticed")
