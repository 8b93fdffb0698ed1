"""LangGraph's own Postgres checkpointer, doing what it is compared in: the same states put and got.

Each top-level key of a state is a channel, and a channel is put only where it changed: that is how
LangGraph runs a graph over such a state, and it is the cheaper way for it.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from langgraph.checkpoint.base import CheckpointTuple, empty_checkpoint
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from states import State

_DATABASE = "langgraph"
_THREAD = {"thread_id": "explorer", "checkpoint_ns": ""}


class Peer:
    """One thread of checkpoints in a database of its own."""

    def __init__(self, saver: AsyncPostgresSaver, dsn: str) -> None:
        self._saver = saver
        self.dsn = dsn
        self.ids: list[str] = []

    async def put(self, states: Iterable[State]) -> None:
        """Put each state as the checkpoint after the one before."""
        before: State = {}
        versions: dict[str, str | int | float] = {}
        configurable: dict[str, Any] = dict(_THREAD)
        for step, state in enumerate(states):
            changed = [key for key, value in state.items() if value is not before.get(key)]
            new = {key: f"{step + 1:032}.0" for key in changed}
            versions = versions | new
            checkpoint = empty_checkpoint()
            checkpoint["channel_values"] = dict(state)
            checkpoint["channel_versions"] = versions
            saved = await self._saver.aput(
                {"configurable": configurable}, checkpoint, {"source": "loop", "step": step}, new
            )
            configurable = saved["configurable"]
            self.ids.append(checkpoint["id"])
            before = state

    async def get(self, number: int) -> CheckpointTuple:
        """The checkpoint that was put as this one, 0 the first."""
        found = await self._saver.aget_tuple(
            {"configurable": {**_THREAD, "checkpoint_id": self.ids[number]}}
        )
        if found is None:
            raise SystemExit(f"the peer lost checkpoint {number}")
        return found


@asynccontextmanager
async def peer(dsn: str) -> AsyncIterator[Peer]:
    """A checkpointer on a new database of this server, its tables made."""
    own = await new_database(dsn, _DATABASE)
    async with AsyncPostgresSaver.from_conn_string(own) as saver:
        await saver.setup()
        yield Peer(saver, own)


async def new_database(dsn: str, name: str) -> str:
    """The DSN of a new database beside this one."""
    session = await asyncpg.connect(dsn)
    try:
        await session.execute(f"create database {name}")
    finally:
        await session.close()
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))
