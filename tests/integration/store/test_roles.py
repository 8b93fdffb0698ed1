"""What the services' database roles may not do, and who may migrate."""

import asyncio
import re
from collections.abc import AsyncIterator

import asyncpg
import pytest

from stratoscope.store.migration import FIRST_PROJECTION, NotMigrated, migrate
from stratoscope.store.roles import NAVIGATOR, PROJECTOR
from stratoscope.store.sql import queries
from support import stack
from support.database_roles import ROLES, dsn_as

_SEARCH = {"search_path": "strato_p1, strato"}

NEITHER_MAY = [
    # The catalog of the cluster, its files and its programs.
    "select * from pg_authid",
    "select * from pg_shadow",
    "select pg_read_file('postgresql.conf')",
    "select pg_ls_dir('.')",
    "copy (select 1) to program 'true'",
    "copy (select 1) to '/tmp/never'",
    "alter system set log_statement = 'all'",
    "set session_replication_role = replica",
    "load 'plpgsql'",
    # Roles.
    "create role another",
    "create role another superuser",
    "set role postgres_or_owner",
    "set session authorization postgres_or_owner",
    "alter role postgres_or_owner password 'mine'",
    "grant stratoscope_projector to stratoscope_navigator",
    # Objects.
    "create database another",
    "create schema another",
    "create table public.another (one integer)",
    "create table strato.another (one integer)",
    "create table strato_p1.another (one integer)",
    "create function strato.another() returns integer language sql return 1",
    "create extension pg_stat_statements",
    "drop schema strato cascade",
    "drop schema strato_p1 cascade",
    "drop table event",
    "alter table event add column another integer",
    "alter function is_gone(integer, timestamptz) owner to current_user",
    "truncate event",
    "create trigger another before insert on event execute function refuse_change()",
    # What agents recorded.
    "update event set data = '{}'",
    "update event set id = id",
    "update state_version set blob = ''",
    "update dead_letter set body = ''",
    "delete from dead_letter",
    # The audit trail.
    "update audit set who = 'another'",
    "delete from audit",
    "truncate audit",
    "select * from audit",
    "select set_config('strato.sweeps_audit', 'on', false); delete from audit",
    "alter table audit disable trigger all",
    # Which projection serves, what was erased, what was migrated.
    "insert into projection (schema_name, serving) values ('x', false)",
    "update projection set serving = false",
    "delete from erased",
    "insert into erased (space, agent, through_seq, log_created_at) values ('a', 'b', 1, now())",
    "delete from strato.migration",
    "delete from strato_p1.migration",
    "update projection set kept = true",
]
PROJECTOR_MAY_NOT = [
    "select * from session",
    "select config from session",
    "update session set state = 'ended'",
    "insert into session_mark values (null)",
    *(
        f"select * from {table}"
        for table in (
            *("session_mark", "session_value", "session_place", "breakpoint", "kept_breakpoint"),
            *("hit", "hit_count", "hold", "gate", "watch", "watcher", "imported_agent", "arming"),
        )
    ),
    "delete from base",
    "select strato.remove_audit(now(), 100)",
]
NAVIGATOR_MAY_NOT = [
    "select strato.empty_dead_letters(now(), 100)",
    "select strato.remove_dead_letters(100, 100)",
    *(
        f"{verb} {table}"
        for table in (
            *("log", "partition", "agent", "event_type", "event", "event_block", "edge"),
            *("twin", "open_cause", "state_version", "path", "field_change", "taint"),
        )
        for verb in ("delete from", "lock table", "truncate")
    ),
    "insert into event_type (name) values ('x')",
    "insert into agent (partition, space, name) values (0, 'a', 'b')",
    "insert into dead_letter (stream_seq) values (1)",
    "update partition set stream_seq = 7",
    "update agent set next_event = 7",
    "update agent set space = 'another'",
    "update event set depth = 7",
    "select * from base",
    "select * from erased",
    "select * from attempt",
    "select * from projector",
]


