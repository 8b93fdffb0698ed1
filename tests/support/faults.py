"""The faults of the matrix: each is injected, and lifted where it does not end by itself.

Servers are started by the test's own thread: they end with the thread that starts them.
"""

import asyncio
import shutil
import subprocess
from pathlib import Path
from typing import Final

from stratoscope_contracts.words import STREAM_RECORD
from support.eventually import eventually
from support.fault_injection import SERVER, SERVICE, SILENCE, Fault, Injection
from support.fault_matrix import recover
from support.service import ServiceProcess
from support.tcp_proxy import Direction, TcpProxy
from support.wheels import WheelPostgres

# Longer than a lease.
_SUSPENDED: Final = 12.0
_SLOW_COMMIT: Final = (
    """
    create function strato.commit_slowly() returns trigger language plpgsql as
        $$ begin perform pg_sleep(0.1); return null; end $$
    """,
    """
    create constraint trigger slow after update on strato_p1.partition
        deferrable initially deferred for each row
        when (old.stream_seq is distinct from new.stream_seq)
        execute function strato.commit_slowly()
    """,
)
_QUICK_COMMIT: Final = (
    "drop trigger slow on strato_p1.partition",
    "drop function strato.commit_slowly()",
)
_TERMINATE: Final = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where wait_event = 'PgSleep' and application_name like 'stratoscope projector%'
"""
# Bodies that no record can be made of.
MALFORMED: Final = (
    ("event", b""),
    ("event", b"[]"),
    ("event", b"null"),
    ("event", b'"type"'),
    ("event", b"\xff\xfe\x00"),
    ("event", b'{"type": 7}'),
    ("event", b'{"data": {}}'),
    ("event", b"{" * 400),
    ("snapshot", b'{"state": []}'),
    ("snapshot", b'{"state": '),
    ("batch", b'{"records": 1}'),
    ("batch", b'{"records": [{"kind": "nothing", "type": "x"}]}'),
    # Of these only the one with a patch was to change a state.
    ("batch", b'{"records": [{"kind": "event", "data": {}}]}'),
    ("batch", b'{"records": [{"kind": "event", "data": {}, "patch": []}]}'),
    ("batch", b'{"records": [{"kind": "event", "type": "x"}, {"kind": "event"}]}'),
    ("batch", b'{"records": [{"kind": "snapshot", "state": {}}, {"kind": "event"}]}'),
    ("batch", b'{"records": [{"type": "x"}]}'),
    ("batch", b'{"records": [7]}'),
    ("batch", b'{"records": []}'),
    ("batch", b"{}"),
)


async def kill_projector(one: Injection) -> None:
    """Its supervisor starts it at once."""
    since = one.now()
    await one.stage.kill(one.stage.projectors[0])
    await one.queries_go_on()
    await one.stage.start_projector(ready=False)
    await one.recover(since)


async def kill_one_projector_of_two(one: Injection) -> None:
    """The other one takes over."""
    since = one.now()
    await one.stage.kill(one.random.choice(one.stage.projectors))
    await one.recover(since)
    await one.stage.start_projector()


async def kill_navigator(one: Injection) -> None:
    """Its supervisor starts it at once."""
    since = one.now()
    await one.stage.kill(one.stage.navigators[0])
    starting = asyncio.create_task(one.stage.start_navigator())
    await one.recording_goes_on()
    await one.recover(since)
    await starting


async def kill_one_navigator_of_two(one: Injection) -> None:
    """The other one takes over."""
    since = one.now()
    await one.stage.kill(one.random.choice(one.stage.navigators))
    await one.queries_go_on()
    await one.recover(since)
    await one.stage.start_navigator()


async def kill_broker(one: Injection) -> None:
    """It is started at once."""
    since = one.now()
    one.stage.kill_broker()
    one.stage.broker.start()
    await one.recover(since)


async def kill_database(one: Injection) -> None:
    """It is away for a moment; recording goes on meanwhile."""
    since = one.now()
    one.stage.kill_database()
    one.driver.database_crashed()
    await one.recording_goes_on()
    await one.examine()
    if one.thorough:
        since = one.now()
    one.stage.database.start()
    await one.recover(since)


async def _suspend(one: Injection, group: list[ServiceProcess], table: str, seconds: float) -> None:
    """Suspend a holder of leases, and let it go on when another one takes them, or later."""
    running = one.random.choice(group)
    since, epochs = one.now(), await one.epochs(table)
    one.stage.suspend(running)
    try:
        if one.thorough:
            await one.recording_goes_on()
            await one.examine()
            await one.recover(since)
        await asyncio.sleep(max(0.0, seconds - (one.now() - since)))
    finally:
        one.stage.resume(running)
    # What it held is another's now, and it finds out.
    resumed = await recover(one.driver, one.now(), one.within)
    if not one.thorough:
        one.row.recoveries.append(resumed + seconds)
    if await one.epochs(table) > epochs:
        one.stage.done["lease races"] += 1


async def suspend_projector(one: Injection) -> None:
    """The other one takes over after the lease; it is resumed then."""
    await _suspend(one, one.stage.projectors, "partition", one.stage.lease_seconds + 2)


async def suspend_navigator(one: Injection) -> None:
    """The other one takes over after the lease; it is resumed then."""
    await _suspend(one, one.stage.navigators, "watch", one.stage.lease_seconds + 2)


async def race_projectors(one: Injection) -> None:
    """A projector goes on just when its lease ends, while the other one claims it."""
    seconds = one.stage.lease_seconds * one.random.uniform(0.95, 1.2)
    await _suspend(one, one.stage.projectors, "partition", seconds)


async def race_navigators(one: Injection) -> None:
    """A navigator goes on just when its lease ends, while the other one claims it."""
    seconds = one.stage.lease_seconds * one.random.uniform(0.95, 1.2)
    await _suspend(one, one.stage.navigators, "watch", seconds)


async def hang_database(one: Injection) -> None:
    """All processes of the server are suspended beyond a lease."""
    assert isinstance(one.stage.database, WheelPostgres)
    one.stage.database.hang()
    try:
        began = one.now()
        await one.recording_goes_on()
        await one.examine()
        await asyncio.sleep(max(0.0, _SUSPENDED - (one.now() - began)))
    finally:
        one.stage.database.resume()
    await one.recover(one.now())


async def terminate_at_commit(one: Injection) -> None:
    """Sessions end while a deferred trigger keeps their COMMIT from its end."""
    fetch = one.stage.projecting.fetch
    for statement in _SLOW_COMMIT:
        await fetch(statement)
    try:
        for _ in range(3):

            async def is_terminated() -> bool:
                return bool(await fetch(_TERMINATE))

            await eventually(is_terminated, within=20)
        await one.queries_go_on()
    finally:
        for statement in _QUICK_COMMIT:
            await fetch(statement)
    await one.recover(one.now())


async def _cut(one: Injection, proxy: TcpProxy) -> None:
    since = one.now()
    proxy.cut()
    await one.recover(since)


async def cut_database(one: Injection) -> None:
    """Connections are reset."""
    await _cut(one, one.stage.to_database)


async def cut_broker(one: Injection) -> None:
    """Connections are reset."""
    await _cut(one, one.stage.to_broker)


def _silence(one: Injection, proxy: TcpProxy) -> None:
    proxy.silence_present(*one.random.choice([(), (Direction.TO_CLIENT,)]))


async def half_open_database(one: Injection) -> None:
    """The connections that there are lose every byte, or what the server sends."""
    since = one.now()
    _silence(one, one.stage.to_database)
    await one.recording_goes_on()
    await one.recover(since)


async def half_open_broker(one: Injection) -> None:
    """The connections that there are lose every byte, or what the server sends."""
    since, proxy = one.now(), one.stage.to_broker
    _silence(one, proxy)
    await one.recording_goes_on()

    async def is_left() -> bool:
        return not proxy.has_silent

    # Until then a navigator may swallow requests, while another one answers some.
    await eventually(is_left, within=one.within)
    await one.recover(since)


async def _black_hole(one: Injection, proxy: TcpProxy) -> None:
    proxy.silence()
    began = one.now()
    await one.recording_goes_on()
    await one.examine()
    await asyncio.sleep(max(0.0, 15.0 - (one.now() - began)))
    proxy.resume()
    await one.recover(one.now())


async def black_hole_database(one: Injection) -> None:
    """No byte passes for 15 s, on new connections neither."""
    await _black_hole(one, one.stage.to_database)


async def black_hole_broker(one: Injection) -> None:
    """No byte passes for 15 s, on new connections neither."""
    await _black_hole(one, one.stage.to_broker)


async def _slow(one: Injection, proxy: TcpProxy, longest: float) -> None:
    since = one.now()
    proxy.delay(one.random.choice([0.005, 0.05, longest]))
    try:
        await one.queries_go_on()
        await one.recording_goes_on()
        await one.recover(since)
    finally:
        proxy.delay(0)


async def slow_database(one: Injection) -> None:
    """Each chunk comes 5 to 50 ms later."""
    await _slow(one, one.stage.to_database, 0.02)


async def slow_broker(one: Injection) -> None:
    """Each chunk comes 5 to 200 ms later."""
    await _slow(one, one.stage.to_broker, 0.2)


async def delete_consumers(one: Injection) -> None:
    """The broker forgets the consumers of the log."""
    since = one.now()
    jetstream = one.driver.client.jetstream()
    for consumer in await jetstream.consumers_info(STREAM_RECORD):
        await jetstream.delete_consumer(STREAM_RECORD, consumer.name)
    await one.queries_go_on()
    await one.recover(since)


async def flood(one: Injection) -> None:
    """Ten times the load for five seconds."""
    recording = one.driver.recording
    recording.hasten(10)
    try:
        await asyncio.sleep(5)
        await one.queries_go_on()
    finally:
        recording.hasten(0.1)
    await one.recover(one.now())


async def quiet(one: Injection) -> None:
    """No fault, for longer than most alerts wait."""
    await asyncio.sleep(40)
    await one.queries_go_on()
    await one.recording_goes_on()
    await one.examine()
    await one.recover(one.now())


async def malformed(one: Injection) -> None:
    """Two hundred messages that no record can be made of, between the others."""
    since = one.now()
    jetstream = one.driver.client.jetstream()
    for _ in range(200):
        # Each has an agent of its own, by which the checker names it.
        number = one.random.randrange(len(MALFORMED))
        kind, body = MALFORMED[number]
        await jetstream.publish(f"strato.default.rec.malformed-{number}.{kind}", body)
    await one.queries_go_on()
    await one.recording_goes_on()
    await one.recover(since)


async def restore_database(one: Injection) -> None:
    """The database's files of some seconds ago are put back after it was killed."""
    database = one.stage.database
    assert isinstance(database, WheelPostgres)
    backup = database.folder / "backup"

    def copy(source: Path, target: Path) -> None:
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run(["cp", "-a", str(source), str(target)], check=True)

    one.stage.kill_database()
    one.driver.database_crashed()
    await asyncio.to_thread(copy, database.folder / "cluster", backup)
    database.start()
    await recover(one.driver, one.now(), 30)
    await one.recording_goes_on()
    one.stage.kill_database()
    await asyncio.to_thread(copy, backup, database.folder / "cluster")
    one.driver.database_crashed()
    since = one.now()
    database.start()
    await one.recover(since)
    await asyncio.to_thread(shutil.rmtree, backup)


