"""The projection can be sharded by agent: docs/scaling.md says which tables are everywhere."""

import asyncpg
import pytest

from stratoscope.store.migration import FIRST_PROJECTION
from support.pages import table

KEY = "agent_id"
COLUMNS = """
    select class.relname as name, attribute.attname as column, attribute.attnotnull as is_set
    from pg_class as class
    join pg_attribute as attribute on attribute.attrelid = class.oid and attribute.attnum > 0
    where class.relnamespace = $1::regnamespace and class.relkind in ('r', 'p')
      and not attribute.attisdropped
"""
# Unique indexes, primary keys among them: a sharded database can't hold one without the key.
KEYS = """
    select class.relname as name, index.indexrelid::regclass::text as key,
           array(select attribute.attname::text from pg_attribute as attribute
                 where attribute.attrelid = index.indrelid
                   and attribute.attnum = any(index.indkey)) as columns
    from pg_index as index
    join pg_class as class on class.oid = index.indrelid
    where class.relnamespace = $1::regnamespace and index.indisunique
"""
CONSTRAINTS = """
    select conname::text from pg_constraint
    where connamespace = $1::regnamespace and contype in ('f', 'x')
"""


def everywhere() -> set[str]:
    """The tables that each node has whole, as the page lists them."""
    return {row[0] for row in table("docs/scaling.md", "everywhere")}


@pytest.fixture
async def rows(projection_dsn: str) -> list[list[asyncpg.Record]]:
    session = await asyncpg.connect(projection_dsn)
    try:
        return [await session.fetch(sql, FIRST_PROJECTION) for sql in (COLUMNS, KEYS, CONSTRAINTS)]
    finally:
        await session.close()


def test_every_key_of_a_sharded_table_has_the_agent(rows: list[list[asyncpg.Record]]) -> None:
    columns, keys, constraints = rows
    sharded = {row["name"] for row in columns if row["column"] == KEY and row["is_set"]}
    sharded -= everywhere()
    assert {"event", "state_version", "edge", "field_change"} < sharded
    without = [row["key"] for row in keys if row["name"] in sharded and KEY not in row["columns"]]
    assert without == []
    # They would have to be distributed alike, and checked across nodes.
    assert constraints == []


def test_what_is_not_sharded_is_listed_as_being_everywhere(
    rows: list[list[asyncpg.Record]],
) -> None:
    columns, _, _ = rows
    tables = {row["name"] for row in columns}
    sharded = {row["name"] for row in columns if row["column"] == KEY and row["is_set"]}
    assert everywhere() <= tables
    assert tables - sharded <= everywhere()
