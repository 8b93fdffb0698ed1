"""What is backed up by the scripts comes back by the scripts, after all else is gone."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
import orjson
import pytest
import pytest_asyncio
from nats.aio.client import Client

from stratoscope.embedded.database import find_postgres
from stratoscope.embedded.ports import free_port
from support import stack
from support.eventually import eventually
from support.folded_log import Folded
from support.pages import ROOT
from support.projection import assert_equals_log, differences, read_projection
from support.service import service
from support.wheels import WheelNats

SCRIPTS = ROOT / "deploy/backup"
Json = dict[str, Any]


def run(script: str, *words: str | Path, dsn: str = "") -> subprocess.CompletedProcess[str]:
    """Run a script as an operator does, with the programs of the embedded wheel."""
    programs = find_postgres()
    names = {name.upper(): str(programs / name) for name in ("pg_dump", "pg_restore", "psql")}
    return subprocess.run(
        [SCRIPTS / script, *words],
        env=os.environ | names | {"STRATO_POSTGRES_DSN": dsn, "SETTLE_SECONDS": "0.1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@dataclass
class Kept:
    """A backup, and what there was when it was made."""

    folder: Path
    projection: Folded
    session: Json
    hit_count: int


class Asking:
    """Who records and asks."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def ask(self, verb: str, **body: Any) -> Json:
        reply = await self.client.request(
            f"strato.default.nav.{verb}", orjson.dumps(body), timeout=30
        )
        found: Json = orjson.loads(reply.data)
        assert "code" not in found, found
        return found

    async def record(self, agent: str, *bodies: bytes, kind: str = "event") -> int:
        stream = self.client.jetstream()
        subject = f"strato.default.rec.{agent}.{kind}"
        sent = [await stream.publish(subject, body) for body in bodies]
        return sent[-1].seq

    async def hit_count(self) -> int:
        (found,) = (await self.ask("breakpoint.list", agent="walker"))["breakpoints"]
        return int(found["hit_count"])

    async def hits_in_the_stream(self) -> int:
        return (await self.client.jetstream().stream_info("STRATO_HITS")).state.messages


@asynccontextmanager
async def running(nats_url: str, dsn: str, folder: Path) -> AsyncIterator[Asking]:
    """Projector and navigator at work."""
    places = (nats_url, dsn, folder)
    async with service("projector", *places), service("navigator", *places):
        client = await nats.connect(nats_url)
        try:
            yield Asking(client)
        finally:
            await client.close()


async def work(asking: Asking) -> tuple[Json, int]:
    """Record something, stand somewhere, and be hit: the session, and how often."""
    condition = {"kind": "on_event_type", "type": "moved"}
    await asking.ask("breakpoint.create", agent="walker", condition=condition)
    moves = [
        orjson.dumps({"type": "moved", "patch": [{"op": "add", "path": "/x", "value": n}]})
        for n in range(20)
    ]
    await asking.record("walker", *moves)
    await asking.record("walker", b"no JSON")
    last = await asking.record(
        "sitter", b'{"state":{"x":1}}', b'{"state":{"x":2}}', kind="snapshot"
    )
    await asking.ask("agents.list", wait_for=last, wait_ms=20_000)
    await eventually(lambda: _is(asking.hits_in_the_stream, 20))
    alone = {"auto_breakpoints": False}
    session = (await asking.ask("session.create", agent="walker", config=alone))["session"]
    await asking.ask("session.start", id=session["id"])
    await asking.ask("session.goto", id=session["id"], at={"event_index": 7})
    return (await asking.ask("session.get", id=session["id"]))["session"], await asking.hit_count()


async def _is(count: Any, expected: int) -> bool:
    return bool(await count() == expected)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kept(shared_postgres: stack.PostgresServer) -> AsyncIterator[Kept]:
    """A backup of a stack of which nothing else is left."""
    folder = Path(tempfile.mkdtemp(prefix="stratoscope-backup-"))
    backup, data = folder / "kept", folder / "nats"
    try:
        with stack.new_database(shared_postgres) as dsn:
            data.mkdir()
            server = WheelNats(data)
            try:
                async with running(server.url, dsn, folder) as asking:
                    session, hit_count = await work(asking)
                    await assert_equals_log(server.url, dsn)
                    done = run("backup.sh", "operations", backup, dsn=dsn)
                    assert done.returncode == 0, done.stderr
                projection = await read_projection(dsn)
                server.stop()
                done = run("backup.sh", "log", backup, data / "store")
                assert done.returncode == 0, done.stderr
            finally:
                server.close()
                shutil.rmtree(data)
        yield Kept(backup, projection, session, hit_count)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def empty_dsn(shared_postgres: stack.PostgresServer) -> Iterator[str]:
    """An empty database."""
    with stack.new_database(shared_postgres) as dsn:
        yield dsn


