"""One trace from an agent's record over the projector to the breakpoint and the operator's look."""

import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
import orjson
import pytest_asyncio

from support import stack
from support.collector import Collector, attributes, collecting
from support.service import ServiceProcess, service

RECORDED = "4bf92f3577b34da6a3ce929d0e0e4736"
REFUSED = "5bf92f3577b34da6a3ce929d0e0e4736"
ASKED = "6bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


def headers(trace_id: str) -> dict[str, str]:
    return {"traceparent": f"00-{trace_id}-{SPAN}-01"}


@dataclass
class Told:
    """What both services told of one event, one message that is refused, and some requests."""

    collector: Collector
    projector: ServiceProcess
    navigator: ServiceProcess

    def in_trace(self, trace_id: str) -> dict[str, Any]:
        """The spans of a trace, by their names."""
        spans = [span for _, span in self.collector.spans]
        return {span.name: span for span in spans if span.trace_id.hex() == trace_id}

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The lines of both logs that say this."""
        logs = self.projector.log.read_text() + self.navigator.log.read_text()
        return [line for line in map(json.loads, logs.splitlines()) if line["event"] == event]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(backend: str, shared_postgres: stack.PostgresServer) -> AsyncIterator[Told]:
    folder = Path(tempfile.mkdtemp(prefix="stratoscope-tracing-"))
    server = stack.new_nats(backend, folder)
    try:
        with stack.new_database(shared_postgres) as dsn, collecting() as collector:
            async with AsyncExitStack() as running:
                endpoint = {"STRATO_OTLP_ENDPOINT": collector.url}
                started = [
                    await running.enter_async_context(
                        service(name, server.url, dsn, folder, **endpoint)
                    )
                    for name in ("projector", "navigator")
                ]
                await tell(server.url)
                # What is left is sent at their end.
                for one in reversed(started):
                    assert await one.stop() == 0
                yield Told(collector, *started)
    finally:
        server.close()
        shutil.rmtree(folder)


async def tell(url: str) -> None:
    client = await nats.connect(url)
    hits = await client.subscribe("strato.default.hit.*")

    async def ask(verb: str, **body: Any) -> Any:
        reply = await client.request(
            f"strato.default.nav.{verb}", orjson.dumps(body), timeout=30, headers=headers(ASKED)
        )
        return orjson.loads(reply.data)

    async def record(body: bytes, trace_id: str) -> int:
        subject = "strato.default.rec.walker.event"
        return (await client.jetstream().publish(subject, body, headers=headers(trace_id))).seq

    try:
        condition = {"kind": "on_event_type", "type": "moved"}
        await ask("breakpoint.create", agent="walker", condition=condition)
        await record(b'{"type":"moved"}', RECORDED)
        await hits.next_msg(timeout=10)
        last = await record(b"no JSON", REFUSED)
        await ask("events.list", agent="walker", wait_for=last, wait_ms=20_000)
        assert (await ask("events.get", event_id="no id"))["code"] == "bad_request"
        session = (await ask("session.create", agent="walker"))["session"]
        await ask("session.continue", id=session["id"], direction="backward")
    finally:
        await client.close()


def test_a_batch_is_in_the_trace_of_its_message_with_its_stages(told: Told) -> None:
    spans = told.in_trace(RECORDED)
    batch = spans["project a batch"]
    assert batch.parent_span_id.hex() == SPAN
    assert attributes(batch)["stratoscope.events"] == 1
    for stage in ("gather", "decide", "commit"):
        assert spans[stage].parent_span_id == batch.span_id
        assert batch.start_time_unix_nano <= spans[stage].start_time_unix_nano
        assert spans[stage].end_time_unix_nano <= batch.end_time_unix_nano


def test_a_hit_is_in_the_trace_of_the_record_that_was_hit(told: Told) -> None:
    hit = told.in_trace(RECORDED)["hit"]
    assert hit.parent_span_id.hex() == SPAN
    said = attributes(hit)
    assert (said["stratoscope.agent"], said["stratoscope.event_index"]) == ("walker", 0)
    assert hit.end_time_unix_nano > hit.start_time_unix_nano


def test_a_request_is_in_the_trace_of_its_requester_with_verb_and_code(told: Told) -> None:
    spans = told.in_trace(ASKED)
    assert attributes(spans["events.list"])["stratoscope.code"] == "ok"
    assert attributes(spans["events.get"])["stratoscope.code"] == "bad_request"
    # What the requester did wrong is no failure of the navigator.
    assert not spans["events.get"].status.code
    assert {one.parent_span_id.hex() for one in spans.values()} == {SPAN}


def test_a_request_that_is_answered_in_a_task_of_its_own_is_in_it_too(told: Told) -> None:
    assert "session.continue" in told.in_trace(ASKED)


def test_a_dead_letter_is_one_line_with_the_trace_of_its_message(told: Told) -> None:
    (line,) = told.lines("a message is a dead letter")
    assert (line["trace_id"], line["reason"], line["agent"]) == (REFUSED, "not_json", "walker")
    assert line["service"] == "projector"


def test_the_span_of_a_batch_says_that_it_had_a_dead_letter(told: Told) -> None:
    batch = told.in_trace(REFUSED)["project a batch"]
    assert attributes(batch)["stratoscope.dead_letters"] == 1
