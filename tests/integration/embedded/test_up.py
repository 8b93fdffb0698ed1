"""What `stratoscope up` promises, whatever happens to it and to its children."""

import json
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import nats
import psutil
import pytest

from integration.embedded.conftest import (
    WAIT_SECONDS,
    StartUp,
    processes_below,
    still_running,
)
from stratoscope.broker.connection import BrokerUnreachable, connect


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether it holds within a while; other processes tell nobody when they are done."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


async def test_one_line_says_where_everything_is_once_all_is_ready(start_up: StartUp) -> None:
    up = start_up()
    said = up.ready()
    # It is promised in five seconds, which a busy machine may not give it; these it does not share.
    assert processor_seconds(up.pid) < 5
    assert set(said) == {"nats", "postgres", "projector", "navigator", "pids"}
    assert set(said["pids"]) == {"nats", "postgres", "projector", "navigator"}
    client = await nats.connect(said["nats"])
    await client.jetstream().account_info()
    await client.close()
    connection = await asyncpg.connect(said["postgres"])
    await connection.close()
    for name in ("projector", "navigator"):
        assert psutil.Process(said["pids"][name]).is_running()


def test_services_are_served_where_they_are_asked_whatever_the_environment_says(
    start_up: StartUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRATO_HTTP_HOST", "127.0.0.2")
    assert start_up().ready()["navigator"].startswith("http://127.0.0.1:")


async def test_the_database_asks_for_its_password(start_up: StartUp) -> None:
    said = start_up().ready()
    dsn = urlsplit(said["postgres"])
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(said["postgres"].replace(str(dsn.password), "guessed"))


async def test_each_service_has_a_database_role_with_least_rights(
    start_up: StartUp, scratch: Path
) -> None:
    said = start_up().ready()
    for name in ("projector", "navigator"):
        file = scratch / "data" / "postgres" / f"password.{name}"
        assert file.stat().st_mode & 0o777 == 0o600
        dsn = psutil.Process(said["pids"][name]).environ()["STRATO_POSTGRES_DSN"]
        assert urlsplit(dsn).password == file.read_text()
        session = await asyncpg.connect(dsn)
        rights = await session.fetchrow(
            "select current_user, rolsuper or rolcreaterole from pg_roles"
            " where rolname = current_user"
        )
        assert tuple(rights) == (name, False)
        for statement in ("create temporary table one (one integer)", "select lo_create(0)"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await session.execute(statement)
        await session.close()
        other = dsn.rpartition("/")[0] + "/postgres"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(other)


async def test_the_broker_asks_for_its_password(
    start_up: StartUp, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = start_up().ready()
    # As another account of the machine, which cannot read what this one has registered.
    monkeypatch.setenv("XDG_STATE_HOME", str(scratch))
    address = urlsplit(said["nats"])
    assert address.password
    wrong = said["nats"].replace(address.password, "guessed")
    bare = f"nats://{address.hostname}:{address.port}"
    for url in (wrong, bare):
        with pytest.raises(BrokerUnreachable, match="Authorization Violation"):
            await connect(url, name="test", timeout=2)


async def test_clients_of_the_account_need_not_know_the_password(start_up: StartUp) -> None:
    address = urlsplit(start_up().ready()["nats"])
    connection = await connect(f"nats://{address.hostname}:{address.port}", name="test")
    await connection.jetstream.account_info()
    await connection.close()


async def test_the_password_is_the_same_at_the_next_start(start_up: StartUp) -> None:
    up = start_up()
    first = up.ready()["nats"]
    up.send(signal.SIGTERM)
    up.end()
    assert start_up().ready()["nats"] == first


def test_a_web_page_reaches_no_port_of_the_broker(start_up: StartUp) -> None:
    """The monitoring port answers every origin, and the client port closes on an HTTP request."""
    up = start_up()
    said = up.ready()
    listening = {
        one.laddr.port
        for one in psutil.Process(said["pids"]["nats"]).net_connections("tcp")
        if one.status == psutil.CONN_LISTEN
    }
    assert listening == {urlsplit(said["nats"]).port}
    with socket.create_connection(("127.0.0.1", listening.pop()), timeout=5) as page:
        page.sendall(
            b"POST / HTTP/1.1\r\nHost: x\r\n\r\nPUB strato.default.rec.a.event 2\r\n{}\r\n"
        )
        answer = b""
        while more := page.recv(4096):
            answer += more
    assert b"-ERR" in answer


def test_secrets_are_readable_by_their_owner_only(start_up: StartUp, scratch: Path) -> None:
    said = start_up().ready()
    passwords = [urlsplit(said[name]).password or "" for name in ("nats", "postgres")]
    assert all(passwords)
    for path in (scratch / "data").rglob("*"):
        if path.is_file() and path.stat().st_mode & 0o077 and "/cluster/" not in str(path):
            text = path.read_text(errors="replace")
            assert not any(password in text for password in passwords), path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_it_and_all_it_started(start_up: StartUp, number: int) -> None:
    up = start_up()
    up.ready()
    started = processes_below(up.pid)
    up.send(number)
    code, output, _ = up.end()
    assert (code, output) == (0, "")
    assert still_running(started) == []


def test_a_clean_stop_leaves_postgres_nothing_to_recover(start_up: StartUp, scratch: Path) -> None:
    for _ in range(2):
        up = start_up()
        up.ready()
        up.send(signal.SIGTERM)
        up.end()
    log = (scratch / "data" / "logs" / "postgres.log").read_text()
    assert log.count("database system is shut down") == log.count("starting PostgreSQL") >= 2
    assert "was not properly shut down" not in log


def test_impatience_does_not_cut_the_stopping_short(start_up: StartUp) -> None:
    up = start_up()
    up.ready()
    started = processes_below(up.pid)
    for _ in range(5):
        up.send(signal.SIGINT)
    assert up.end()[0] == 0
    assert still_running(started) == []


def test_nohup_is_kept_to(start_up: StartUp, scratch: Path) -> None:
    up = start_up("nohup")
    said = up.ready()
    up.send(signal.SIGHUP)
    os.kill(said["pids"]["projector"], signal.SIGKILL)
    # Still there, and still minding its children.
    running = scratch / "data" / "running.json"
    assert eventually(lambda: json.loads(running.read_text())["pids"] != said["pids"])
    up.send(signal.SIGTERM)
    assert up.end()[0] == 0


@pytest.mark.parametrize("log", ["nats.log", "postgres.log", "projector.log"])
def test_a_signal_in_the_middle_of_the_start_leaves_nothing(
    start_up: StartUp, scratch: Path, log: str
) -> None:
    up = start_up(json=True)
    assert eventually(lambda: (scratch / "data" / "logs" / log).exists())
    up.send(signal.SIGINT)
    code, _, messages = up.end()
    assert code == 0
    assert "Traceback" not in messages
    up = start_up()
    up.ready()


def test_a_service_that_does_not_listen_is_killed_in_the_end(start_up: StartUp) -> None:
    up = start_up(projector=["--deaf"])
    up.ready()
    started = processes_below(up.pid)
    up.send(signal.SIGTERM)
    code, _, messages = up.end()
    assert code == 0
    assert "projector did not stop in its time" in messages
    assert still_running(started) == []


@pytest.mark.parametrize("name", ["projector", "navigator", "nats", "postgres"])
async def test_a_child_that_dies_is_started_again_where_it_was(
    start_up: StartUp, scratch: Path, name: str
) -> None:
    said = start_up().ready()
    running = scratch / "data" / "running.json"
    os.kill(said["pids"][name], signal.SIGKILL)
    assert eventually(lambda: json.loads(running.read_text())["pids"][name] != said["pids"][name])
    now = json.loads(running.read_text())
    assert {**now, "pids": None} == {**said, "pids": None}
    port = urlsplit(said[name]).port
    assert eventually(lambda: listens(port))


def test_kill_9_of_the_parent_leaves_no_orphan_and_the_folder_free(start_up: StartUp) -> None:
    up = start_up()
    said = up.ready()
    started = processes_below(up.pid)
    up.send(signal.SIGKILL)
    up.end()
    again = start_up().ready()  # at once: it waits for the children that are still ending
    assert still_running(started) == []
    assert {**again, "pids": None} == {**said, "pids": None}


async def test_data_is_kept_from_one_run_to_the_next(start_up: StartUp) -> None:
    up = start_up()
    said = up.ready()
    client = await nats.connect(said["nats"])
    await client.jetstream().add_stream(name="KEPT", subjects=["kept"])
    await client.close()
    connection = await asyncpg.connect(said["postgres"])
    await connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    await connection.close()
    up.send(signal.SIGTERM)
    up.end()
    said = start_up().ready()
    client = await nats.connect(said["nats"])
    assert (await client.jetstream().stream_info("KEPT")).config.name == "KEPT"
    await client.close()
    connection = await asyncpg.connect(said["postgres"])
    assert await connection.fetchval("SELECT one FROM kept") == 1
    await connection.close()


def test_a_folder_in_use_is_refused_and_its_user_named(start_up: StartUp, scratch: Path) -> None:
    first = start_up()
    first.ready()
    code, output, messages = start_up().end()
    assert (code, output) == (1, "")
    assert str(scratch / "data") in messages
    assert f"process {first.pid}" in messages
    assert "--data" in messages


def test_a_folder_that_cannot_be_made_is_named(start_up: StartUp, scratch: Path) -> None:
    (scratch / "file").touch()
    code, _, messages = start_up(data=str(scratch / "file" / "data")).end()
    assert code == 1
    assert f"{scratch}/file/data can't be made" in messages
    assert "Traceback" not in messages


@pytest.mark.parametrize("name", ["nats", "postgres"])
def test_a_port_that_is_taken_is_refused_and_named(start_up: StartUp, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, output, messages = start_up(ports={name: port}).end()
    assert (code, output) == (1, "")
    assert f"port {port} on 127.0.0.1 is taken" in messages
    assert f"--{name}-port" in messages


def test_last_times_port_is_given_up_where_another_has_it(start_up: StartUp) -> None:
    up = start_up()
    before = urlsplit(up.ready()["postgres"]).port
    up.send(signal.SIGTERM)
    up.end()
    with socket.create_server(("127.0.0.1", before or 0)):
        assert urlsplit(start_up().ready()["postgres"]).port != before


def test_a_service_that_does_not_come_up_is_an_error_with_its_last_words(
    start_up: StartUp, scratch: Path
) -> None:
    up = start_up(projector=["--fail"])
    code, output, messages = up.end()
    assert (code, output) == (1, "")
    assert "projector ended with 1" in messages
    assert "dummy: nothing works today" in messages
    assert str(scratch / "data" / "logs" / "projector.log") in messages
    assert "Traceback" not in messages


def test_servers_that_are_given_are_used_and_not_started(
    start_up: StartUp, scratch: Path, nats_url: str, postgres_dsn: str
) -> None:
    said = start_up(nats_url=nats_url, postgres_dsn=postgres_dsn).ready()
    assert (said["nats"], said["postgres"]) == (nats_url, postgres_dsn)
    for name in ("projector", "navigator"):
        environment = psutil.Process(said["pids"][name]).environ()
        assert environment["STRATO_POSTGRES_DSN"] == postgres_dsn
    assert set(said["pids"]) == {"projector", "navigator"}
    assert nats_url.rpartition("@")[2] in (scratch / "data" / "logs" / "projector.log").read_text()


def test_without_json_it_says_how_to_go_on(start_up: StartUp) -> None:
    up = start_up(json=False)
    assert up.first_line() == "Stratoscope is up.\n"
    up.send(signal.SIGINT)
    code, text, _ = up.end()
    assert code == 0
    assert "stratoscope agents --server nats://127.0.0.1:" in text


def processor_seconds(pid: int) -> float:
    """What a process has taken so far, with all that it started, those that have ended included."""
    there = [psutil.Process(pid), *processes_below(pid)]
    return sum(sum(one.cpu_times()[:4]) for one in there)


def listens(port: int | None) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port or 0)) == 0
