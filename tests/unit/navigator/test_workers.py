"""Processes that work for requests of many spaces."""

import os
from contextlib import aclosing

import pytest

from stratoscope.domain.shares import ShareLimits
from stratoscope.navigator.shares import Share
from stratoscope.navigator.workers import Workers

# Answers each frame with its niceness.
PROGRAM = """
import os, sys
while size := sys.stdin.buffer.read(4):
    sys.stdin.buffer.read(int.from_bytes(size, "big"))
    said = str(os.nice(0)).encode()
    sys.stdout.buffer.write(len(said).to_bytes(4, "big") + said)
    sys.stdout.buffer.flush()
"""


@pytest.mark.parametrize(("share", "more"), [(None, 0), (Share("expressions", ShareLimits(2)), 10)])
async def test_workers_that_requests_share_give_way_to_the_navigator(
    share: Share | None, more: int
) -> None:
    """Those of breakpoints do not: an agent may wait for them at its gate."""
    async with (
        Workers(("-c", PROGRAM), 1, share) as workers,
        workers.one() as worker,
        aclosing(worker.answers(b"?")) as answers,
    ):
        said = await anext(answers)
    assert said == str(min(os.nice(0) + more, 19)).encode()


async def test_a_worker_gets_no_setting_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    withheld = ("STRATO_POSTGRES_DSN", "STRATO_SECRETS_DIR", "STRATO_NATS_CREDS", "PGPASSWORD")
    for name in withheld:
        monkeypatch.setenv(name, "secret")
    program = PROGRAM.replace("str(os.nice(0))", "' '.join(os.environ)")
    async with (
        Workers(("-c", program), 1) as workers,
        workers.one() as worker,
        aclosing(worker.answers(b"?")) as answers,
    ):
        names = (await anext(answers)).decode().split()
    assert "PATH" in names
    assert not set(withheld) & set(names)
