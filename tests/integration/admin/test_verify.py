"""Whatever is damaged in a projection is found and named, and nothing else is."""

import pytest

from stratoscope.store.database import connection
from support.administered import Administered, Json
from support.recorded import Recorded, event, recorded_in, snapshot

STATES = 40


@pytest.fixture
async def damaged(administered: Administered) -> Administered:
    """Two agents of a space and one of another, before anything is damaged."""
    async with recorded_in(administered.dsn) as recorded:
        for agent in ("explorer", "other"):
            await _history(recorded, agent, "default")
        await _history(recorded, "explorer", "elsewhere")
    return administered


async def _history(recorded: Recorded, agent: str, space: str) -> None:
    first = event("decision_made")
    patch = [{"op": "add", "path": "/patched", "value": True}]
    await recorded.add(
        agent, snapshot({"n": -1}), first, event("a", causes=[first["id"]]), space=space
    )
    for number in range(STATES - 2):
        state = {"n": number, "text": "x" * 200}
        await recorded.add(agent, event("b"), snapshot(state, memory_usage=7), space=space)
    await recorded.add(agent, event("c", patch=patch), space=space)


async def _damage(administered: Administered, statement: str) -> None:
    async with connection(administered.dsn, "strato_p1", "test") as session:
        done = await session.execute(
            statement.replace(
                "HERE",
                "agent_id = (select agent_id from agent"
                " where name = 'explorer' and space = 'default')",
            )
        )
        assert done.split()[-1] != "0", done


async def _faults(administered: Administered) -> list[Json]:
    done = await administered.run("verify", "--no-log")
    assert done.code == 1
    assert done.json["damaged"] == 1
    found = done.json["damage"]
    assert {(one["space"], one["agent"]) for one in found} == {("default", "explorer")}
    return list(found)


async def test_a_projection_that_holds_together_is_said_to(damaged: Administered):
    done = await damaged.run("verify", "--no-log")
    assert done.code == 0
    assert done.json == {
        "schema": "strato_p1",
        "agents": 3,
        "events": 3 * (STATES + 1),
        "versions": 3 * STATES,
        "damaged": 0,
        "damage": [],
        "log": None,
    }


async def test_one_agent_or_one_space_is_looked_at_where_it_is_named(damaged: Administered):
    assert (await damaged.run("verify", "--no-log", "--agent", "explorer")).json["agents"] == 2
    assert (await damaged.run("verify", "--no-log", "--space", "elsewhere")).json["agents"] == 1
    found = await damaged.run("verify", "--no-log", "--space", "elsewhere", "--agent", "other")
    assert found.code == 3
    assert "nothing was recorded of other" in found.err


@pytest.mark.parametrize(
    "damage",
    [
        "update state_version set digest = '\\x0102030405060708' where HERE and version = 8",
        "update state_version set blob = '\\x00' where HERE and version = 8",
        "update state_version set size = size + 1 where HERE and version = 8",
    ],
)
async def test_a_damaged_state_is_named_with_those_that_build_on_it(
    damaged: Administered, damage: str
):
    await _damage(damaged, damage)
    faults = await _faults(damaged)
    states = {one["version"] for one in faults if one["version"] is not None}
    # 8 is what 9, 10, 12 and all up to 15 are compressed with, one way or another.
    assert states == set(range(8, 16))


@pytest.mark.parametrize(
    ("damage", "version", "said"),
    [
        (
            "delete from state_version where HERE and version = 39",
            39,
            "versions 39 to 39 are missing",
        ),
        ("delete from state_version where HERE and version = 5", 5, "versions 5 to 5 are missing"),
        ("update state_version set slot = 3 where HERE and version = 5", 5, "slot 3 follows 4"),
        (
            "update state_version set stream_seq = 1 where HERE and version = 5",
            5,
            "stands before the version before it",
        ),
    ],
)
async def test_a_state_that_is_not_in_its_place_is_named(
    damaged: Administered, damage: str, version: int, said: str
):
    await _damage(damaged, damage)
    assert (version, said) in [(one["version"], one["what"]) for one in await _faults(damaged)]


@pytest.mark.parametrize(
    ("damage", "event_index", "said"),
    [
        (
            "delete from event where HERE and event_index = 0",
            0,
            "41 events are counted, 40 are there",
        ),
        (
            "delete from event where HERE and event_index = 7",
            7,
            "41 events are counted, 40 are there",
        ),
        (
            "delete from event where HERE and event_index = 40",
            40,
            "41 events are counted, 40 are there",
        ),
        (
            "update event set stream_seq = 1, ordinal = 0 where HERE and event_index = 9",
            None,
            "1 events stand before the event before them",
        ),
        ("delete from edge where HERE", None, "1 causes are named, 0 are indexed"),
    ],
)
async def test_an_event_that_is_not_in_its_place_is_named(
    damaged: Administered, damage: str, event_index: int | None, said: str
):
    await _damage(damaged, damage)
    faults = await _faults(damaged)
    assert (event_index, said) in [(one["event_index"], one["what"]) for one in faults]


@pytest.mark.parametrize(
    "counter", ["snapshots", "patches", "keyframes", "memory_usage", "raw_bytes", "stored_bytes"]
)
async def test_a_count_that_is_not_that_of_the_rows_is_named(damaged: Administered, counter: str):
    await _damage(damaged, f"update agent set {counter} = {counter} + 1 where HERE")
    (fault,) = await _faults(damaged)
    assert fault["what"].startswith(f"{counter} is ")


async def test_a_person_is_told_what_to_do(damaged: Administered):
    await _damage(damaged, "delete from event where HERE and event_index = 7")
    process = await damaged.start("verify", "--no-log")
    out, _ = await process.communicate()
    assert process.returncode == 1
    said = out.decode()
    assert "strato_p1 is damaged" in said
    assert "event 7" in said
    assert "stratoscope rebuild" in said


async def test_a_database_is_brought_up_to_date_once(administered: Administered):
    first = await administered.run("migrate")
    assert first.json["serving"] == "strato_p1"
    assert first.json["applied"][0] == "operations 0001 initial"
    assert (await administered.run("migrate")).json["applied"] == []


@pytest.mark.parametrize(
    ("damage", "event_index", "version", "said"),
    [
        ("update event set occurred_at = '-infinity' where HERE and event_index = 3", 3, None, "a"),
        ("update event set clock = 'infinity' where HERE and event_index = 3", 3, None, "a"),
        (
            """update event set data = '{"a":"\\ud800"}' where HERE and event_index = 4""",
            4,
            None,
            "its",
        ),
        (
            """update event set data = '{"a":"\\u0000"}' where HERE and event_index = 4""",
            4,
            None,
            "its",
        ),
        (
            """update event set metadata = '{"a":1e400}' where HERE and event_index = 4""",
            4,
            None,
            "its",
        ),
        ("""update event set patch = '[1e999]' where HERE and event_index = 4""", 4, None, "its"),
        (
            "update state_version set occurred_at = 'infinity' where HERE and version = 5",
            None,
            5,
            "a",
        ),
        (
            """update state_version set metadata = '{"a":1e400}' where HERE and version = 5""",
            None,
            5,
            "its",
        ),
        ("update agent set clock = '-infinity' where HERE", None, None, "a"),
    ],
)
async def test_what_no_reply_can_tell_is_named(
    damaged: Administered, damage: str, event_index: int | None, version: int | None, said: str
):
    await _damage(damaged, damage)
    (found,) = await _faults(damaged)
    assert (found["event_index"], found["version"]) == (event_index, version)
    whole = {"a": "a time is infinite", "its": "its JSON can't be read"}[said]
    assert found["what"].startswith(whole)
