"""A projection filled without a broker: messages go through intake as they would from the log."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson

from stratoscope.broker.puller import Delivered
from stratoscope.domain.delta import Closing
from stratoscope.projector.dead_letters import buried
from stratoscope.projector.gathering import Gathering
from stratoscope.store.database import pool
from stratoscope.store.intake import IntakeWriter, Progress
from stratoscope.store.leases import Held
from stratoscope.store.migration import migrate
from stratoscope.store.past import IntakeReader
from stratoscope_contracts.subjects import stored

START = datetime(2026, 11, 23, 8, 0, 0, tzinfo=UTC)

Json = dict[str, Any]


def after(seconds: float) -> datetime:
    """A moment of the recordings."""
    return START + timedelta(seconds=seconds)


def event(type: str = "action_execution", *, at: float | None = None, **fields: Any) -> Json:
    """An event with an id of its own; `at` is its occurred time in seconds."""
    return _record("event", at, {"type": type, "id": str(uuid4())} | fields)


def snapshot(state: Any, *, at: float | None = None, **fields: Any) -> Json:
    """A snapshot with an id of its own."""
    return _record("snapshot", at, {"state": state, "id": str(uuid4())} | fields)


def _record(kind: str, at: float | None, fields: Json) -> Json:
    times = {} if at is None else {"occurred_at": after(at).isoformat()}
    return {"kind": kind} | times | fields


class Recorded:
    """A log and its projection, in one."""

    def __init__(self, sessions: asyncpg.Pool, schema: str) -> None:
        self.pool = sessions
        self.schema = schema
        self.last_seq = 0
        self.field_index = True
        self.closing = Closing()

    async def add(
        self, agent: str, *records: Json, space: str = "default", at: float | None = None
    ) -> int:
        """Record a message and project it; its stream_seq. `at` is the broker's time."""
        return await self.add_messages([(agent, list(records))], space=space, at=at)

    async def add_messages(
        self,
        messages: list[tuple[str, list[Json]]],
        *,
        space: str = "default",
        at: float | None = None,
    ) -> int:
        """Record messages and project them in one batch; the last one's stream_seq."""
        delivered = []
        for agent, records in messages:
            self.last_seq += 1
            delivered.append(
                Delivered(
                    self.last_seq,
                    after(self.last_seq if at is None else at),
                    stored(space, agent, "batch"),
                    None,
                    orjson.dumps({"records": records}),
                )
            )
        await self._project(delivered)
        return self.last_seq

    async def _project(self, delivered: list[Delivered]) -> None:
        async with self.pool.acquire() as session:
            rows = await session.fetch(
                "select partition, epoch, stream_seq, probe_seq, probe_digest from partition"
            )
            held = [Held(*row) for row in rows]
            gathering = Gathering(
                IntakeReader(self.pool),
                "STRATO_RECORD",
                complete=True,
                cache_bytes=1 << 30,
                passed={one.partition: one.stream_seq for one in held},
                field_index=self.field_index,
                closing=self.closing,
            )
            batch = await gathering.decide(await gathering.gather(delivered))
            await IntakeWriter(session).commit(
                batch, buried(delivered, batch.rejections), held, Progress(delivered[-1].stream_seq)
            )

    async def set_watermark(self, partition: int, stream_seq: int) -> None:
        """Move one partition's checkpoint, as a projector of its own would."""
        await self.pool.execute(
            "update partition set stream_seq = $2 where partition = $1", partition, stream_seq
        )


@asynccontextmanager
async def recorded_in(dsn: str, *, size: int = 6) -> AsyncIterator[Recorded]:
    """A migrated database to record into."""
    migrated = await migrate(dsn)
    async with pool(dsn, migrated.serving, "test", size=size) as sessions:
        yield Recorded(sessions, migrated.serving)


def an_id() -> str:
    """An id that nothing has."""
    return str(UUID(int=uuid4().int))
