"""Heavy messages are taken or refused within bounds of memory and time; others do not wait."""

import asyncio
import resource
import time
from pathlib import Path
from typing import Any

import zstandard

from support.documents import patches, state_of
from support.eventually import eventually
from support.projecting import ARMED
from support.service import ServiceProcess

MIB = 1 << 20
ZSTD = {"Content-Encoding": "zstd"}
PEAK_MIB = 512
MANY = 999_000
# Marked before it is read, and projected with all partitions: the first commit is its own.
MARKED = b'{"state":{"a":"%b"}}' % (b"x" * (3 * MIB // 2))


def memory(running: ServiceProcess, name: str) -> int:
    """A figure of a process's memory, in MiB."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(name))
    return int(line.split()[1]) // 1024


def peak(running: ServiceProcess) -> int:
    """The most memory that a process ever had, in MiB."""
    return memory(running, "VmHWM")


async def packed(publish: Any, agent: str, kind: str, body: bytes) -> int:
    """Publish a body as zstd."""
    seq: int = await publish(agent, kind, zstandard.compress(body, 6), ZSTD)
    return seq


SHAPES = {
    "too many": b"{}," * (31 * MIB // 3) + b"0",
    "objects": b'{"a":1},' * (MANY // 2) + b"0",
    "empty objects": b"{}," * MANY + b"0",
    "lists": b"[0]," * (MANY // 2) + b"0",
    "texts": b'"%b",' % (b"x" * 28) * MANY + b"0",
    "floats": b"1.5," * MANY + b"0",
    "names": b"{%b}" % b",".join(b'"%019d":{}' % n for n in range(MANY)),
    "one text": b'"%b"' % (b"x" * (32 * MIB - 64)),
}


async def test_documents_of_32_mib_are_taken_or_refused_within_512_mib(
    publish, projectors, running
):
    taken = 0
    for shape, items in SHAPES.items():
        last = await packed(publish, "a", "snapshot", b'{"state":{"a":[%b]}}' % items)
        await eventually(lambda last=last: projectors.passed(last), within=60)
        taken += shape != "too many"
    for n in range(8):
        patch = [{"op": "add", "path": "/b", "value": n}]
        last = await publish("a", "event", {"type": "x", "patch": patch})
        await eventually(lambda last=last: projectors.passed(last), within=60)
    dead = await projectors.fetch("select reason from dead_letter")
    assert [row["reason"] for row in dead] == ["too_many_values"]
    (versions,) = await projectors.fetch("select count(*) from state_version")
    assert versions["count"] == taken + 8
    assert peak(running) <= PEAK_MIB


async def test_large_states_of_many_agents_are_not_loaded_at_once(publish, projectors, running):
    snapshot = state_of(4)
    for n in range(8):
        last = await packed(publish, f"a{n}", "snapshot", snapshot)
    await eventually(lambda: projectors.passed(last), within=60)
    assert await running.stop() == 0
    for n in range(8):
        patch = [{"op": "add", "path": "/b", "value": n}]
        last = await publish(f"a{n}", "event", {"type": "x", "patch": patch})
    running = await projectors.start()
    await eventually(lambda: projectors.passed(last), within=60)
    (versions,) = await projectors.fetch("select count(*) from state_version")
    assert versions["count"] == 16
    assert peak(running) <= PEAK_MIB


async def test_patches_of_a_large_state_neither_stop_the_loop_nor_lose_a_lease(publish, projectors):
    settings = {"STRATO_LEASE_SECONDS": "2"}
    running = [await projectors.start(**settings)]
    running.append(await projectors.start(ready=False, **settings))

    async def share() -> bool:
        return sorted((await projectors.owners()).values()) == [8, 8]

    await eventually(share)
    before = await projectors.fetch("select epoch from partition order by partition")
    await packed(publish, "a", "snapshot", state_of(4))
    last = await packed(publish, "a", "batch", patches(25))
    slowest = 0.0
    while not await projectors.passed(last):
        for one in running:
            started = time.monotonic()
            assert (await one.get("/healthz"))[0] == 200
            slowest = max(slowest, time.monotonic() - started)
        await asyncio.sleep(0.02)
    assert slowest < 2
    assert await projectors.fetch("select epoch from partition order by partition") == before
    (events,) = await projectors.fetch("select count(*) from event")
    assert events["count"] == 25


async def test_more_patches_of_a_large_state_than_the_budget_are_refused_with_the_reason(
    publish, projectors, running
):
    # One long text: the budget counts bytes, and writing many members takes ten times as long.
    large = b'{"state":{"k0000000":0,"text":"%b"}}' % (b"x" * (8 * MIB))
    await packed(publish, "a", "snapshot", large)
    await packed(publish, "a", "batch", patches(70))
    last = await publish("b", "event", {"type": "after"}, space="other")
    await eventually(lambda: projectors.passed(last), within=100)
    (letter,) = await projectors.fetch("select reason, stream_seq from dead_letter")
    assert letter["reason"] == "over_budget"
    (taint,) = await projectors.fetch("select stream_seq from taint")
    assert taint["stream_seq"] == letter["stream_seq"]


async def test_a_message_that_killed_two_projectors_is_a_dead_letter_at_the_third_start(
    publish, projectors
):
    large = MARKED
    await (await projectors.start()).stop()
    await publish("killer", "snapshot", large)
    last = await publish("b", "event", {"type": "after"}, space="other")
    for deaths in 1, 2:
        running = await projectors.start((ARMED, "before_copy", "1"), ready=False)
        assert await asyncio.wait_for(running.process.wait(), 20) != 0
        (mark,) = await projectors.fetch("select * from attempt")
        assert mark["attempts"] == deaths
    await projectors.start()
    await eventually(lambda: projectors.passed(last))
    (letter,) = await projectors.fetch("select reason, body from dead_letter")
    assert (letter["reason"], letter["body"]) == ("killed_projector", large)
    assert len(await projectors.fetch("select from event")) == 1


async def test_a_message_at_which_a_projector_was_killed_once_is_taken(publish, projectors):
    large = MARKED
    await (await projectors.start()).stop()
    last = await publish("innocent", "snapshot", large)
    running = await projectors.start((ARMED, "before_copy", "1"), ready=False)
    assert await asyncio.wait_for(running.process.wait(), 20) != 0
    await projectors.start()
    await eventually(lambda: projectors.passed(last))
    assert not await projectors.fetch("select from dead_letter")
    assert len(await projectors.fetch("select from state_version")) == 1

    async def is_unmarked() -> bool:
        return not await projectors.fetch("select from attempt")

    await eventually(is_unmarked)


async def test_a_message_for_which_memory_does_not_suffice_is_buried_at_the_third_start(
    publish, projectors
):
    """Under a limit of address space, whether the process survives the failure or not."""

    running, starts = await projectors.start(), 1
    limit = (memory(running, "VmSize") + 48) * MIB
    resource.prlimit(running.process.pid, resource.RLIMIT_AS, (limit, limit))
    await packed(publish, "a", "snapshot", b'{"state":{"a":[%b]}}' % SHAPES["objects"])
    last = await publish("b", "event", {"type": "after"}, space="other")
    async with asyncio.timeout(90):
        while not await projectors.passed(last):
            if running.process.returncode is not None:
                running, starts = await projectors.start(ready=False), starts + 1
                # It is still importing, and has read nothing.
                resource.prlimit(running.process.pid, resource.RLIMIT_AS, (limit, limit))
            await asyncio.sleep(0.1)
    (letter,) = await projectors.fetch("select reason from dead_letter")
    assert letter["reason"] in ("unreadable", "killed_projector")
    assert starts <= 3
    assert len(await projectors.fetch("select from event")) == 1