@pytest.fixture
async def owner(projection_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    session = await asyncpg.connect(projection_dsn, server_settings=_SEARCH)
    yield session
    await session.close()


async def refused(session: asyncpg.Connection, statement: str) -> bool:
    """Whether a statement is refused for lack of rights; what it did is rolled back."""
    transaction = session.transaction()
    await transaction.start()
    try:
        await session.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return True
    except asyncpg.PostgresError as error:
        # It was let through to its own mistake.
        print(f"{statement}: {error}")
        return False
    finally:
        await transaction.rollback()
    return False


def outside_transactions(statement: str) -> bool:
    return statement.startswith(("create database", "alter system"))


@pytest.mark.parametrize(
    ("service", "statements"),
    [
        ("projector", NEITHER_MAY + PROJECTOR_MAY_NOT),
        ("navigator", NEITHER_MAY + NAVIGATOR_MAY_NOT),
    ],
)
async def test_a_role_may_do_no_more_than_its_service_needs(
    service: str, statements: list[str], projection_dsn: str, owner: asyncpg.Connection
) -> None:
    superuser = await owner.fetchval("select current_user")
    session = await asyncpg.connect(await dsn_as(service, projection_dsn), server_settings=_SEARCH)
    try:
        allowed = []
        for statement in statements:
            text = statement.replace("postgres_or_owner", f'"{superuser}"')
            if outside_transactions(text):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await session.execute(text)
            elif not await refused(session, text):
                allowed.append(text)
        assert allowed == []
    finally:
        await session.close()


async def test_the_same_statements_are_allowed_to_a_superuser(owner: asyncpg.Connection) -> None:
    """Else the test above would prove nothing: a statement with a mistake is refused as well."""
    harmless = [
        one
        for one in NEITHER_MAY + PROJECTOR_MAY_NOT + NAVIGATOR_MAY_NOT
        if not outside_transactions(one) and "postgres_or_owner" not in one
    ]
    assert [one for one in harmless if await refused(owner, one)] == []


async def test_a_role_is_no_superuser_and_has_no_other_roles(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch(
        "select rolname, rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls"
        " or rolcanlogin as has_more,"
        " exists (select from pg_auth_members where member = pg_roles.oid) as is_member"
        " from pg_roles where rolname = any($1::text[]) order by 1",
        [PROJECTOR, NAVIGATOR],
    )
    assert [tuple(row) for row in rows] == [(NAVIGATOR, False, False), (PROJECTOR, False, False)]


async def test_the_navigator_sweeps_the_audit_but_not_its_last_day(
    projection_dsn: str, owner: asyncpg.Connection
) -> None:
    await owner.execute(
        "insert into audit (done_at, who, action) values"
        " (now() - interval '2 days', 'old', 'held'), (now(), 'new', 'held')"
    )
    session = await asyncpg.connect(
        await dsn_as("navigator", projection_dsn), server_settings=_SEARCH
    )
    try:
        removed = await session.fetchval("select remove_audit(now() + interval '1 day', 100)")
        assert await refused(session, "delete from audit")
    finally:
        await session.close()
    assert removed == 1
    assert [row["who"] for row in await owner.fetch("select who from audit")] == ["new"]


async def test_a_row_lock_is_the_only_thing_of_an_agent_that_the_navigator_writes(
    projection_dsn: str, owner: asyncpg.Connection
) -> None:
    await owner.execute("insert into agent (partition, space, name) values (0, 'default', 'one')")
    session = await asyncpg.connect(
        await dsn_as("navigator", projection_dsn), server_settings=_SEARCH
    )
    try:
        assert await session.fetchval("select name from agent for key share") == "one"
        with pytest.raises(asyncpg.CheckViolationError):
            await session.execute("update agent set row_lock = true")
    finally:
        await session.close()


@pytest.mark.parametrize("service", list(ROLES))
async def test_a_service_does_not_migrate_and_says_so_in_words(
    service: str, projection_dsn: str, owner: asyncpg.Connection
) -> None:
    dsn = await dsn_as(service, projection_dsn)
    assert (await migrate(dsn)) == await migrate(projection_dsn)
    await owner.execute("delete from strato.migration where number = 3")
    with pytest.raises(NotMigrated, match=r"lacks operations 0003 limits: run `stratoscope migrat"):
        await migrate(dsn)


async def test_a_service_finds_an_empty_database_or_one_without_rights(
    shared_postgres: stack.PostgresServer, projection_dsn: str, owner: asyncpg.Connection
) -> None:
    member = await dsn_as("projector", projection_dsn)
    with stack.new_database(shared_postgres) as empty:
        elsewhere = member.rpartition("/")[0] + "/" + empty.rpartition("/")[2]
        with pytest.raises(NotMigrated, match="not migrated: run `stratoscope migrate`"):
            await migrate(elsewhere)
    await owner.execute(f"revoke usage on schema strato from {PROJECTOR}")
    with pytest.raises(NotMigrated, match=r"permission denied.*member of"):
        await migrate(member)
    # The owner's next migration grants what is missing.
    await migrate(projection_dsn)
    assert (await migrate(member)).serving == FIRST_PROJECTION


async def test_rights_that_are_there_are_not_granted_again(
    projection_dsn: str, owner: asyncpg.Connection
) -> None:
    sql = queries("roles")
    assert await owner.fetch(sql["missing_in_operations"]) == []
    assert await owner.fetch(sql["missing_in_projection"], FIRST_PROJECTION) == []
    await owner.execute("revoke select, insert on event from stratoscope_projector")
    rows = await owner.fetch(sql["missing_in_projection"], FIRST_PROJECTION)
    assert re.fullmatch(
        r"grant (select, insert|insert, select) on strato_p1.event to stratoscope_projector",
        rows[0][0],
    )
    await migrate(projection_dsn)
    assert await owner.fetch(sql["missing_in_projection"], FIRST_PROJECTION) == []


async def test_databases_that_are_migrated_side_by_side_create_the_roles_once(
    shared_postgres: stack.PostgresServer,
) -> None:
    with stack.new_database(shared_postgres) as one, stack.new_database(shared_postgres) as other:
        done = await asyncio.gather(migrate(one), migrate(other))
    assert all(each.applied for each in done)
