"""Long requests: word of how far they are, one reply, and an end where nobody wants them."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from stratoscope.broker.connection import Connection, connect
from stratoscope.broker.objects import BucketLimits
from stratoscope.client import Navigator, NoAnswerInTime, Unreachable
from stratoscope.domain.shares import ShareLimits
from stratoscope.navigator import lasting
from stratoscope.navigator.lasting import LongRequests
from stratoscope.navigator.metrics import Metrics
from stratoscope.navigator.objects import Objects
from stratoscope.navigator.progress import Progress
from stratoscope.navigator.reply_guard import SINGLE_LOGIN, ReplyGuard
from stratoscope.navigator.shares import Share
from stratoscope.navigator.spill import ObjectSpills
from stratoscope_contracts.errors import BadRequest, Internal, OverBudget, SessionNotFound
from stratoscope_contracts.objects import ObjectGetRequest
from stratoscope_contracts.sessions import SessionExportRequest
from support.recorded import an_id

VERB = "session.export"
REPLY = {"object": "o", "size": 1, "digest": "d", "format": "json", "version": 1}


class Served:
    """A navigator in this process that answers one long verb as the test has it."""

    def __init__(self, connection: Connection, ask) -> None:
        self.connection = connection
        self.metrics = Metrics([VERB])
        self.progress: asyncio.Queue[Progress] = asyncio.Queue()
        self.go_on = asyncio.Event()
        self.ended = asyncio.Event()
        spills = ObjectSpills(connection, BucketLimits(3600, 64 << 20))
        self.objects = Objects(connection, BucketLimits(3600), 64 << 20)
        limit = connection.message_limit
        answers = {VERB: self.answer}
        guard = ReplyGuard(SINGLE_LOGIN, self.metrics.refused)
        self.requests = LongRequests(
            connection.client, ask.dispatch, answers, spills, self.metrics, limit, guard
        )

    async def get(self, message) -> None:
        """Answer `object.get`."""
        request = ObjectGetRequest.model_validate_json(message.data)
        reply = await self.objects.answer("default", request)
        await message.respond(json.dumps(reply).encode())

    async def answer(self, space, request, progress):
        progress.report(1, 3, "working")
        self.progress.put_nowait(progress)
        waits = [asyncio.ensure_future(one.wait()) for one in (self.go_on, progress.stopping)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            progress.check()
        finally:
            self.ended.set()
            for one in waits:
                one.cancel()
        if request.format == "binary":
            raise RuntimeError("secret")
        return REPLY | ({"object": "x" * (9 << 20)} if request.format == "archive" else {})


@pytest.fixture
async def served(nats_url, ask) -> AsyncIterator[Served]:
    connection = await connect(nats_url, name="test")
    found = Served(connection, ask)

    async def begin(message) -> None:
        assert found.requests.takes(message.subject)
        found.requests.begin(message)

    try:
        async with lasting.lasting(found.requests):
            await connection.client.subscribe(f"strato.*.nav.{VERB}", cb=begin)
            await connection.client.subscribe("strato.*.nav.object.get", cb=found.get)
            await connection.client.flush()
            yield found
    finally:
        await connection.close()


@pytest.fixture
async def nav(nats_url) -> AsyncIterator[Navigator]:
    async with Navigator.connect(nats_url, timeout=3) as found:
        yield found


def request(form="json", **fields) -> SessionExportRequest:
    return SessionExportRequest(id=an_id(), format=form, **fields)


async def test_progress_comes_before_the_reply_and_while_nothing_changes(served, nav):
    told = []

    def tell(progress) -> None:
        told.append((progress.done, progress.total, progress.stage))
        if told.count((1, 3, "working")) == 3:
            served.go_on.set()

    reply = await nav.request_long(VERB, request(), tell)
    assert reply.object == "o"
    assert told[-3:] == [(1, 3, "working")] * 3
    assert served.metrics.tallies[VERB].requests == 1


async def test_a_reply_too_large_for_a_message_is_fetched(served, nav):
    served.go_on.set()
    reply = await nav.request_long(VERB, request("archive"), lambda _: None)
    assert len(reply.object) == 9 << 20


async def test_errors_are_raised_as_they_are_told(served, nav):
    served.go_on.set()
    with pytest.raises(Internal) as found:
        await nav.request_long(VERB, request("binary"), lambda _: None)
    assert "secret" not in str(found.value)
    with pytest.raises(SessionNotFound):
        await nav.request_long(VERB, request(wait_for=9, wait_ms=1), lambda _: None)
    with pytest.raises(BadRequest):
        await nav.request_long("agents.list", request(), lambda _: None)


async def test_whoever_stops_it_is_told_how_far_it_got(served, nav):
    stop = asyncio.Event()
    asked = asyncio.create_task(nav.request_long(VERB, request(), lambda _: None, stop))
    await served.progress.get()
    stop.set()
    with pytest.raises(OverBudget) as found:
        await asked
    assert found.value.details == {"done": 1, "total": 3, "stopped": True}


async def test_whoever_leaves_ends_it(served, nav):
    asked = asyncio.create_task(nav.request_long(VERB, request(), lambda _: None))
    progress = await served.progress.get()
    asked.cancel()
    await asyncio.wait_for(served.ended.wait(), 5)
    assert progress.why == "stopped by its requester"


async def test_a_listener_that_vanished_is_noticed(served):
    client = served.connection.client
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox)
    body = request().model_dump_json(exclude_unset=True).encode()
    headers = {"Strato-Progress": "1"}
    await client.publish(f"strato.default.nav.{VERB}", body, reply=inbox, headers=headers)
    progress = await served.progress.get()
    await subscription.unsubscribe()
    await asyncio.wait_for(served.ended.wait(), 5)
    assert "nobody waits" in progress.why


async def test_without_the_header_there_is_the_reply_alone(served):
    client = served.connection.client
    body = request().model_dump_json(exclude_unset=True).encode()
    asked = asyncio.create_task(client.request(f"strato.default.nav.{VERB}", body, timeout=5))
    await served.progress.get()
    served.go_on.set()
    assert json.loads((await asked).data) == REPLY


async def test_a_navigator_that_ends_says_so(served, nav):
    asked = asyncio.create_task(nav.request_long(VERB, request(), lambda _: None))
    await served.progress.get()
    await served.requests.close()
    with pytest.raises(OverBudget, match="this navigator ends"):
        await asked


async def test_only_so_many_run_at_a_time(ask, served, nav):
    long_requests = Share("long_requests", ShareLimits(1))
    ask.dispatch.shares.long_requests = long_requests
    async with long_requests.take("other"):
        with pytest.raises(OverBudget) as refused:
            await nav.request_long(VERB, request(), lambda _: None)
    assert refused.value.details["limit"] == "long_requests"


async def test_silence_is_told_from_nobody(nav, nats_url):
    with pytest.raises(Unreachable):
        await nav.request_long(VERB, request(), lambda _: None)
    async with Navigator.connect(nats_url, timeout=0.2) as hasty:
        listener = await connect(nats_url, name="mute")
        await listener.client.subscribe(f"strato.*.nav.{VERB}")
        await listener.client.flush()
        with pytest.raises(NoAnswerInTime, match="nothing was heard"):
            await hasty.request_long(VERB, request(), lambda _: None)
        await listener.close()
