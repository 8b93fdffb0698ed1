"""A real broker and a real database for every test that asks for one."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from stratoscope.store.migration import migrate
from support import stack
from support.forking import Forking
from support.leaks import end_leaked, mark_run

# Databases and brokers make hundreds of files a test. In memory that takes a tenth of the processor
# time that it takes on some disks. The processes that tests start keep theirs there too.
_MEMORY, _NEEDED_BYTES = Path("/dev/shm"), 8 << 30
if (
    "TMPDIR" not in os.environ
    and os.access(_MEMORY, os.W_OK)
    and shutil.disk_usage(_MEMORY).free >= _NEEDED_BYTES
):
    os.environ["TMPDIR"] = str(_MEMORY)
    tempfile.tempdir = None

# Brokers that tests start register their passwords in a folder of this run, not in the user's own.
_STATE = tempfile.TemporaryDirectory(prefix="stratoscope-state-")
os.environ["XDG_STATE_HOME"] = _STATE.name

# Processes that tests start keep what they compile: without, it is a third of their start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# How long an example takes says how busy the machine is, and nothing about the program.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

# A run in the background, or under nohup, ignores these, and so would every process that a test
# starts and signals: an ignored signal is inherited, a handled one is not.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def no_process_is_left() -> Iterator[None]:
    """Fail the run, loudly, where a test leaves a process behind."""
    mark = mark_run()
    yield
    leaked = end_leaked(mark)
    assert not leaked, "left running:\n" + "\n".join(leaked)


@pytest.fixture(scope="session")
def backend() -> str:
    """`docker` or `embedded`."""
    return stack.backend()


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder that other accounts may be let into, which pytest's own may not be."""
    folder = Path(tempfile.mkdtemp(prefix="stratoscope-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def nats_server(backend: str) -> Iterator[stack.NatsServer]:
    """A broker of the test's own, to be taken away and brought back.

    A fresh one a test (it starts in 50 ms), because the streams' names are fixed.
    """
    folder = Path(tempfile.mkdtemp(prefix="stratoscope-nats-"))
    try:
        server = stack.new_nats(backend, folder)
        yield server
        server.close()
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def nats_url(nats_server: stack.NatsServer) -> str:
    """The address of the test's own broker."""
    return nats_server.url


@pytest.fixture(scope="session")
def shared_postgres(backend: str) -> Iterator[stack.PostgresServer]:
    """The database server of this run (of this worker, under xdist)."""
    folder = Path(tempfile.mkdtemp(prefix="stratoscope-postgres-"))
    try:
        server = stack.new_postgres(backend, folder)
        yield server
        server.close()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def forking() -> Iterator[Forking]:
    """The process that commands are forked from."""
    process = Forking()
    yield process
    process.close()


@pytest.fixture(scope="session")
def migrated(shared_postgres: stack.PostgresServer) -> Iterator[str]:
    """The name of a database that is migrated and never written to, to be copied."""
    with stack.new_database(shared_postgres) as dsn:
        asyncio.run(migrate(dsn))
        yield dsn.rpartition("/")[2].partition("?")[0]


@pytest.fixture
def projection_dsn(shared_postgres: stack.PostgresServer, migrated: str) -> Iterator[str]:
    """A database of the test's own that is migrated and empty: half the time of an empty one."""
    with stack.new_database(shared_postgres, migrated) as dsn:
        yield dsn


@pytest.fixture
def postgres_server(shared_postgres: stack.PostgresServer) -> Iterator[stack.PostgresServer]:
    """The database server, to be taken away and brought back; it runs again after the test."""
    yield shared_postgres
    shared_postgres.start()


@pytest.fixture
def postgres_dsn(postgres_server: stack.PostgresServer) -> Iterator[str]:
    """A database of the test's own, with nothing in it, dropped after the test."""
    with stack.new_database(postgres_server) as dsn:
        yield dsn
