"""What a projection has and what the log says: each difference is named, and nothing else is."""

from uuid import uuid4

import nats
import pytest

from stratoscope.broker.connection import connect
from stratoscope_contracts.words import STREAM_RECORD
from support.administered import Administered, Json
from support.load import load
from support.service import ServiceProcess

EVENT = "strato.default.rec.explorer.event"
SNAPSHOT = "strato.default.rec.explorer.snapshot"
OTHER = "strato.elsewhere.rec.other.event"
CONFLICT = {"type": "a", "patch": [{"op": "remove", "path": "/not/there"}]}


def step(number: int) -> Json:
    patch = [{"op": "add", "path": "/n", "value": number}]
    return {"type": "a", "data": {"n": number}, "patch": patch}


@pytest.fixture
async def recorded(administered: Administered, projector: ServiceProcess) -> Administered:
    """Messages of all kinds, projected; the event of index n is of message 2 + n."""
    await administered.record(SNAPSHOT, {"state": {"n": -1}})
    await administered.record(EVENT, *map(step, range(8)))
    await administered.record(EVENT, CONFLICT, {"type": 7})
    repeated = {"id": str(uuid4()), "type": "a"}
    await administered.record(EVENT, repeated, repeated)
    await administered.record(SNAPSHOT, {"state": {"n": 100}})
    gap = {"records": 3, "first_at": "2026-01-01T00:00:00Z", "last_at": "2026-01-01T00:00:01Z"}
    await administered.record(OTHER, {"type": "b", "causes": [repeated["id"]]})
    await administered.record(OTHER, {"type": "b", "gap": gap})
    await administered.projected()
    return administered


async def faults(administered: Administered, *options: str) -> list[Json]:
    done = await administered.run("verify", *options)
    assert done.code == 1, done.out
    return list(done.json["damage"])


async def change(administered: Administered, *statements: str) -> None:
    for statement in statements:
        await administered.fetch(
            statement.replace(
                "HERE", "agent_id = (select agent_id from agent where name = 'explorer')"
            )
        )


async def test_what_is_as_the_log_says_is_said_to_be(recorded: Administered):
    done = await recorded.run("verify")
    assert done.code == 0, done.out
    assert done.json["log"] == {
        "first_seq": 1,
        "through": 16,
        "messages": 16,
        "events": 11,
        "states": 10,
        "refused": 2,
        "difference": None,
        "uncompared": [],
    }


async def test_a_lost_event_is_named_with_its_message(recorded: Administered):
    await change(recorded, "delete from event where HERE and event_index = 5")
    found = await faults(recorded)
    (lost,) = [one for one in found if "not projected" in one["what"]]
    assert (lost["event_index"], lost["stream_seq"]) == (5, 7)


async def test_a_lost_event_is_named_although_later_ones_have_its_number(recorded: Administered):
    """As intake would leave it that never saw the message."""
    await change(
        recorded,
        "delete from event where HERE and event_index = 8",
        "delete from state_version where HERE and version = 9",
        "update agent set next_event = 8, next_version = 9, snapshots = 1 where name = 'explorer'",
    )
    found = await faults(recorded)
    places = {(one["event_index"], one["version"], one["stream_seq"]) for one in found}
    assert (8, None, 12) in places
    assert (None, 9, 14) in places


@pytest.mark.parametrize(
    ("statement", "column"),
    [
        ("update event set data = '{}' where HERE and event_index = 3", "data"),
        ("update event set id = gen_random_uuid() where HERE and event_index = 3", "id"),
        ("update event set depth = 9 where HERE and event_index = 3", "depth"),
        ("update event set patch = null where HERE and event_index = 3", "patch"),
    ],
)
async def test_an_event_with_other_content_is_named(
    recorded: Administered, statement: str, column: str
):
    await change(recorded, statement)
    (found,) = await faults(recorded)
    assert (found["agent"], found["event_index"], found["stream_seq"]) == ("explorer", 3, 5)
    assert found["what"] == f"by message 5 it has other values: {column}"


async def test_swapped_events_are_named(recorded: Administered):
    await change(
        recorded,
        "update event set event_index = -event_index where HERE and event_index in (2, 3)",
        "update event set event_index = 5 + event_index where HERE and event_index < 0",
    )
    found = await faults(recorded)
    swapped = {
        (one["event_index"], one["stream_seq"]) for one in found if "it stands" in one["what"]
    }
    assert swapped == {(2, 4), (3, 5)}


