"""Random moves of a real session end where a plain list of records says."""

from itertools import count
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stratoscope_contracts.errors import NavigationOutOfBounds
from support.recorded import event, snapshot
from support.walks import CAPACITY, TIMELINES, Walker, body_of, moves

PATCH = [{"op": "add", "path": "/n", "value": 1}]
FRESH = count()


def spelled(kind, at, record_id):
    match kind:
        case "event":
            return event(at=at, id=record_id)
        case "patch":
            return event(at=at, id=record_id, patch=PATCH)
        case _:
            return snapshot({}, at=at, id=record_id)


async def recorded_as(recorded, timeline, agent):
    """The timeline, recorded; its records."""
    ids = [str(uuid4()) for message in timeline.messages for _ in message]
    records = timeline.records(recorded.last_seq + 1, iter(ids))
    given_ids = iter(ids)
    await recorded.add_messages(
        [
            (agent, [spelled(kind, at, next(given_ids)) for kind, at in message])
            for message in timeline.messages
        ]
    )
    return records


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(timeline=TIMELINES, data=st.data())
async def test_random_moves_end_where_a_list_says(ask, recorded, timeline, data):
    agent = f"walker-{next(FRESH)}"
    first_seq = recorded.last_seq + 1
    records = await recorded_as(recorded, timeline, agent)
    config = {"max_navigation_history": CAPACITY, "auto_breakpoints": False}
    identity = (await ask("session.create", agent=agent, config=config))["session"]["id"]
    await ask("session.start", id=identity)
    walker = Walker.at_the_end(records)
    for verb, move in data.draw(st.lists(moves(len(records), first_seq), max_size=20)):
        body = body_of(move, records)
        expected = walker.made(verb, move)
        if expected is None:
            with pytest.raises(NavigationOutOfBounds):
                await ask(verb, id=identity, **body)
            continue
        walker = expected
        position = (await ask(verb, id=identity, **body))["position"]
        told = walker.told()
        assert {name: position[name] for name in told} == told, (verb, body)
    history = await ask("session.history", id=identity)
    assert history["current"] == walker.current
    assert len(history["positions"]) == len(walker.places)
    assert (await ask("session.position", id=identity))["position"] == history["positions"][
        walker.current
    ]
