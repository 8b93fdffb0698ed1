"""A navigator over a database that was recorded into, and what drops old records there."""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import orjson
import pytest

from stratoscope.domain.retention import Keeping
from stratoscope.navigator.dispatch import Dispatch
from stratoscope.navigator.expressions.evaluating import Expressions
from stratoscope.navigator.waiting import Waiting
from stratoscope.projector.metrics import Metrics
from stratoscope.projector.retention import Cleaned, Cleaner
from stratoscope.store.leases import Held
from stratoscope.store.watermarks import Watermarks
from stratoscope_contracts.verbs import VERBS
from support.recorded import Recorded, after, recorded_in

Json = dict[str, Any]


class Kept:
    """A projection with a navigator before it and retention beside it."""

    def __init__(self, recorded: Recorded, dispatch: Dispatch) -> None:
        self.recorded = recorded
        self.add = recorded.add
        self.metrics = Metrics()
        self._dispatch = dispatch

    async def ask(self, verb: str, **body: Any) -> Json:
        """The reply, held to the contract; `from_` stands for `from`."""
        sent = {name.rstrip("_"): value for name, value in body.items()}
        reply = await self._dispatch("default", verb, json.dumps(sent).encode())
        VERBS[verb].reply.model_validate_json(reply)
        answered: Json = orjson.loads(reply)
        return answered

    async def raw(self, agent: str, at: Json) -> bytes:
        """The state in a reply, byte for byte."""
        body = json.dumps({"agent": agent, "at": at}).encode()
        reply = await self._dispatch("default", "state.at", body)
        return reply.partition(b'"state":')[2].partition(b',"exists":')[0]

    def limit(self, keeping: Keeping) -> None:
        """What is recorded from here on goes into groups small enough for these limits."""
        self.recorded.closing = keeping.closing(0.5, 3)

    async def clean(self, keeping: Keeping, *, at: float = 0, epochs: int = 0) -> Cleaned:
        """One run of retention; `at` is the time, `epochs` how far the lease is out of date."""
        held = await self.held(epochs)
        cleaner = Cleaner(self.recorded.pool, lambda: held, keeping, self.metrics, grace=0)
        return await cleaner.clean(after(at))

    async def held(self, epochs: int = 0) -> list[Held]:
        """All partitions."""
        rows = await self.recorded.pool.fetch(
            "select partition, epoch - $1, stream_seq, probe_seq, probe_digest from partition",
            epochs,
        )
        return [Held(*row) for row in rows]

    async def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the projection."""
        return [tuple(row) for row in await self.recorded.pool.fetch(statement, *values)]


@pytest.fixture
async def kept(projection_dsn: str) -> AsyncIterator[Kept]:
    """Nothing is recorded yet."""
    async with recorded_in(projection_dsn) as recorded, Expressions(workers=1) as expressions:

        async def log_end() -> int:
            return recorded.last_seq

        waiting = Waiting(Watermarks(recorded.pool).read, every=0.02)
        times = {"now": lambda: datetime.fromisoformat("2026-11-23T09:00:00Z")}
        yield Kept(recorded, Dispatch(recorded.pool, waiting, log_end, expressions, **times))
        await waiting.close()
