"""A large message is marked while it is taken, and the mark stays only where it may be at fault."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from stratoscope.broker.puller import Delivered
from stratoscope.domain.delta import DamagedChain
from stratoscope.projector.metrics import Metrics
from stratoscope.projector.pipeline import Pipeline
from stratoscope.projector.quarantine import MARKED_BYTES


class Marks:
    """The attempts that did not come to an end."""

    def __init__(self) -> None:
        self.left: dict[int, int] = {}

    async def begin(self, stream_seq: int) -> int:
        self.left[stream_seq] = self.left.get(stream_seq, 0) + 1
        return self.left[stream_seq]

    async def give_up(self, stream_seq: int) -> None:
        self.left[stream_seq] -= 1

    async def finish(self, stream_seq: int) -> None:
        del self.left[stream_seq]


class DamagedGathering:
    """Meets damaged states of the database at every message."""

    def release(self) -> None:
        """Nothing is held."""

    async def gather(self, *_: object, **__: object) -> object:
        raise DamagedChain("a state lacks its base")


class OneMessage:
    """Delivers a large message."""

    async def take(self, *_: object) -> list[Delivered]:
        subject = "strato.default.part.0.agent-1.event"
        return [Delivered(7, datetime.now(UTC), subject, None, b"{}", MARKED_BYTES)]

    @property
    def passed(self) -> int:
        return 0


async def test_damaged_states_are_not_put_down_to_the_message_that_met_them() -> None:
    """The projector halts for them; after some starts the message would be buried unread."""
    marks = Marks()
    leases = SimpleNamespace(held=(SimpleNamespace(stream_seq=6, partition=0),))
    pipeline = Pipeline(
        OneMessage(),
        cast(Any, DamagedGathering()),
        cast(Any, None),
        cast(Any, leases),
        told=cast(Any, None),
        metrics=Metrics(),
        attempts=marks,
    )
    with pytest.raises(DamagedChain):
        await pipeline._turn()
    assert marks.left == {7: 0}
