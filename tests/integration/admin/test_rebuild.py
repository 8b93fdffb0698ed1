"""What a rebuild does, refuses and leaves."""

import asyncpg
import nats
import orjson

from stratoscope.broker.connection import connect
from stratoscope.store.database import OPERATIONS, connection
from stratoscope.store.projections import Projections
from stratoscope_contracts.words import STREAM_RECORD
from support.administered import Administered
from support.eventually import eventually
from support.load import Load, load
from support.projecting import Projecting
from support.service import ServiceProcess
from support.stack import PostgresServer

EVENT = "strato.default.rec.explorer.event"
SNAPSHOT = "strato.default.rec.explorer.snapshot"
CONFLICT = {"type": "a", "patch": [{"op": "remove", "path": "/not/there"}]}


def an_event(number: int) -> dict[str, object]:
    return {"type": "a", "data": {"n": number}}


async def test_a_rebuild_gives_what_the_log_says_and_the_projector_goes_on_with_it(
    administered: Administered, projector: ServiceProcess
):
    async with load(administered.nats_url, "before") as recording:
        await eventually(lambda: _some(recording, 150))
    await administered.projected()
    done = await administered.rebuild()
    assert (done["schema"], done["replaced"], done["resumed"]) == ("strato_p2", "strato_p1", False)
    assert done["dropped"] == ["strato_p1"]
    assert done["messages"] == await administered.last_seq()
    assert (await administered.serving(), await administered.schemas()) == (
        "strato_p2",
        ["strato_p2"],
    )
    async with load(administered.nats_url, "after") as recording:
        await eventually(lambda: _some(recording, 50))
    await administered.assert_equals_log()


async def test_what_was_refused_stays_refused_and_is_published_once(
    administered: Administered, projector: ServiceProcess
):
    await administered.record(EVENT, an_event(1), CONFLICT, {"type": 7}, an_event(2))
    await administered.record(SNAPSHOT, {"state": {}})
    await administered.projected()
    verdicts = "select * from dead_letter order by stream_seq"
    taints = "select stream_seq, ordinal, event_index from taint"

    async def published() -> bool:
        rows = await administered.fetch("select from dead_letter where published_at is not null")
        return len(rows) == 2

    await eventually(published)
    before = await administered.fetch(verdicts), await administered.fetch(taints)
    await administered.rebuild()
    await administered.record(EVENT, an_event(3), CONFLICT)
    await eventually(lambda: _letters(administered, 3))
    assert (await administered.fetch(verdicts))[:2] == before[0]
    assert (await administered.fetch(taints))[:1] == before[1]
    await administered.assert_equals_log()


async def test_a_verdict_stands_although_the_message_could_be_taken_now(
    administered: Administered, projector: ServiceProcess
):
    _, second, _ = await administered.record(EVENT, *map(an_event, range(3)))
    await administered.projected()
    # As if it had been refused by an older version, for a patch that today would apply.
    await administered.fetch(
        "insert into dead_letter values ($1, 0, 1, 'default', 'explorer', $2, 'patch_conflict',"
        " 'no', '{}', '', now(), now())",
        second,
        EVENT,
    )
    refused = await administered.run("rebuild")
    assert refused.code == 1
    comparison = refused.json["comparison"]
    assert (comparison["agents"], comparison["differing"]) == (1, 1)
    assert comparison["differences"] == [
        {
            "space": "default",
            "agent": "explorer",
            "parts": {"events": [3, 2], "taints": [0, 1]},
        }
    ]
    assert await administered.serving() == "strato_p1"
    # What was filled is not filled again.
    forced = await administered.rebuild("--force-swap")
    assert (forced["schema"], forced["resumed"], forced["messages"]) == ("strato_p2", True, 0)
    rows = await administered.fetch("select data->>'n' as n from event order by event_index")
    assert [row["n"] for row in rows] == ["0", "2"]
    assert [row[0] for row in await administered.fetch("select stream_seq from taint")] == [second]


