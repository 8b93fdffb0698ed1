"""A message with thousands of hits beside another space, and a navigator killed meanwhile."""

from uuid import uuid4

import orjson
import pytest

from stratoscope_contracts.subjects import partition_of
from support.eventually import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("cleared")]

EVENTS = 6_000
ERRORS = {"kind": "on_event_type", "type": "error_occurred"}
ERROR = {"kind": "event", "type": "error_occurred"}
ELSEWHERE = "elsewhere"


async def ask(hits, verb, **body):
    reply = await hits.client.request(
        f"strato.{ELSEWHERE}.nav.{verb}", orjson.dumps(body), timeout=30
    )
    return orjson.loads(reply.data)


async def test_no_other_partition_waits_and_none_is_lost_or_doubled_by_a_kill(stand, hits):
    flooded = f"flooded-{uuid4()}"
    other = next(
        name
        for name in (f"other-{uuid4()}" for _ in range(1000))
        if partition_of(ELSEWHERE, name) != partition_of("default", flooded)
    )
    made = [
        (await stand.ask("breakpoint.create", agent=flooded, condition=ERRORS, hit=rule))
        for rule in ({"every": 1}, {"every": 2})
    ]
    created = await ask(hits, "breakpoint.create", agent=other, condition=ERRORS)
    heard: list[str] = []

    async def hear(message) -> None:
        heard.append(message.subject)

    listening = [
        await hits.client.subscribe(f"strato.{space}.hit.*", cb=hear)
        for space in ("default", ELSEWHERE)
    ]
    last = await hits.record(flooded, [ERROR] * EVENTS)
    await hits.client.request(f"strato.{ELSEWHERE}.rec.{other}.event", orjson.dumps(ERROR))
    await eventually(lambda: _is_in(f"strato.{ELSEWHERE}.hit.{other}", heard), within=60)
    # Recorded behind thousands of hits, and made before most of them.
    assert len(heard) < EVENTS

    await stand.kill_navigator()
    before = len(heard)
    await stand.start_navigator()
    await hits.until_seen(flooded, last, within=120)
    for one in listening:
        await one.unsubscribe()
    assert before < EVENTS
    told = [one for one in await hits.told() if one["agent"] == flooded]
    for breakpoint, expected in zip(made, (EVENTS, EVENTS // 2), strict=True):
        identity = breakpoint["breakpoint"]["id"]
        found = [one for one in told if one["breakpoint_id"] == identity]
        indexes = [one["position"]["event_index"] for one in found]
        step = EVENTS // expected
        assert indexes == [*range(step - 1, EVENTS, step)]
        reply = await stand.ask("breakpoint.get", id=identity)
        assert reply["breakpoint"]["hit_count"] == expected
    await ask(hits, "breakpoint.remove", id=created["breakpoint"]["id"])


async def _is_in(subject: str, heard: list[str]) -> bool:
    return subject in heard
