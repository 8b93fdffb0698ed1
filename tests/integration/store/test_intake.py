"""A batch is written with its checkpoint or not at all, and read back as it was written."""

import random
import string
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from stratoscope.broker.puller import Delivered
from stratoscope.domain import delta
from stratoscope.domain.intake import place_id
from stratoscope.domain.records import Batch, Known, Rejection
from stratoscope.projector.dead_letters import buried
from stratoscope.projector.decode import decode
from stratoscope.store.database import pool
from stratoscope.store.intake import AlreadyTaken, FenceLost, IntakeWriter, Progress
from stratoscope.store.leases import Held
from stratoscope.store.migration import migrate
from stratoscope.store.past import Ids, IntakeReader
from stratoscope_contracts.words import PARTITIONS
from support.drawn_logs import START, STREAM
from support.recorded import Recorded, event, snapshot

HELD = tuple(Held(number, 0, 0, 0, None) for number in range(PARTITIONS))
ONE = UUID(int=1)


@pytest.fixture
def recorded(sessions: asyncpg.Pool) -> Recorded:
    return Recorded(sessions, "strato_p1")


def letter(stream_seq: int) -> Any:
    message = Delivered(stream_seq, START, "strato.default.part.0.a.event", None, b"{")
    return buried([message], [Rejection(stream_seq, None, "not_json", "no")])[0]


async def counted(sessions: asyncpg.Pool) -> dict[str, int]:
    tables = ("event", "state_version", "edge", "taint", "path", "field_change", "dead_letter")
    return {table: await sessions.fetchval(f"select count(*) from {table}") for table in tables}


async def checkpoints(sessions: asyncpg.Pool) -> set[int]:
    return {row[0] for row in await sessions.fetch("select stream_seq from partition")}


def refused_at(point: str) -> Callable[[str], None]:
    def reached(now: str) -> None:
        if now == point:
            raise RuntimeError(point)

    return reached


FULL = Batch(
    edges=[(ONE, 1, 0)],
    taints=[(1, 5, 0, 0, None)],
    paths=[(1, 0, "health")],
    changes=[(1, 0, 0)],
)


# One whose rows all go into the statement that moves the checkpoints.
SMALL = Batch(edges=FULL.edges, paths=FULL.paths, changes=FULL.changes)
VARIED = [
    [event(), snapshot({"n": 1, "deep": {"er": [1]}}, label="a", metadata={"m": 1})],
    [event(causes=[str(uuid4())], patch=[{"op": "replace", "path": "/n", "value": 2}])],
    [event(data={"a": '\\ "{},()\n'}, metadata={"x": None}, at=-5.0), event(at=9.0)],
]
TABLES = ("event", "state_version", "edge", "open_cause", "path", "field_change", "agent")


@pytest.mark.parametrize("point", ["before_copy", "after_copy", "before_commit"])
async def test_a_batch_that_fails_on_the_way_leaves_nothing(sessions: asyncpg.Pool, point: str):
    async with sessions.acquire() as session:
        with pytest.raises(RuntimeError, match=point):
            await IntakeWriter(session, refused_at(point)).commit(
                FULL, [letter(5)], HELD, Progress(5)
            )
    assert not any((await counted(sessions)).values())
    assert await checkpoints(sessions) == {0}


async def test_a_row_that_the_database_refuses_takes_its_batch_with_it(sessions: asyncpg.Pool):
    bad = Batch(edges=FULL.edges * 2, paths=FULL.paths)
    async with sessions.acquire() as session:
        with pytest.raises(asyncpg.UniqueViolationError):
            await IntakeWriter(session).commit(bad, [letter(5)], HELD, Progress(5))
    assert not any((await counted(sessions)).values())
    assert await checkpoints(sessions) == {0}


async def test_a_batch_is_written_with_its_checkpoint(sessions: asyncpg.Pool):
    reached: list[str] = []
    async with sessions.acquire() as session:
        writer = IntakeWriter(session, reached.append)
        await writer.commit(FULL, [letter(5)], HELD, Progress(5, 5, b"digest"))
    found = await counted(sessions)
    assert found == {
        "event": 0,
        "state_version": 0,
        "edge": 1,
        "taint": 1,
        "path": 1,
        "field_change": 1,
        "dead_letter": 1,
    }
    assert await checkpoints(sessions) == {5}
    assert reached == ["before_copy", "after_copy", "before_commit", "after_commit"]