async def test_two_that_differ_are_told_to_a_person(
    administered: Administered, projector: ServiceProcess
):
    await administered.record(EVENT, *map(an_event, range(3)))
    await administered.projected()
    await administered.fetch("delete from event where event_index = 1")
    process = await administered.start("rebuild")
    out, _ = await process.communicate()
    said = out.decode()
    assert process.returncode == 1
    assert "not swapped: 1 of 1 agents differ from strato_p1" in said
    assert "2 → 3 events" in said
    assert "--force-swap" in said
    dropped = await administered.run("rebuild", "--discard")
    assert dropped.json == {"dropped": ["strato_p2"]}
    assert await administered.schemas() == ["strato_p1"]


async def test_a_purged_log_is_told_where_a_rebuild_would_lose_what_it_had(
    administered: Administered, projector: ServiceProcess
):
    await administered.record(EVENT, *map(an_event, range(3)))
    await administered.projected()
    broker = await connect(administered.nats_url, name="test")
    await broker.jetstream.purge_stream(STREAM_RECORD)
    await broker.close()
    out, _ = await (await administered.start("rebuild")).communicate()
    said = " ".join(out.decode().split())
    assert "3 → 0 events" in said
    assert "the log begins at message 4: it was purged" in said
    assert "`stratoscope verify` finds damage" not in said


async def test_a_rebuild_whose_database_dies_says_so_in_a_line(
    administered: Administered, projector: ServiceProcess, postgres_server: PostgresServer
):
    await _publish_many(administered, 5_000)
    process = await administered.start("rebuild")
    await eventually(lambda: _begun(administered, "strato_p2"), within=20)
    postgres_server.kill()
    _, err = await process.communicate()
    said = err.decode()
    assert process.returncode == 4, said
    assert "Traceback" not in said
    assert "run the same command again" in said or "Postgres can't be used" in said


async def _begun(administered: Administered, schema: str) -> bool:
    return schema in await administered.schemas()


async def test_a_rebuild_that_is_killed_is_gone_on_with(
    administered: Administered, projector: ServiceProcess
):
    await _publish_many(administered, 20_000)
    await administered.projected(within=60)
    process = await administered.start("rebuild")
    await eventually(lambda: _filled(administered, "strato_p2", 1), within=20)
    process.kill()
    await process.communicate()
    assert await administered.serving() == "strato_p1"
    done = await administered.rebuild()
    assert (done["schema"], done["resumed"], done["events"]) == ("strato_p2", True, 20_000)
    assert 0 < done["messages"] < 20_000
    assert (await administered.run("verify")).code == 0


async def test_what_other_rules_or_another_version_began_is_not_gone_on_with(
    administered: Administered, projector: ServiceProcess
):
    await administered.record(EVENT, an_event(0))
    await administered.projected()
    async with connection(administered.dsn, OPERATIONS, "test") as session:
        await Projections(session).begin()
    await administered.fetch(
        "update projection set rule_version = rule_version - 1 where not serving"
    )
    done = await administered.rebuild()
    assert (done["schema"], done["resumed"]) == ("strato_p2", False)


async def test_the_second_of_two_at_once_is_refused(
    administered: Administered, projector: ServiceProcess
):
    await administered.record(EVENT, an_event(0))
    async with connection(administered.dsn, OPERATIONS, "test") as session:
        assert await Projections(session).lock()
        refused = await administered.run("rebuild")
    assert refused.code == 1
    assert "another rebuild is on" in refused.err
    assert await administered.schemas() == ["strato_p1"]


async def test_without_a_projector_it_swaps_and_the_next_projector_goes_on(
    administered: Administered, projector: ServiceProcess
):
    await administered.record(EVENT, *map(an_event, range(3)))
    await administered.projected()
    assert await projector.stop() == 0
    # Refused by nobody yet, and not to be lost between the two.
    await administered.record(EVENT, CONFLICT, an_event(3))
    done = await administered.rebuild()
    assert not done["taken_over"]
    assert done["events"] == 4
    rows = await administered.fetch("select published_at from dead_letter")
    assert [row["published_at"] for row in rows] == [None]
    assert await administered.dead_letters_published() == 0


async def test_letters_that_a_rebuild_left_are_published_by_who_takes_over(
    administered: Administered, projector: ServiceProcess
):
    await administered.record(EVENT, CONFLICT)
    await eventually(lambda: _letters(administered, 1))
    await administered.rebuild()
    await administered.fetch("update dead_letter set published_at = null")
    # Any swap is a taking over.
    await administered.rebuild()

    async def published() -> bool:
        rows = await administered.fetch("select from dead_letter where published_at is not null")
        return len(rows) == 1

    await eventually(published)


