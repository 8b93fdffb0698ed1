"""Postgres goes silent under services at work: they go on within their deadlines."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from stratoscope.broker.local_brokers import with_password
from stratoscope.embedded.ports import LOOPBACK, free_port
from stratoscope.store.migration import migrate
from support.database_roles import dsn_as
from support.eventually import eventually
from support.fault_driver import Losses
from support.fault_injection import SILENCE
from support.fault_matrix import MATRIX, FaultRow
from support.load import Load, load, settled
from support.projecting import Projecting, projecting
from support.service import ServiceProcess, service
from support.standby import new_standby, promote
from support.tcp_proxy import Direction, address_of, tcp_proxy, through
from support.wheels import WheelPostgres

pytestmark = pytest.mark.faults
DEADLINE = 1.5
# The deadline, the cancellation, the closing of the session, and a busy machine.
WITHIN = 15.0
# Silence is told after twice as long, and looked for four times in it.
IMPATIENT = {"STRATO_STALL_SECONDS": "1"}
SETTINGS = {"STRATO_POSTGRES_DEADLINE_SECONDS": str(DEADLINE), "STRATO_LEASE_SECONDS": "2"}


async def projects_on(projectors: Projecting, recording: Load) -> None:
    """Return once what was recorded from now on is projected."""
    seen = recording.last_seq + 30
    await eventually(lambda: projectors.passed(seen), within=WITHIN)


async def test_a_projector_leaves_connections_that_went_silent(projectors: Projecting):
    """Only the answers are lost: commits are made whose outcome nothing tells."""
    async with tcp_proxy(address_of(projectors.dsn)) as proxy:
        dsn = through(await dsn_as("projector", projectors.dsn), proxy)
        running = await projectors.start(STRATO_POSTGRES_DSN=dsn, **SETTINGS)
        async with load(projectors.nats_url, "silence", agents=6) as recording:
            await projects_on(projectors, recording)
            proxy.silence_present(Direction.TO_CLIENT)
            await projects_on(projectors, recording)
        await settled(projectors, recording)
    assert "Traceback" not in running.log.read_text(), running.log.read_text()


async def test_a_projector_without_records_leaves_a_silent_database(projectors: Projecting):
    async with tcp_proxy(address_of(projectors.dsn)) as proxy:
        dsn = through(await dsn_as("projector", projectors.dsn), proxy)
        running = await projectors.start(STRATO_POSTGRES_DSN=dsn, **SETTINGS, **IMPATIENT)
        await eventually(lambda: measures(running, "lag_messages"))
        proxy.silence()
        await eventually(lambda: says(running, "database", "Postgres has not answered"))
        # What can't be refreshed is not told; what the broker says still is.
        assert not await measures(running, "lag_messages")
        assert await measures(running, "log_last_stream_seq")
        await eventually(lambda: holds_none(running), within=WITHIN)
        proxy.resume()
        await eventually(running.is_ready, within=WITHIN)
        assert await measures(running, "lag_messages")


async def test_a_projector_behind_a_half_open_broker_is_steadily_unready(projectors: Projecting):
    url = with_password(projectors.nats_url)
    async with tcp_proxy(address_of(url)) as proxy:
        settings = {"STRATO_NATS_URL": through(url, proxy)} | IMPATIENT
        running = await projectors.start(**settings)
        await eventually(lambda: measures(running, "log_last_stream_seq"))
        proxy.silence_present(Direction.TO_CLIENT)
        await eventually(lambda: says(running, "broker", "JetStream has had no"))
        until = time.monotonic() + 4
        while time.monotonic() < until:
            assert (await running.get("/readyz"))[0] == 503
            await asyncio.sleep(0.05)
        assert not await measures(running, "log_last_stream_seq")
        lines = running.log.read_text().splitlines()
        assert sum("can't see how far" in line for line in lines) <= 2
        assert "Traceback" not in "".join(lines)
        proxy.cut()
        await eventually(running.is_ready, within=WITHIN)


async def test_a_database_that_takes_no_writes_is_told_by_readiness(
    projectors: Projecting, postgres_dsn: str
):
    running = await projectors.start(**SETTINGS, **IMPATIENT)
    name = postgres_dsn.rpartition("/")[2].partition("?")[0]
    # As after a failover that left the services connected to the old primary.
    await projectors.fetch(f"alter database {name} set default_transaction_read_only = on")
    await projectors.fetch(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'stratoscope projector'"
    )
    await eventually(lambda: says(running, "leases", "takes no writes; is it a standby?"))


async def says(running: ServiceProcess, check: str, text: str) -> bool:
    """Whether `/readyz` gives a reason for a check that fails."""
    status, body = await running.get("/readyz")
    return status == 503 and text in json.loads(body).get("reasons", {}).get(check, "")


async def measures(running: ServiceProcess, name: str) -> bool:
    """Whether a projector's metric is told."""
    page = (await running.get("/metrics"))[1]
    return any(line.startswith(f"strato_projector_{name}") for line in page.splitlines())


