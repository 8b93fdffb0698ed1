"""What the doctor says of a stack that is well, and of several that are not."""

from datetime import datetime

import nats
import pytest

from stratoscope.admin.doctor.examining import examine
from stratoscope.admin.doctor.services import projecting
from stratoscope.broker.connection import connect
from stratoscope.store.database import connection
from stratoscope.store.doctor import Patient
from support.administered import Administered
from support.database_roles import dsn_as
from support.service import ServiceProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVENT = "strato.default.rec.patient.event"


async def statuses(administered: Administered, monitor: str | None = None) -> dict[str, str]:
    """Each check's status; what has more than one line under a name, by its worst."""
    diagnosis = await examine(administered.nats_url, administered.dsn, monitor)
    order = ["skip", "ok", "warn", "fail"]
    found: dict[str, str] = {}
    for check in diagnosis.checks:
        assert check.status in ("ok", "skip") or check.advice, check
        found[check.name] = max(found.get(check.name, "skip"), check.status, key=order.index)
    assert diagnosis.is_healthy is ("fail" not in found.values())
    return found


def failing(found: dict[str, str]) -> set[str]:
    # Tests have a database that does not wait for its disk.
    return {name for name, status in found.items() if status == "fail"} - {"durability"}


async def test_a_commit_while_the_doctor_looks_is_no_log_that_was_rolled_back(
    administered: Administered, projector: ServiceProcess
) -> None:
    await administered.record(EVENT, {"type": "seen"})
    await administered.projected()
    broker = await connect(administered.nats_url, name="test")
    async with connection(administered.dsn, "strato_p1", "test") as session:
        patient = Patient(session)
        created = patient.log_created_at

        async def created_late(stream: str) -> datetime | None:
            # Between two looks of the doctor a record is projected.
            await administered.record(EVENT, {"type": "seen"})
            await administered.projected()
            return await created(stream)

        patient.log_created_at = created_late  # type: ignore[method-assign]
        found = {one.name: one.status for one in await projecting(broker, patient)}
    await broker.close()
    assert found["log"] == "ok"


async def test_what_falls_apart_is_told_piece_by_piece(
    administered: Administered, navigator: ServiceProcess, projector: ServiceProcess
) -> None:
    """One stack, of which each step takes away more: none could be taken by itself."""
    await _what_is_well(administered)
    await _services_that_are_not_there(administered, navigator, projector)
    await _streams_that_are_gone_or_others(administered)
    await _a_database_that_is_not_migrated_or_not_there(administered)
    done = await administered.run("doctor")
    assert (done.code, done.json["healthy"]) == (1, False)
    assert {"name", "status", "message", "advice"} == done.json["checks"][0].keys()


async def _what_is_well(administered: Administered) -> None:
    await administered.record(EVENT, {"type": "seen"})
    await administered.projected()
    found = await statuses(administered)
    assert failing(found) == set()
    assert {name for name, status in found.items() if status == "warn"} <= {
        "dead letters",
        "database's disk",
    }
    assert {
        *("broker", "stream STRATO_RECORD", "database", "migrations of strato", "navigators"),
        *("projectors", "leases", "lag", "log", "broker's clock", "database's clock"),
    } <= found.keys()
    assert found["sync_interval"] == "skip"
    assert found["database role"] == found["services' database roles"] == "ok"
    await _a_service_with_more_rights_than_it_needs(administered)
    member = Administered(administered.nats_url, await dsn_as("projector", administered.dsn))
    assert (await statuses(member))["database role"] == "ok"


async def _a_service_with_more_rights_than_it_needs(administered: Administered) -> None:
    async with connection(administered.dsn, "strato", "stratoscope navigator"):
        assert (await statuses(administered))["services' database roles"] == "warn"


async def _services_that_are_not_there(
    administered: Administered, navigator: ServiceProcess, projector: ServiceProcess
) -> None:
    assert await navigator.stop() == 0
    assert await projector.stop() == 0
    await administered.record(EVENT, {"type": "seen"})
    found = await statuses(administered)
    assert failing(found) == {"navigators", "projectors", "leases", "lag"}
    assert found["breakpoints"] == "warn"


async def _streams_that_are_gone_or_others(administered: Administered) -> None:
    client = await nats.connect(administered.nats_url)
    try:
        stream = client.jetstream()
        await stream.delete_stream("STRATO_HITS")
        config = (await stream.stream_info("STRATO_DLQ")).config
        config.max_msg_size = 1024
        await stream.update_stream(config)
        await stream.delete_stream("STRATO_RECORD")
        found = await statuses(administered)
        await stream.add_stream(name="STRATO_RECORD", subjects=["strato.*.rec.*.*"])
        other = await statuses(administered)
    finally:
        await client.close()
    assert found["stream STRATO_HITS"] == found["stream STRATO_RECORD"] == "fail"
    assert (found["stream STRATO_DLQ"], found["projection"]) == ("warn", "fail")
    # Without its transform the log has no partitions, and it is not the one that was projected.
    assert other["stream STRATO_RECORD"] == other["log"] == other["lag"] == "fail"


async def _a_database_that_is_not_migrated_or_not_there(administered: Administered) -> None:
    await administered.fetch("delete from strato.migration where number > 1")
    found = await statuses(administered)
    assert found["migrations of strato"] == "fail"
    elsewhere = Administered(administered.nats_url, "postgresql://nobody@127.0.0.1:1/none")
    found = await statuses(elsewhere, monitor="http://127.0.0.1:1")
    assert (found["database"], found["monitoring"]) == ("fail", "warn")
    assert not {"lag", "leases"} & found.keys()
