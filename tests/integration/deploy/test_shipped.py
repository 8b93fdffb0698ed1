"""What is shipped, tried by the programs that it is for."""

import asyncio
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from stratoscope.cli.ndjson import lines
from stratoscope.embedded.account import database_account, open_the_way
from stratoscope.embedded.database import find_postgres
from support import stack
from support.commands import PROGRAM
from support.guarded import Guarded
from support.pages import ROOT, page
from support.service import service

SERVICES: dict[str, Any] = yaml.safe_load(page("docker-compose.yml"))["services"]


def health_check(name: str, *replaced: tuple[str, str]) -> list[str]:
    """A service's own command, for the place where it runs here."""
    kind, *command = SERVICES[name]["healthcheck"]["test"]
    assert kind == "CMD"
    for there, here in replaced:
        assert any(there in word for word in command), there
        command = [word.replace(there, here) for word in command]
    return command


async def ends_with(command: list[str]) -> int:
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    return await process.wait()


@pytest.mark.skipif(shutil.which("wget") is None, reason="the broker's image has wget")
async def test_the_brokers_health_check_tells_whether_it_is_there(broker: Guarded) -> None:
    assert await ends_with(health_check("nats", ("8222", str(broker.monitor_port)))) == 0
    away = health_check("nats", ("8222", "1"))
    assert await ends_with(away) != 0


async def test_the_databases_health_check_tells_whether_it_is_there(
    shared_postgres: stack.PostgresServer,
) -> None:
    found = re.search(r"@([\w.]+):(\d+)/", shared_postgres.dsn("postgres"))
    assert found is not None
    program = ("pg_isready", str(find_postgres() / "pg_isready"))
    there = health_check("postgres", program, ("127.0.0.1", found[1]), ("5432", found[2]))
    assert await ends_with(there) == 0
    assert await ends_with(health_check("postgres", program, ("5432", "1"))) != 0


async def test_the_services_health_check_tells_whether_they_are_ready(
    broker: Guarded, projection_dsn: str
) -> None:
    python = ("python", PROGRAM[0])
    settings = broker.settings("navigator")
    async with service(
        "navigator", broker.url, projection_dsn, broker.folder, **settings
    ) as running:
        ready = health_check("navigator", python, ("9464", str(running.port)))
        assert await ends_with(ready) == 0
    assert await ends_with(ready) != 0
    # Both services are asked in the same way.
    assert SERVICES["projector"]["healthcheck"] == SERVICES["navigator"]["healthcheck"]


def test_postgres_takes_every_line_of_its_configuration(scratch: Path) -> None:
    shutil.copytree(ROOT / "deploy/postgres", scratch, dirs_exist_ok=True)
    file = scratch / "postgresql.conf"
    configuration = file.read_text()
    # The wheel's Postgres is built without TLS, whose other settings it takes.
    file.write_text(configuration.replace("\nssl = on\n", "\nssl = off\n"))
    names = re.findall(r"^(\w+) = ", configuration, re.MULTILINE)
    assert len(names) > 20
    account = database_account()
    data = scratch / "data"
    data.mkdir(mode=0o700)
    (data / "PG_VERSION").write_text("18\n")
    (data / "postgresql.auto.conf").touch()
    if account is not None:
        for path in (scratch, data, *data.iterdir()):
            os.chown(path, account.uid, account.gid)
        open_the_way(data, account)
    postgres = (str(find_postgres() / "postgres"), "-D", str(data), "-c", f"config_file={file}")
    for name in names:
        done = subprocess.run(
            (*postgres, "-C", name),
            capture_output=True,
            text=True,
            check=False,
            user=account.uid if account else None,
            group=account.gid if account else None,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""


def test_the_demo_is_a_history_that_a_recorder_takes() -> None:
    with (ROOT / "deploy/demo/history.ndjson").open("rb") as source:
        found = list(lines(source))
    assert {line.agent for line in found} == {"demo"}


def test_preparing_makes_every_secret_and_keeps_what_is_there(scratch: Path) -> None:
    secrets = scratch / "secrets"
    surroundings = os.environ | {
        "STRATO_SECRETS": str(secrets),
        "STRATOSCOPE": " ".join(PROGRAM),
    }

    def prepare() -> None:
        script = (str(ROOT / "deploy/prepare.sh"), "broker.example.org")
        subprocess.run(script, env=surroundings, check=True, capture_output=True)

    prepare()
    made = {path: path.read_bytes() for path in secrets.rglob("*") if path.is_file()}
    compose = yaml.safe_load(page("docker-compose.yml"))
    for secret in compose["secrets"].values():
        assert secrets / secret["file"].removeprefix("./deploy/secrets/") in made
    strict = ("openssl", "verify", "-x509_strict", "-CAfile", str(secrets / "ca.pem"))
    certificates = [str(secrets / f"{name}.pem") for name in ("nats", "postgres")]
    assert subprocess.run((*strict, *certificates), capture_output=True).returncode == 0
    prepare()
    assert {path: path.read_bytes() for path in made} == made