async def test_a_projector_that_halted_on_damage_goes_on_after_a_rebuild(
    administered: Administered, projector: ServiceProcess, projectors: Projecting
):
    await administered.record(SNAPSHOT, {"state": {"a": 1}}, {"state": {"a": 2}})
    await administered.projected()
    assert await projector.stop() == 0
    await administered.fetch("update state_version set blob = '\\x00'::bytea")
    await administered.record(SNAPSHOT, {"state": {"a": 3}})
    done = await administered.run("verify")
    assert (done.code, done.json["damaged"]) == (1, 1)
    halting = await projectors.start(ready=False)
    await eventually(lambda: _halted(halting))
    await administered.rebuild()
    await eventually(halting.is_ready)
    await administered.assert_equals_log()
    assert (await administered.run("verify")).code == 0


async def test_an_old_projection_that_is_kept_outlives_the_next_rebuild(
    administered: Administered, projector: ServiceProcess
):
    await administered.record(EVENT, an_event(0))
    await administered.projected()
    assert (await administered.rebuild("--keep-old"))["dropped"] == []
    assert (await administered.rebuild())["dropped"] == ["strato_p2"]
    assert await administered.schemas() == ["strato_p1", "strato_p3"]


async def test_a_log_that_ends_before_what_serves_is_refused(
    administered: Administered, projector: ServiceProcess
):
    await administered.record(EVENT, *map(an_event, range(3)))
    await administered.projected()
    assert await projector.stop() == 0
    await administered.fetch("update partition set stream_seq = stream_seq + 5")
    await administered.fetch("update watch set stream_seq = 8 where partition > 3")
    for seq in (3, 7):
        await administered.fetch(
            "insert into hit (hit_id, breakpoint_id, partition, space, agent, stream_seq, ordinal,"
            " event_index, created_at, action, body) values (gen_random_uuid(), gen_random_uuid(),"
            f" 5, 'default', 'walker', {seq}, 0, 0, now(), 'pause', '{{}}')"
        )
    refused = await administered.run("rebuild")
    assert refused.code == 1
    assert "ends at 3, but strato_p1 has it up to 8" in refused.err
    watched = "select array_agg(distinct stream_seq order by stream_seq) from watch"
    assert (await administered.fetch(watched))[0][0] == [0, 8]
    assert (await administered.rebuild("--force-swap"))["events"] == 3
    # Else breakpoints would be blind until the log has so many messages again.
    assert (await administered.fetch(watched))[0][0] == [0, 3]
    # Else what is recorded there next would be taken for what was hit before.
    assert [row[0] for row in await administered.fetch("select stream_seq from hit")] == [3]


async def test_whoever_has_no_database_to_rebuild_is_told(administered: Administered):
    elsewhere = Administered(administered.nats_url, "postgresql://nobody@127.0.0.1:1/none")
    done = await elsewhere.run("rebuild")
    assert done.code == 4
    assert "Postgres can't be used" in done.err


async def _some(recording: Load, count: int) -> bool:
    return recording.acknowledged >= count


async def _halted(running: ServiceProcess) -> bool:
    return '"running":false' in (await running.get("/readyz"))[1]


async def _letters(administered: Administered, count: int) -> bool:
    return await administered.dead_letters_published() == count


async def _filled(administered: Administered, schema: str, least: int) -> bool:
    try:
        rows = await administered.fetch(f"select min(stream_seq) from {schema}.partition")
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        return False
    return bool(rows[0][0] is not None and rows[0][0] >= least)


async def _publish_many(administered: Administered, count: int) -> None:
    client = await nats.connect(administered.nats_url, pending_size=64 << 20)
    try:
        for number in range(count):
            subject = f"strato.default.rec.agent-{number % 40}.event"
            await client.publish(subject, orjson.dumps(an_event(number)))
        await client.flush()

        async def stored() -> bool:
            info = await client.jetstream().stream_info("STRATO_RECORD")
            return info.state.messages == count

        await eventually(stored, within=30)
    finally:
        await client.close()