async def test_a_state_that_the_log_does_not_give_is_named(recorded: Administered):
    # A sound state, with its own hash: that of another moment.
    await change(
        recorded,
        "update state_version as one set blob = other.blob, digest = other.digest,"
        " size = other.size, slot = other.slot from state_version as other"
        " where one.agent_id = other.agent_id and one.version = 9 and other.version = 0"
        " and one.agent_id = (select agent_id from agent where name = 'explorer')",
    )
    found = await faults(recorded)
    named = [one for one in found if one["stream_seq"] is not None]
    assert [(one["version"], one["stream_seq"]) for one in named] == [(9, 14)]
    assert "digest" in named[0]["what"]


async def test_rows_that_are_not_in_the_log_are_named(recorded: Administered):
    await change(
        recorded,
        "insert into event (event_index, stream_seq, clock, recorded_at, agent_id, type_id,"
        " ordinal, depth, id, data) select 9, 16, clock, recorded_at, agent_id, type_id, 7, 1,"
        " gen_random_uuid(), '{}' from event where HERE and event_index = 8",
        "update agent set next_event = 10 where name = 'explorer'",
    )
    (found,) = await faults(recorded)
    assert found["event_index"] == 9
    assert found["what"] == "1 events from here on are projected and not in the log"


async def test_a_missing_dead_letter_is_named(recorded: Administered):
    await change(recorded, "delete from dead_letter where stream_seq = 11")
    (found,) = await faults(recorded)
    assert (found["space"], found["agent"], found["stream_seq"]) == ("default", "explorer", 11)
    assert "is no dead letter" in found["what"]


async def test_a_missing_doubt_is_named(recorded: Administered):
    await change(recorded, "delete from taint where HERE and stream_seq = 10")
    (found,) = await faults(recorded)
    assert (found["agent"], found["stream_seq"]) == ("explorer", 10)


async def test_an_agent_that_is_missing_altogether_is_named(recorded: Administered):
    other = "(select agent_id from agent where name = 'other')"
    for table in ("edge", "event", "state_version", "taint", "agent"):
        await recorded.fetch(f"delete from {table} where agent_id = {other}")
    found = await faults(recorded)
    assert {(one["space"], one["agent"]) for one in found} == {("elsewhere", "other")}


async def test_a_space_or_an_agent_alone_is_compared(recorded: Administered):
    await change(recorded, "delete from event where HERE and event_index = 5")
    done = await recorded.run("verify", "--space", "elsewhere")
    assert done.code == 0, done.out
    assert done.json["log"]["messages"] == 2
    assert await faults(recorded, "--agent", "explorer")


async def test_nothing_is_wrong_while_others_record(
    administered: Administered, projector: ServiceProcess
):
    async with load(administered.nats_url, "busy"):
        for _ in range(3):
            done = await administered.run("verify")
            assert done.code == 0, done.out


async def test_nothing_is_wrong_after_an_erasure_and_a_rebuild(recorded: Administered):
    erased = await recorded.run("erase", "explorer", "--yes")
    assert erased.code == 0, erased.err
    assert (await recorded.run("verify")).code == 0
    await recorded.record(EVENT, *map(step, range(3)))
    await recorded.projected()
    assert (await recorded.run("verify")).code == 0
    await recorded.rebuild()
    done = await recorded.run("verify")
    assert done.code == 0, done.out
    assert done.json["log"]["events"] == 5


async def test_a_replaced_log_is_told_and_not_compared(recorded: Administered):
    client = await nats.connect(recorded.nats_url)
    stream = client.jetstream()
    info = await stream.stream_info(STREAM_RECORD)
    await stream.delete_stream(STREAM_RECORD)
    await stream.add_stream(info.config)
    await client.close()
    done = await recorded.run("verify")
    assert done.code == 1
    assert done.json["damaged"] == 0
    assert "was made at" in done.json["log"]["difference"]


async def test_a_log_without_its_beginning_says_what_was_not_compared(recorded: Administered):
    broker = await connect(recorded.nats_url, name="test")
    await broker.jetstream.purge_stream(STREAM_RECORD, seq=7)
    await broker.close()
    done = await recorded.run("verify")
    assert done.code == 0, done.out
    assert done.json["log"]["first_seq"] == 7
    assert "the log begins with message 7" in done.json["log"]["uncompared"][0]
    await change(recorded, "delete from event where HERE and event_index = 6")
    assert any(one["stream_seq"] == 8 for one in await faults(recorded))


async def test_without_a_broker_it_says_how_to_do_without(recorded: Administered):
    done = await recorded.run("verify", "--server", "nats://127.0.0.1:1")
    assert done.code == 4
    assert "--no-log" in done.err