@pytest.mark.parametrize("batch", [FULL, SMALL], ids=["copied", "in one statement"])
@pytest.mark.parametrize(
    "held",
    [
        Held(0, 1, 0, 0, None),
        Held(0, 0, 3, 0, None),
        Held(99, 0, 0, 0, None),
    ],
    ids=["another epoch", "another checkpoint", "no such partition"],
)
async def test_a_checkpoint_that_is_not_where_it_was_left_stops_the_batch(
    sessions: asyncpg.Pool, held: Held, batch: Batch
):
    async with sessions.acquire() as session:
        with pytest.raises(FenceLost):
            await IntakeWriter(session).commit(batch, (), [held, *HELD[1:]], Progress(5))
    assert not any((await counted(sessions)).values())
    assert await checkpoints(sessions) == {0}


async def test_a_checkpoint_never_moves_back(sessions: asyncpg.Pool):
    """Of partitions projected apart, one may be further than the batch that moves them all."""
    async with sessions.acquire() as session:
        writer = IntakeWriter(session)
        await writer.commit(Batch(), (), HELD[:1], Progress(9, 9, b"nine"))
        ahead = Held(0, 0, 9, 9, b"nine")
        await writer.commit(Batch(), (), [ahead, *HELD[1:]], Progress(4))
    rows = await sessions.fetch("select stream_seq from partition order by partition")
    assert [row[0] for row in rows] == [9] + [4] * (PARTITIONS - 1)
    assert await sessions.fetchval("select probe_digest from partition where partition = 0") == (
        b"nine"
    )


async def test_the_verdict_of_an_earlier_projection_stands(sessions: asyncpg.Pool):
    async with sessions.acquire() as session:
        writer = IntakeWriter(session)
        await writer.commit(Batch(), [letter(5)], HELD, Progress(5))
        await session.execute("update partition set stream_seq = 0")
        await session.execute("update dead_letter set published_at = now()")
        await writer.commit(Batch(), [letter(5), letter(6)], HELD, Progress(6))
    rows = await sessions.fetch(
        "select stream_seq, published_at is null from dead_letter order by 1"
    )
    assert [tuple(row) for row in rows] == [(5, False), (6, True)]


async def test_heads_are_read_back_as_they_were_written(recorded: Recorded):
    patch = [{"op": "add", "path": "/n", "value": 1}]
    first = event(patch=patch, at=3)
    await recorded.add("a", first, snapshot({"x": 1}, memory_usage=7), event(at=1), first)
    reader = IntakeReader(recorded.pool)
    head = (await reader.heads([("default", "a"), ("default", "nobody")]))[("default", "a")]
    assert (head.next_event, head.next_version, head.next_slot) == (2, 2, 2)
    assert (head.snapshots, head.patches, head.keyframes, head.duplicates) == (1, 1, 1, 1)
    assert (head.memory_usage, head.raw_bytes, head.last_snapshot) == (7, 14, 1)
    group = await reader.open_group(head)
    assert group.newest == b'{"x":1}'
    assert group.slots == (0, 1)
    assert sorted(await reader.paths(head)) == ["n", "x"]


async def test_an_agent_without_states_has_an_empty_group(recorded: Recorded):
    await recorded.add("a", event())
    reader = IntakeReader(recorded.pool)
    head = (await reader.heads([("default", "a")]))[("default", "a")]
    assert await reader.open_group(head) == delta.Group()


@pytest.mark.parametrize("lost", [0, 4, 5])
async def test_a_group_with_a_blob_missing_is_not_written_on(recorded: Recorded, lost: int):
    await recorded.add("a", *(snapshot({"n": n}) for n in range(6)))
    await recorded.pool.execute("delete from state_version where version = $1", lost)
    reader = IntakeReader(recorded.pool)
    head = (await reader.heads([("default", "a")]))[("default", "a")]
    with pytest.raises(delta.DamagedChain):
        await reader.open_group(head)


