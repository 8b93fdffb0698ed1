"""Steps by a snapshot: which one is next from anywhere, and what finding it costs."""

from datetime import UTC, datetime

import pytest

from stratoscope.navigator.reading import Reading
from stratoscope.navigator.sessions.moving import make_step
from stratoscope_contracts.errors import NavigationOutOfBounds
from stratoscope_contracts.sessions import SessionStepRequest
from support.recorded import event, snapshot

PATCH = [{"op": "add", "path": "/n", "value": 1}]
# Letters are records: an event, one with a patch, a snapshot; a blank ends a message.
TIMELINES = {
    "snapshots first and last": "s e s",
    "none before the first event": "e s p e",
    "several in one message": "espssep psse",
    "a message a record": " ".join("sepsspes"),
    "patches between": "s" + "p" * 3 + "s" + "p" * 9 + "s " + "p" * 40 + "s" + "ep" * 70 + " sp",
    "nothing but one": "es",
    "none at all": "ep p",
}


class Session:
    """A started session, put anywhere and stepped by snapshots."""

    def __init__(self, ask, identity):
        self._ask = ask
        self.id = identity

    async def put(self, place):
        """Right after a record, or before all of them."""
        at = {"stream_seq": 0} if place is None else {"event_index": -1}
        await self._ask("session.goto", id=self.id, at=at)
        if place is not None:
            # Between the records of a message nothing but a step leads to.
            await self._ask.recorded.pool.execute(
                "update session set event_index = $2, stream_seq = $3, ordinal = $4 where id = $1",
                *(self.id, *place),
            )

    async def stepped(self, direction):
        """Where a step led to; None where there is no way."""
        body = {"id": self.id, "direction": direction, "size": "snapshot"}
        try:
            position = (await self._ask("session.step", **body))["position"]
        except NavigationOutOfBounds:
            return None
        return position["event_index"], position["stream_seq"], position["ordinal"]


async def started(ask):
    config = {"auto_breakpoints": False}
    session = (await ask("session.create", agent="walker", config=config))["session"]
    await ask("session.start", id=session["id"])
    return Session(ask, session["id"])


async def recorded_as(recorded, letters):
    """The letters, recorded: each with the event index, the message and the ordinal it has."""
    made = {"e": event, "p": lambda: event(patch=PATCH), "s": lambda: snapshot({})}
    found, index = [], -1
    for message in letters.split():
        seq = await recorded.add("walker", *(made[letter]() for letter in message))
        for ordinal, letter in enumerate(message):
            index += letter != "s"
            found.append((letter, (index, seq, ordinal)))
    return found


def after_first(records):
    """Where a step back leads with no snapshot left: -1, behind all that belongs to it."""
    before = [place for _, place in records if place[0] == -1]
    return before[-1] if before else (-1, None, None)


@pytest.mark.parametrize("letters", TIMELINES.values(), ids=TIMELINES)
async def test_from_every_record_the_nearest_snapshot_on_either_side(ask, recorded, letters):
    records = await recorded_as(recorded, letters)
    session = await started(ask)
    for passed in range(len(records) + 1):
        place = records[passed - 1][1] if passed else None
        ahead = [one for letter, one in records[passed:] if letter == "s"]
        behind = [one for letter, one in records[: max(passed - 1, 0)] if letter == "s"]
        index = place[0] if place else -1
        back = behind[-1] if behind else after_first(records) if index > -1 else None
        await session.put(place)
        assert await session.stepped("forward") == (ahead[0] if ahead else None), place
        await session.put(place)
        assert await session.stepped("backward") == back, place


async def test_what_is_recorded_meanwhile_is_not_skipped(ask, recorded):
    await recorded.add("walker", snapshot({}), event())
    session = await started(ask)
    assert await session.stepped("forward") is None
    seq = await recorded.add("walker", event(), snapshot({}), snapshot({}))
    assert await session.stepped("forward") == (1, seq, 1)
    assert await session.stepped("forward") == (1, seq, 2)
    assert await session.stepped("forward") is None


async def questions(ask, session, direction, size):
    """How many statements a step takes."""
    asked = []
    async with ask.recorded.pool.acquire() as connection:
        reading = Reading(
            *("default", connection, datetime.now(UTC), ask.dispatch.expressions),
            ask.dispatch.log_end,
        )
        body = {"id": session.id, "direction": direction, "size": size}
        with connection.query_logger(asked.append):
            await make_step(reading, SessionStepRequest.model_validate(body))
    return len(asked)


@pytest.mark.parametrize("direction", ["forward", "backward"])
async def test_it_asks_one_question_more_than_a_step_by_an_event(ask, recorded, direction):
    await recorded_as(recorded, "sep psse espe")
    session = await started(ask)
    for size, count in (("event", 2), ("snapshot", 3)):
        await session.put((2, 2, 0))
        assert await questions(ask, session, direction, size) == count
