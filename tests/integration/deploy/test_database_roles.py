"""The script that makes the roles of the shipped database, run as its container runs it."""

import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from stratoscope.embedded.database import find_postgres
from stratoscope.store.migration import FIRST_PROJECTION, NotMigrated, migrate
from support import stack
from support.pages import ROOT

_OWNER = "owner_of_a_test"
_PASSWORDS = {"owner": "o'ne", "projector": "two", "navigator": "three"}


def make_roles(dsn: str, folder: Path) -> None:
    for name, password in _PASSWORDS.items():
        (folder / f"{name}_password").write_text(f"{password}\n")
    place = urlsplit(dsn)
    subprocess.run(
        [ROOT / "deploy/postgres/init/roles.sh"],
        env=os.environ
        | {
            "STRATO_SECRETS": str(folder),
            "STRATO_OWNER": _OWNER,
            "PSQL": str(find_postgres() / "psql"),
            "PGHOST": str(place.hostname),
            "PGPORT": str(place.port),
            "PGPASSWORD": str(place.password),
            "POSTGRES_USER": str(place.username),
            "POSTGRES_DB": place.path[1:],
        },
        check=True,
    )


def dsn_of(login: str, password: str, dsn: str) -> str:
    place = urlsplit(dsn).netloc.rpartition("@")[2]
    return urlsplit(dsn)._replace(netloc=f"{login}:{password}@{place}").geturl()


async def test_the_script_makes_an_owner_and_two_logins_none_of_them_a_superuser(
    shared_postgres: stack.PostgresServer, tmp_path: Path
) -> None:
    with stack.new_database(shared_postgres) as dsn:
        make_roles(dsn, tmp_path)
        make_roles(dsn, tmp_path)
        owner = dsn_of(_OWNER, "o%27ne", dsn)
        services = {name: dsn_of(name, _PASSWORDS[name], dsn) for name in _PASSWORDS}
        del services["owner"]
        with pytest.raises(NotMigrated):
            await migrate(services["projector"])
        assert (await migrate(owner)).applied
        for name, service in services.items():
            assert (await migrate(service)).serving == FIRST_PROJECTION
            await _is_confined(service, name)
        await _is_no_superuser(owner)
    stack.run_sql(shared_postgres, f"DROP OWNED BY {_OWNER}; DROP ROLE {_OWNER}")


async def _is_no_superuser(dsn: str) -> None:
    session = await asyncpg.connect(dsn)
    rights = await session.fetchrow(
        "select rolsuper, rolcreaterole, rolcreatedb from pg_roles where rolname = current_user"
    )
    await session.close()
    assert tuple(rights) == (False, False, False)


async def _is_confined(dsn: str, name: str) -> None:
    await _is_no_superuser(dsn)
    session = await asyncpg.connect(dsn)
    assert await session.fetchval("select pg_has_role($1, 'member')", f"stratoscope_{name}")
    for statement in (
        "create temporary table one (one integer)",
        "create table strato.one (one integer)",
        "create schema one",
        "select lo_create(0)",
        "delete from strato.audit",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await session.execute(statement)
    await session.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(dsn.rpartition("/")[0] + "/postgres")