async def test_states_sessions_breakpoints_and_hits_come_back_and_work_goes_on(
    kept: Kept, empty_dsn: str, tmp_path: Path
) -> None:
    store = tmp_path / "nats" / "store"
    for words in (("log", kept.folder, store), ("operations", kept.folder)):
        done = run("restore.sh", *words, dsn=empty_dsn)
        assert done.returncode == 0, done.stderr
    server = WheelNats(tmp_path / "nats")
    try:
        async with running(server.url, empty_dsn, tmp_path) as asking:
            # The projection was not backed up: it is made from the log.
            await assert_equals_log(server.url, empty_dsn)
            assert differences(kept.projection, await read_projection(empty_dsn)) == []
            said = await asking.ask("session.get", id=kept.session["id"])
            assert said["session"] == kept.session
            assert await asking.hit_count() == kept.hit_count == 20
            # What was hit is not hit again, and what is recorded now is.
            await asking.record("walker", b'{"type":"moved"}')
            await eventually(lambda: _is(asking.hits_in_the_stream, 21))
            assert await asking.hit_count() == 21
            agents = (await asking.ask("agents.list", prefix="walker"))["agents"]
            assert agents[0]["events"] == 21
    finally:
        server.close()


def damaged(kept: Kept, name: str, folder: Path) -> Path:
    """The backup with one byte changed."""
    copy = folder / "damaged"
    shutil.copytree(kept.folder, copy)
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    return copy


def test_a_damaged_backup_is_not_restored(kept: Kept, empty_dsn: str, tmp_path: Path) -> None:
    store = tmp_path / "store"
    done = run("restore.sh", "log", damaged(kept, "log.tar", tmp_path), store)
    assert (done.returncode, store.exists()) == (1, False)
    assert "is not what was backed up" in done.stderr
    shutil.rmtree(tmp_path / "damaged")
    broken = damaged(kept, "operations.dump", tmp_path)
    done = run("restore.sh", "operations", broken, dsn=empty_dsn)
    assert (done.returncode, "is not what was backed up" in done.stderr) == (1, True)


def test_nothing_is_written_over(kept: Kept, projection_dsn: str, tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    done = run("restore.sh", "log", kept.folder, tmp_path)
    assert (done.returncode, "is not empty" in done.stderr) == (1, True)
    done = run("restore.sh", "operations", kept.folder, dsn=projection_dsn)
    assert (done.returncode, "take an empty one" in done.stderr) == (1, True)


@pytest.mark.parametrize("script", ["backup.sh", "restore.sh"])
@pytest.mark.parametrize("words", ["", "all", "all f", "log f", "log f s x", "operations f s"])
def test_who_asks_wrongly_is_told_how_and_nothing_is_made(
    script: str, words: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [SCRIPTS / script, *words.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "log FOLDER STORE" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_written_to_is_not_backed_up(tmp_path: Path) -> None:
    block = tmp_path / "store" / "jetstream" / "1.blk"
    block.parent.mkdir(parents=True)
    block.touch()
    process = subprocess.Popen(
        [SCRIPTS / "backup.sh", "log", tmp_path / "kept", tmp_path / "store"],
        env=os.environ | {"SETTLE_SECONDS": "0.1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    with process, block.open("a") as file:
        while process.poll() is None:
            file.write("a record")
            file.flush()
            time.sleep(0.001)
        assert process.stderr is not None
        said = process.stderr.read()
    assert process.returncode == 1, said
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_database_that_does_not_answer_leaves_nothing_behind(tmp_path: Path) -> None:
    nowhere = f"postgresql://127.0.0.1:{free_port()}/nothing"
    done = run("backup.sh", "operations", tmp_path / "kept", dsn=nowhere)
    assert (done.returncode, "was not backed up" in done.stderr) == (1, True)
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_folder_that_is_no_store_is_not_backed_up(tmp_path: Path) -> None:
    done = run("backup.sh", "log", tmp_path / "kept", tmp_path)
    assert (done.returncode, "no store_dir" in done.stderr) == (1, True)
