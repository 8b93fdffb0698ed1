"""What an erasure takes, what it leaves as it was, and that nothing brings an agent back."""

import asyncio
import re
from uuid import uuid4

import asyncpg
import nats
import pytest
import pytest_asyncio

from stratoscope.broker.purging import objects_in
from stratoscope.cli.app import run
from stratoscope.client import Navigator
from stratoscope.store.audit import Audit, Filter
from stratoscope.store.database import OPERATIONS, connection
from stratoscope.store.projections import Projections
from stratoscope_contracts.breakpoints import BreakpointCreateRequest, OnEventTypeCondition
from stratoscope_contracts.control import AgentPauseRequest
from stratoscope_contracts.looking import EventsListRequest
from stratoscope_contracts.sessions import (
    SessionCreateRequest,
    SessionExportRequest,
    SessionImportRequest,
)
from support.administered import Administered
from support.eventually import eventually
from support.load import load
from support.service import ServiceProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVENT = "strato.default.rec.explorer.event"
SNAPSHOT = "strato.default.rec.explorer.snapshot"
OF_AGENT = (
    "select count(*) from session where agent = 'explorer'",
    "select count(*) from breakpoint where agent = 'explorer' and removed_at is null",
    "select count(*) from hit where agent = 'explorer'",
    "select count(*) from hit_count where agent = 'explorer'",
    "select count(*) from hold where agent = 'explorer'",
    "select count(*) from dead_letter where agent = 'explorer'",
    "select count(*) from agent where name = 'explorer'",
    "select count(*) from agent where space = ''",
)


