"""A navigator without its transport, over a database that was recorded into."""

import json
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from stratoscope.navigator.comparing.comparisons import Comparisons
from stratoscope.navigator.dispatch import Dispatch
from stratoscope.navigator.expressions.evaluating import Expressions
from stratoscope.navigator.waiting import Waiting
from stratoscope.store.database import pool
from stratoscope.store.watermarks import Watermarks
from stratoscope_contracts.errors import StratoError
from stratoscope_contracts.verbs import VERBS
from support.database_roles import dsn_as
from support.recorded import Recorded, recorded_in

Json = dict[str, Any]


class Asker:
    """Asks verbs as a client would, and holds each reply and error to the contract."""

    def __init__(self, recorded: Recorded, dispatch: Dispatch, waiting: Waiting) -> None:
        self.recorded = recorded
        self.dispatch = dispatch
        self.waiting = waiting

    async def __call__(self, verb: str, space: str = "default", **body: Any) -> Json:
        """The reply; `from_` stands for `from`."""
        sent = {name.rstrip("_"): value for name, value in body.items()}
        try:
            reply = await self.dispatch(space, verb, json.dumps(sent).encode())
        except StratoError as error:
            if error.code not in VERBS[verb].all_errors:
                pytest.fail(f"{verb} may not answer {error.code}")
            raise
        model = VERBS[verb].reply
        model.model_validate_json(reply)
        fields = {field.alias or name for name, field in model.model_fields.items()}
        answered: Json = orjson.loads(reply)
        assert fields <= answered.keys()
        return answered


@pytest.fixture
async def recorded(projection_dsn: str) -> AsyncIterator[Recorded]:
    """A projection to record into."""
    async with recorded_in(projection_dsn) as found:
        yield found


@pytest.fixture
async def ask(recorded: Recorded, projection_dsn: str) -> AsyncIterator[Asker]:
    """A navigator over that projection, by its own role; the log ends where the projection does."""

    async def log_end() -> int:
        return recorded.last_seq

    waiting = Waiting(Watermarks(recorded.pool).read, every=0.02)
    dsn = await dsn_as("navigator", projection_dsn)
    async with (
        pool(dsn, recorded.schema, "test", size=6) as sessions,
        Expressions(workers=1) as expressions,
        Comparisons(workers=1) as comparisons,
    ):
        dispatch = Dispatch(sessions, waiting, log_end, expressions, comparisons=comparisons)
        yield Asker(recorded, dispatch, waiting)
    await waiting.close()
