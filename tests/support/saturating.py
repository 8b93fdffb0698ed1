"""A process that saturates: `python saturating.py URL SUBJECT COUNT BODY...`, or `burn`.

So many ask at a time, each again once it has its reply; the bodies go round.

It has a loop of its own, so that its work does not delay the requests that a test measures. `burn`
takes as much of a processor without asking anything: what a busy machine alone costs.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import nats
from nats.aio.client import Client

_READY = b"saturating\n"


@asynccontextmanager
async def saturating(*said: str) -> AsyncIterator[None]:
    """Saturate for as long as the block lasts, from the first answer on."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, *said), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            assert await process.stdout.readline() == _READY
        yield
        assert process.returncode is None
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _again_and_again(client: Client, subject: str, body: bytes) -> None:
    inbox = client.new_inbox()
    messages = await client.subscribe(inbox)
    while True:
        await client.publish(subject, body, reply=inbox)
        while True:
            message = await messages.next_msg(timeout=60)
            if message.headers or not subject.endswith(".replay"):
                _tell()
                break


_told = count()


def _tell() -> None:
    if not next(_told):
        sys.stdout.buffer.write(_READY)
        sys.stdout.buffer.flush()


async def _ask(url: str, subject: str, number: str, *bodies: str) -> None:
    client = await nats.connect(url)
    async with asyncio.TaskGroup() as group:
        for which in range(int(number)):
            body = bodies[which % len(bodies)].encode()
            group.create_task(_again_and_again(client, subject, body))


if __name__ == "__main__":
    if sys.argv[1] == "burn":
        _tell()
        while True:
            pass
    asyncio.run(_ask(*sys.argv[1:]))