def secret(number: int) -> dict[str, object]:
    return {
        "id": str(uuid4()),
        "type": "secret_kept",
        "data": {"secret": f"swordfish-{number}"},
        "patch": [{"op": "add", "path": "/seen", "value": number}],
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def erased(administered: Administered, navigator: ServiceProcess) -> list[int]:
    """An agent is erased while others record, and a rebuild does not bring it back.

    A fixture, since whatever is told of it afterwards may be asked in any order. It tells where
    stands what the agent recorded anew.
    """
    async with (
        Navigator.connect(administered.nats_url, operator="ada", timeout=20) as nav,
        load(administered.nats_url, "others", agents=6) as others,
    ):
        await _live(administered, nav)
        before = await _counted(administered)
        assert all(before[:-1]), before
        async with connection(administered.dsn, OPERATIONS, "test") as session:
            # One that a rebuild has left half filled is not forgotten.
            await Projections(session).begin()
        done = await administered.run("erase", "explorer", "--yes")
        assert done.code == 0, done.err
        report = done.json
        # They go on recording, and so does the one that was erased.
        recorded = others.acknowledged
        again = await administered.record(EVENT, secret(100), secret(101))
        await eventually(lambda: _some(others.acknowledged - recorded, 50))
        await administered.projected()
        listed = (await nav.request("events.list", EventsListRequest(agent="explorer"))).events
    assert [(one.event_index, one.stream_seq) for one in listed] == list(enumerate(again))
    assert (report["messages"], report["held"]["events"]) == (8, 6)
    assert len(report["exports"]) == 1
    left = " ".join(report["left"])
    assert report["projections"] == ["strato_p1", "strato_p2"]
    assert "2 events of other agents name events of it as a cause" in left
    assert "backups" in left
    assert await _counted(administered) == [0, 0, 0, 0, 0, 0, 1, 0]
    await _assert_nothing_is_left(administered)
    # Of the same log with its holes another projection is made, which is equal but for the depth
    # of what has lost a cause.
    rebuilt = await administered.rebuild()
    assert rebuilt["comparison"]["differing"] == 0
    assert await administered.fetch("select from event where data::text like '%swordfish-1%'")
    await _assert_nothing_is_left(administered)
    await administered.assert_equals_log()
    return again


async def test_an_erased_agent_begins_anew_with_what_it_recorded_after(
    administered: Administered, erased: list[int]
) -> None:
    # What the erasure and the rebuild left is looked at where they were done.
    rows = await administered.fetch(
        "select event_index, stream_seq from event join agent using (agent_id)"
        " where name = 'explorer' order by event_index limit 2"
    )
    assert [tuple(row) for row in rows] == list(enumerate(erased))


async def test_breakpoints_see_what_it_records_anew(
    administered: Administered, navigator: ServiceProcess
) -> None:
    async with Navigator.connect(administered.nats_url, timeout=20) as nav:
        await nav.request("breakpoint.create", _on_secrets())
        (seq,) = await administered.record(EVENT, secret(102))

        async def is_hit() -> bool:
            rows = await administered.fetch(
                "select event_index from hit where agent = 'explorer' and stream_seq = $1", seq
            )
            return [row[0] for row in rows] == [2]  # behind the two of before

        await eventually(is_hit)


async def test_a_log_that_is_restored_does_not_bring_back_what_was_erased(
    administered: Administered, navigator: ServiceProcess
) -> None:
    (erased,) = await administered.fetch("select * from erased where agent = 'explorer'")
    # As if a backup had it: whatever stands in the log up to there is passed over.
    bad = {"type": 7, "data": {"secret": "swordfish-bad"}}
    last = (await administered.record("strato.default.rec.restored.event", secret(7), bad))[-1]
    await administered.fetch(
        "insert into erased values ('default', 'latecomer', $1, $2)",
        last + 2,
        erased["log_created_at"],
    )
    subject = "strato.default.rec.latecomer.event"
    kept = (await administered.record(subject, secret(8), bad, secret(9)))[-1]
    await administered.projected()
    rows = await administered.fetch(
        "select stream_seq, event_index from event join agent using (agent_id) where name = $1",
        "latecomer",
    )
    assert [tuple(row) for row in rows] == [(kept, 0)]
    assert not await administered.fetch("select from dead_letter where agent = 'latecomer'")
    # Nobody else's.
    assert await administered.fetch("select from dead_letter where agent = 'restored'")


async def test_what_is_not_there_and_who_does_not_say_yes_are_told(
    administered: Administered, navigator: ServiceProcess
) -> None:
    # An erasure that was killed has left a row that nobody sees.
    await administered.fetch("insert into agent (partition, space, name) values (-1, '', '77')")
    missing = await administered.run("erase", "nobody", "--yes")
    assert not await administered.fetch("select from agent where space = ''")
    assert (missing.code, "nothing of nobody" in missing.err) == (3, True)
    # Neither comes as far as to connect.
    for name, *options in (("witness",), ("no.name", "--yes")):
        typed = ["erase", name, "--postgres-dsn", "none", *options]
        assert await asyncio.to_thread(run, typed) == 2
    assert await administered.fetch("select from agent where name = 'witness'")


async def test_the_audit_says_who_did_what_and_can_only_be_added_to(
    administered: Administered, navigator: ServiceProcess
) -> None:
    done = await administered.run("audit")
    entries = done.json["entries"]
    assert [one["action"] for one in entries] == ["rebuild", "erase", "pause", "import"]
    assert entries[2]["who"] == entries[3]["who"] == "ada"
    assert entries[3]["details"]["from"] == "witness"
    assert "@" in entries[1]["who"]
    assert (entries[1]["agent"], entries[1]["details"]["messages"]) == ("explorer", 8)
    async with connection(administered.dsn, "strato", "test") as session:
        only = await Audit(session).page(Filter("default", "explorer", "erase"), 10)
    assert [one.action for one in only] == ["erase"]
    for statement in ("update audit set who = ''", "delete from audit", "truncate audit"):
        with pytest.raises(asyncpg.RaiseError, match="only added to"):
            await administered.fetch(statement)


async def _live(administered: Administered, nav: Navigator) -> None:
    """Everything that there can be of an agent."""
    created = await nav.request("breakpoint.create", _on_secrets())
    assert created.breakpoint.is_enabled
    secrets = [secret(number) for number in range(6)]
    await administered.record(EVENT, *secrets, {"type": 7, "data": {"secret": "swordfish"}})
    await administered.record(SNAPSHOT, {"state": {"secret": "swordfish"}})
    witness = {"type": "seen", "causes": [secrets[0]["id"]]}
    await administered.record("strato.default.rec.witness.event", witness)
    await administered.projected()
    made = await nav.request("session.create", SessionCreateRequest(agent="explorer"))
    await nav.request_long(
        "session.export", SessionExportRequest(id=made.session.id, format="archive"), lambda _: None
    )
    # Another agent's, which stays.
    other = await nav.request("session.create", SessionCreateRequest(agent="witness"))
    exported = await nav.request_long(
        "session.export", SessionExportRequest(id=other.session.id, format="json"), lambda _: None
    )
    await nav.request_long(
        "session.import", SessionImportRequest(object=exported.object), lambda _: None
    )
    await nav.request("agent.pause", AgentPauseRequest(agent="explorer"))
    await eventually(lambda: _published(administered))


def _on_secrets() -> BreakpointCreateRequest:
    condition = OnEventTypeCondition(kind="on_event_type", type="secret_kept")
    return BreakpointCreateRequest(agent="explorer", condition=condition)


async def _counted(administered: Administered) -> list[int]:
    return [(await administered.fetch(statement))[0][0] for statement in OF_AGENT]


async def _published(administered: Administered) -> bool:
    rows = await administered.fetch("select from hit where published_at is not null")
    letters = await administered.fetch(
        "select from dead_letter where agent = 'explorer' and published_at is not null"
    )
    return len(rows) == 6 and len(letters) == 1


async def _assert_nothing_is_left(administered: Administered) -> None:
    """Neither in any table nor in any stream, but for what was recorded later."""
    assert await _texts(administered) == []
    client = await nats.connect(administered.nats_url)
    try:
        stream = client.jetstream()
        for name in ("STRATO_HITS", "STRATO_DLQ", "OBJ_strato-exports-default"):
            state = (await stream.stream_info(name, subjects_filter=">")).state
            subjects = state.subjects or {}
            assert [one for one in subjects if "explorer" in one] == []
        exports = await objects_in(stream, "strato-exports-default")
        assert [name.split("-")[0] for name in exports] == ["witness"]
        log = await stream.stream_info("STRATO_RECORD", subjects_filter="strato.*.part.*.*.*")
        assert log.state.subjects is not None
        of_agent = {one: n for one, n in log.state.subjects.items() if ".explorer." in one}
        assert list(of_agent.values()) == [2]
    finally:
        await client.close()


async def _texts(administered: Administered) -> list[str]:
    found = []
    rows = await administered.fetch(
        "select schemaname, tablename from pg_tables where schemaname like 'strato%'"
    )
    for schema, table in rows:
        for row in await administered.fetch(f"select to_json(one)::text from {schema}.{table} one"):
            if re.search(r"swordfish(-\d)?\b(?!\d)", row[0]) and "swordfish-10" not in row[0]:
                found.append(f"{table}: {row[0]}")
    return found


async def _some(number: int, least: int) -> bool:
    return number >= least
