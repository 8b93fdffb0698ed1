"""Where the examples find a broker: at an address, or in a stack of their own."""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from stratoscope.client import DEFAULT_URL, Unreachable
from stratoscope.embedded.errors import EmbeddedError
from stratoscope.embedded.stack import Wanted, running_stack


def run(example: Callable[[str], Awaitable[None]], about: str) -> None:
    """Run an example at the address that the command line names, or at that of a stack for it."""
    asked = argparse.ArgumentParser(description=about)
    default = os.environ.get("STRATO_NATS_URL", DEFAULT_URL)
    asked.add_argument("url", nargs="?", default=default, help=f"the broker ({default})")
    asked.add_argument("--embedded", action="store_true", help="start all that is needed")
    given = asked.parse_args()

    async def at_its_place() -> None:
        async with _broker(given.url, embedded=given.embedded) as url:
            await example(url)

    try:
        asyncio.run(at_its_place())
    except (Unreachable, EmbeddedError) as error:
        sys.exit(f"{error}\nstart one with `stratoscope up`, or say --embedded")


@asynccontextmanager
async def _broker(url: str, *, embedded: bool) -> AsyncIterator[str]:
    if not embedded:
        yield url
        return
    with tempfile.TemporaryDirectory(prefix="stratoscope-example-") as folder:
        async with running_stack(Wanted(data=Path(folder))) as stack:
            yield stack.nats_url
