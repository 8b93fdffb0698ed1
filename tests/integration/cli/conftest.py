"""Everything that `stratoscope up` starts, once for all tests of the commands."""

import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from signal import SIGTERM
from uuid import uuid4

import pytest

from stratoscope.embedded.ports import free_port
from support.commands import PROGRAM, Commands, Explorer, history
from support.forking import Forking
from support.leaks import MARK


@pytest.fixture(scope="session")
def commands(forking: Forking) -> Iterator[Commands]:
    """One `stratoscope up` for all tests of the commands; each uses an agent of its own."""
    data = Path(tempfile.mkdtemp(prefix="stratoscope-"))
    # Settings of the person who runs the tests are not these servers'; the mark of the run is.
    alone = {key: value for key, value in os.environ.items() if not key.startswith("STRATO_")}
    alone[MARK] = os.environ[MARK]
    up = subprocess.Popen(
        # Not the well-known port, which somebody else's broker may want meanwhile.
        [*PROGRAM, "up", "--json", "--data", str(data), "--nats-port", str(free_port())],
        stdout=subprocess.PIPE,
        text=True,
        env=alone,
    )
    try:
        assert up.stdout is not None
        yield Commands(json.loads(up.stdout.readline())["nats"], forking)
    finally:
        up.send_signal(SIGTERM)
        up.communicate(timeout=30)
        shutil.rmtree(data)


@pytest.fixture
async def explorer(commands: Commands, scratch: Path) -> Explorer:
    """The agent, recorded and projected."""
    name = f"explorer-{secrets.token_hex(4)}"
    ids = [str(uuid4()) for _ in range(4)]
    file = scratch / "explorer.ndjson"
    file.write_text("".join(json.dumps({"agent": name, **it}) + "\n" for it in history(ids)))
    commands.text("record", str(file))
    await commands.projected()
    return Explorer(name, file, ids)