async def test_ids_are_known_of_the_agent_that_has_them(recorded: Recorded):
    one, two = event(), snapshot({})
    await recorded.add("a", one, two)
    await recorded.add("b", event())
    agents = dict(await recorded.pool.fetch("select name, agent_id from agent"))
    of_event, of_snapshot = UUID(one["id"]), UUID(two["id"])
    everywhere = [
        (agents[name], id_) for name in ("a", "b") for id_ in (of_event, of_snapshot, uuid4())
    ]
    reader = IntakeReader(recorded.pool)
    both, events, snapshots, nothing = Known(), Known(), Known(), Known()
    await reader.look_up(Ids([id_ for _, id_ in everywhere], everywhere), both)
    assert both.ids == {(agents["a"], of_event), (agents["a"], of_snapshot)}
    await reader.look_up(Ids([id_ for _, id_ in everywhere]), events)
    assert events.ids == {(agents["a"], of_event)}
    await reader.look_up(Ids(snapshots=everywhere), snapshots)
    assert snapshots.ids == {(agents["a"], of_snapshot)}
    await reader.look_up(Ids(), nothing)
    assert nothing == Known()


async def test_a_cause_is_the_lowest_place_of_its_id_in_its_space(recorded: Recorded):
    shared = event()
    first = await recorded.add("b", shared)
    await recorded.add("a", event(), shared)
    await recorded.add("a", shared, space="other")
    known, id_ = Known(), UUID(shared["id"])
    await IntakeReader(recorded.pool).look_up(Ids([id_]), known)
    assert known.causes.keys() == {("default", id_), ("other", id_)}
    assert {id_ for _, id_ in known.ids} == {id_}
    assert len(known.ids) == 3
    assert known.causes["default", id_].place == (first, 0)
    assert known.causes["default", id_].depth == 1


@pytest.mark.parametrize("taken", ["an event of another", "an event", "a snapshot"])
async def test_an_id_that_is_not_as_new_as_it_was_thought_stops_its_batch(
    recorded: Recorded, taken: str
):
    one, two = event(), snapshot({})
    await recorded.add("a", one, two)
    seq = await recorded.add("b", event())
    agents = dict(await recorded.pool.fetch("select name, agent_id from agent"))
    new = {
        "an event of another": Ids([uuid4(), UUID(one["id"])]),
        "an event": Ids([UUID(one["id"])], [(agents["a"], UUID(one["id"]))]),
        "a snapshot": Ids([UUID(two["id"])], [(agents["a"], UUID(two["id"]))]),
    }[taken]
    held = [one._replace(stream_seq=seq) for one in HELD]
    async with recorded.pool.acquire() as session:
        with pytest.raises(AlreadyTaken):
            await IntakeWriter(session).commit(SMALL, (), held, Progress(9), new)
        assert (await counted(recorded.pool))["edge"] == 0
        assert await checkpoints(recorded.pool) == {seq}
        # A snapshot's id is an agent's own.
        new = Ids([uuid4(), UUID(two["id"])], [(agents["b"], UUID(two["id"]))])
        await IntakeWriter(session).commit(SMALL, (), held, Progress(9), new)
    assert await checkpoints(recorded.pool) == {9}


async def test_a_batch_is_written_alike_whether_it_is_small_or_not(
    projection_dsn: str, monkeypatch: pytest.MonkeyPatch
):
    found = []
    for small in (0, 1 << 20):
        monkeypatch.setattr("stratoscope.store.intake._SMALL", small)
        serving = (await migrate(projection_dsn)).serving
        async with pool(projection_dsn, serving, "test", size=2) as opened:
            await opened.execute(f"truncate {', '.join(TABLES)} restart identity cascade")
            await opened.execute("update partition set stream_seq = 0")
            recorded = Recorded(opened, serving)
            for message in VARIED:
                await recorded.add("a", *message)
            found.append(
                {
                    table: await opened.fetch(f"select {table}::text from {table} order by 1")
                    for table in TABLES
                }
            )
    assert all(found[0].values())
    assert found[0] == found[1]