async def holds_none(running: ServiceProcess) -> bool:
    """Whether a projector says that it holds no partition."""
    return "strato_projector_partitions_held 0.0" in (await running.get("/metrics"))[1]


async def test_a_navigator_watches_and_answers_again_after_silence(
    nats_url: str, postgres_dsn: str, projectors: Projecting, tmp_path: Path
):
    await projectors.start()
    async with tcp_proxy(address_of(postgres_dsn)) as proxy:
        dsn = through(await dsn_as("navigator", postgres_dsn), proxy)
        settings = SETTINGS | {"STRATO_POSTGRES_DSN": dsn}
        async with service("navigator", nats_url, postgres_dsn, tmp_path, **settings) as running:
            await eventually(lambda: watched(projectors))
            before = await watchers(projectors)
            proxy.silence_present()
            await eventually(lambda: rewatched(projectors, before), within=WITHIN)
            await eventually(running.is_ready, within=WITHIN)
            assert "Traceback" not in running.log.read_text(), running.log.read_text()


async def watchers(projectors: Projecting) -> set[str]:
    """The sessions that watch partitions for breakpoints."""
    rows = await projectors.fetch("select distinct owner from watch where lease_until > now()")
    return {str(row["owner"]) for row in rows}


async def watched(projectors: Projecting) -> bool:
    """Whether every partition is watched."""
    return bool(
        (
            await projectors.fetch(
                "select count(*) = 16 from watch where owner is not null and lease_until > now()"
            )
        )[0][0]
    )


async def rewatched(projectors: Projecting, before: set[str]) -> bool:
    """Whether every partition is watched, and none by an earlier session."""
    return await watched(projectors) and not before & await watchers(projectors)


async def test_services_follow_a_standby_from_a_dead_and_from_a_hung_primary(
    nats_url: str, scratch: Path
):
    """The first host of the DSN is dead, then the second one hangs: the third one takes writes."""
    folders = [scratch / name for name in ("first", "second", "third")]
    for folder in folders:
        folder.mkdir()
    row = MATRIX.row("primary killed, then hung: a standby promoted", SILENCE)
    second_port, third_port = free_port(), free_port()
    servers = [WheelPostgres(folders[0])]
    try:
        dsn = servers[0].dsn("stratoscope")
        await migrate(dsn)
        servers.append(new_standby(servers[0], folders[1], second_port))
        ports = (address_of(dsn)[1], second_port, third_port)
        hosts = ",".join(f"{LOOPBACK}:{port}" for port in ports)
        login = (await dsn_as("projector", dsn)).rpartition("@")[0]
        many = f"{login}@{hosts}/stratoscope?target_session_attrs=read-write"
        async with projecting(nats_url, dsn, scratch) as projectors:
            running = await projectors.start(STRATO_POSTGRES_DSN=many, **SETTINGS)
            async with load(nats_url, "failover", agents=6) as recording:
                await projects_on(projectors, recording)
                servers[0].kill()
                await fail_over(projectors, servers[1], recording, row)
                servers.append(new_standby(servers[1], folders[2], third_port))
                await projects_on(projectors, recording)
                servers[1].hang()
                await fail_over(projectors, servers[2], recording, row)
            await settled(projectors, recording)
            row.losses = Losses(checked=True)
    finally:
        for server in servers:
            server.kill()
    assert "Traceback" not in running.log.read_text(), running.log.read_text()


async def fail_over(
    projectors: Projecting, standby: WheelPostgres, recording: Load, row: FaultRow
) -> None:
    """Promote a standby, look at it from here on, and write down when it is projected to."""
    await asyncio.to_thread(promote, standby)
    since = time.monotonic()
    projectors.look_at(standby.dsn("stratoscope"))
    await projects_on(projectors, recording)
    row.recoveries.append(time.monotonic() - since)
