"""What the README has its reader start, once for all of its tests."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from signal import SIGTERM

import pytest

from stratoscope.embedded.ports import free_port
from support.commands import PROGRAM, Commands
from support.forking import Forking
from support.leaks import MARK


@pytest.fixture(scope="session")
def up(forking: Forking) -> Iterator[Commands]:
    """`stratoscope up`, off the well-known port, which may be somebody's."""
    data = Path(tempfile.mkdtemp(prefix="stratoscope-"))
    alone = {key: value for key, value in os.environ.items() if not key.startswith("STRATO_")}
    alone[MARK] = os.environ[MARK]
    process = subprocess.Popen(
        [*PROGRAM, "up", "--json", "--data", str(data), "--nats-port", str(free_port())],
        stdout=subprocess.PIPE,
        text=True,
        env=alone,
    )
    try:
        assert process.stdout is not None
        yield Commands(json.loads(process.stdout.readline())["nats"], forking)
    finally:
        process.send_signal(SIGTERM)
        process.communicate(timeout=30)
        shutil.rmtree(data)