async def test_names_are_numbered_once(sessions: asyncpg.Pool):
    reader = IntakeReader(sessions)
    named = [(1, "default", "b"), (0, "default", "a"), (1, "default", "b")]
    await reader.intern_agents(named)
    await reader.intern_agents(named)
    assert await sessions.fetchval("select count(*) from agent") == 2
    types = await reader.intern_types(["b", "a", "b"])
    assert types.keys() == {"a", "b"}
    again = await reader.intern_types(["a", "c"])
    assert again["a"] == types["a"]
    assert again["c"] not in types.values()


# What can be sent must never stop a projector: each of these is taken, or a dead letter.
LONG_TEXT = "".join(random.Random(1).choices(string.printable, k=20_000))
HARD = {
    "a long key": [snapshot({LONG_TEXT: 1})],
    "a long key below others": [snapshot({"a": {LONG_TEXT: {LONG_TEXT[::-1]: [1]}}})],
    "many keys": [snapshot({f"key {n}": n for n in range(20_000)})],
    "keys that look like paths": [snapshot({"a.b": 1, "a[0]": 2, "": 3, "/": 4, '"': 5, "\n": 6})],
    "a long label": [snapshot({}, label=LONG_TEXT[:1024])],
    "the largest numbers": [
        snapshot(
            {"n": 2**64 - 1, "m": -(2**63), "f": 1.7976931348623157e308}, memory_usage=2**63 - 1
        ),
        snapshot({}, memory_usage=2**63 - 1),
    ],
    "the first and the last moment": [
        {"kind": "event", "type": "a", "occurred_at": "0001-01-01T00:00:00.000001Z"},
        {"kind": "event", "type": "a", "occurred_at": "9999-12-31T23:59:59.999998Z"},
    ],
    "the same cause over and over": [event(causes=[str(ONE)] * 64)],
    "itself as its cause": [event(id=str(ONE), causes=[str(ONE)])],
    "one id for all": [event(id=str(ONE)), snapshot({}, id=str(ONE)), event(id=str(ONE).upper())],
    "a type of the longest name": [event("a" * 64)],
    "control characters": [event(data={"\x01\x7f": "\x1f\u2028\ufffe\uffff😀"})],
}


@pytest.mark.parametrize("records", HARD.values(), ids=HARD.keys())
async def test_whatever_is_taken_can_be_written(recorded: Recorded, records: list[dict[str, Any]]):
    await recorded.add("a" * 128, *records, space="s" * 32)
    await recorded.add("a" * 128, *records, event(), space="s" * 32)
    assert await recorded.pool.fetchval("select next_event from agent") > 0
    assert await checkpoints(recorded.pool) == {2}


async def test_an_id_that_a_later_record_gets_from_its_place_stops_nothing(recorded: Recorded):
    """Anybody can work out what a record without an id will be called, and be there before it."""
    named = [event(id=str(place_id(STREAM, seq, 0))) for seq in range(2, 6)]
    await recorded.add("a", *named)
    for _ in range(4):
        await recorded.add("a", {"kind": "event", "type": "a"})
    assert await recorded.pool.fetchval("select duplicates from agent") == len(named)
    assert await checkpoints(recorded.pool) == {5}


async def test_a_subject_as_long_as_the_broker_takes_is_buried(sessions: asyncpg.Pool):
    """Names over the contract's lengths are why such a message is a dead letter."""
    name = "".join(random.Random(2).choices(string.ascii_letters + string.digits, k=3_900))
    for seq, subject in enumerate((f"{name}.part.0.a", f"a.part.0.{name}"), start=1):
        message = Delivered(seq, START, f"strato.{subject}.event", None, b"{}")
        rejection = decode(message)
        assert isinstance(rejection, Rejection)
        async with sessions.acquire() as session:
            held = [one._replace(stream_seq=seq - 1) for one in HELD]
            await IntakeWriter(session).commit(
                Batch(), buried([message], [rejection]), held, Progress(seq)
            )
    assert await sessions.fetchval("select count(*) from dead_letter") == 2