FAULTS: Final = (
    Fault("no fault for 40 s", SERVICE, quiet, weight=0),
    Fault("projector killed", SERVICE, kill_projector, weight=6),
    Fault("one projector of two killed", SERVICE, kill_one_projector_of_two, 2, weight=6),
    Fault("navigator killed", SERVICE, kill_navigator, weight=3),
    Fault("one navigator of two killed", SERVICE, kill_one_navigator_of_two, 1, 2, weight=3),
    Fault("broker killed", SERVER, kill_broker, weight=4),
    Fault("Postgres killed", SERVER, kill_database, weight=3),
    Fault("a projector of two suspended beyond its lease", SILENCE, suspend_projector, 2),
    Fault("a navigator of two suspended beyond its lease", SILENCE, suspend_navigator, 1, 2),
    Fault("a projector of two suspended until its lease ends", SILENCE, race_projectors, 2, 1, 6),
    Fault("a navigator of two suspended until its lease ends", SILENCE, race_navigators, 1, 2, 4),
    Fault("Postgres hung for 12 s", SILENCE, hang_database),
    Fault("projector's sessions ended at COMMIT", SERVER, terminate_at_commit),
    Fault("connections to Postgres reset", SERVICE, cut_database),
    Fault("connections to Postgres half-open", SILENCE, half_open_database),
    Fault("Postgres unreachable for 15 s", SILENCE, black_hole_database),
    Fault("Postgres 5 to 50 ms away", SERVER, slow_database),
    Fault("connections to the broker reset", SERVICE, cut_broker),
    Fault("connections to the broker half-open", SILENCE, half_open_broker),
    Fault("broker unreachable for 15 s", SILENCE, black_hole_broker),
    Fault("broker 5 to 200 ms away", SERVER, slow_broker),
    Fault("consumers of the log deleted", SERVER, delete_consumers),
    Fault("ten times the load for 5 s", SERVER, flood),
    Fault("200 malformed messages", SERVICE, malformed),
    Fault("Postgres restored from older files", SERVER, restore_database),
)
