"""Asking over a real broker: replies, errors, silence, and replies too large for a message."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import nats
import orjson
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from stratoscope.client import Navigator, NoAnswerInTime, Unreachable, UnreadableReply
from stratoscope_contracts.errors import (
    AgentNotFound,
    BadRequest,
    Internal,
    ObjectNotFound,
    StratoError,
)
from stratoscope_contracts.looking import (
    AgentsListRequest,
    EventsListRequest,
    StateAtRequest,
    StatsRequest,
)
from stratoscope_contracts.views import AtEventIndex, AtLatest
from stratoscope_contracts.words import MAX_REQUESTS_AT_A_TIME

Answer = Callable[[Msg], Awaitable[None]]

POSITION = {"agent": "a", "event_index": 3, "event_id": None}
LATEST = StateAtRequest(agent="a", at=AtLatest(latest=True))


@asynccontextmanager
async def answering(url: str, verb: str, answer: Answer) -> AsyncIterator[Any]:
    """Somebody on the wire who answers one verb as the test has it."""
    client = await nats.connect(url)
    await client.subscribe(f"strato.*.nav.{verb}", cb=answer)
    await client.flush()
    try:
        yield client
    finally:
        await client.close()


def state_reply(state: str) -> bytes:
    return b'{"position":%b,"state":%b,"exact":true,"tainted":false}' % (
        orjson.dumps(POSITION),
        state.encode(),
    )


async def test_a_state_keeps_its_spelling(nats_url: str) -> None:
    state = '{"big":18446744073709551615,"float":1.0,"int":1,"small":1e-7}'

    async def answer(message: Msg) -> None:
        await message.respond(state_reply(state))

    async with answering(nats_url, "state.at", answer), Navigator.connect(nats_url) as nav:
        reply = await nav.request("state.at", LATEST)
    assert orjson.dumps(reply.state, option=orjson.OPT_SORT_KEYS).decode() == state


async def test_only_what_was_given_is_sent(nats_url: str) -> None:
    asked: list[Any] = []

    async def answer(message: Msg) -> None:
        asked.append((message.subject, orjson.loads(message.data)))
        await message.respond(b'{"events":[]}')

    async with (
        answering(nats_url, "events.list", answer),
        Navigator.connect(nats_url, space="team-1") as nav,
    ):
        body = EventsListRequest(agent="a", from_=AtEventIndex(event_index=-1))
        await nav.request("events.list", body)
    assert asked == [("strato.team-1.nav.events.list", {"agent": "a", "from": {"event_index": -1}})]


async def test_the_navigators_error_is_raised_with_its_code_and_details(nats_url: str) -> None:
    refusal = AgentNotFound('no agent "a"', {"agent": "a"})

    async def answer(message: Msg) -> None:
        body = refusal.to_body().model_dump_json().encode()
        await message._client.publish(message.reply, body, headers=refusal.to_headers())

    async with answering(nats_url, "state.at", answer), Navigator.connect(nats_url) as nav:
        with pytest.raises(AgentNotFound, match='no agent "a"') as raised:
            await nav.request("state.at", LATEST)
    assert raised.value.details == {"agent": "a"}


async def test_an_error_that_is_no_json_is_an_error_all_the_same(nats_url: str) -> None:
    async def answer(message: Msg) -> None:
        headers = {"Nats-Service-Error": "broken", "Nats-Service-Error-Code": "500"}
        await message._client.publish(message.reply, b"oh no", headers=headers)

    async with answering(nats_url, "state.at", answer), Navigator.connect(nats_url) as nav:
        with pytest.raises(Internal):
            await nav.request("state.at", LATEST)


async def test_nobody_who_answers_is_told_at_once(nats_url: str) -> None:
    async with Navigator.connect(nats_url, timeout=30) as nav:
        async with asyncio.timeout(5):
            with pytest.raises(Unreachable, match=r"no navigator that answers state\.at"):
                await nav.request("state.at", LATEST)


async def test_silence_is_told_with_the_verb_and_the_time(nats_url: str) -> None:
    async def answer(message: Msg) -> None:
        return

    async with (
        answering(nats_url, "stats", answer),
        Navigator.connect(nats_url, timeout=0.1) as nav,
    ):
        with pytest.raises(NoAnswerInTime, match=r"no answer to stats within 0\.1 s$"):
            await nav.request("stats", StatsRequest())


async def test_a_request_that_waits_for_the_projection_is_given_that_time_too(
    nats_url: str,
) -> None:
    async def answer(message: Msg) -> None:
        await asyncio.sleep(0.3)
        await message.respond(state_reply("{}"))

    async with (
        answering(nats_url, "state.at", answer),
        Navigator.connect(nats_url, timeout=0.1) as nav,
    ):
        waiting = LATEST.model_copy(update={"wait_for": 7, "wait_ms": 5000})
        assert (await nav.request("state.at", waiting)).state == {}


async def test_no_broker_is_told_within_the_timeout() -> None:
    with pytest.raises(Unreachable, match=r"no broker at .*127\.0\.0\.1:1 "):
        async with Navigator.connect("nats://127.0.0.1:1", timeout=0.3):
            pass


async def test_an_answer_against_the_contract_is_told(nats_url: str) -> None:
    async def answer(message: Msg) -> None:
        await message.respond(b'{"state":{}}')

    async with answering(nats_url, "state.at", answer), Navigator.connect(nats_url) as nav:
        with pytest.raises(UnreadableReply, match=r"state\.at breaks the contract"):
            await nav.request("state.at", LATEST)


async def test_a_body_of_another_verb_is_refused_before_it_is_sent(nats_url: str) -> None:
    async with Navigator.connect(nats_url) as nav:
        with pytest.raises(BadRequest, match=r"stats takes StatsRequest, not StateAtRequest"):
            await nav.request("stats", LATEST)  # type: ignore[call-overload]  # the point of it
        with pytest.raises(BadRequest, match="no verb"):
            await nav.request("no.such", LATEST)


async def test_a_space_that_is_none_is_refused_before_connecting() -> None:
    with pytest.raises(BadRequest, match="a space is"):
        async with Navigator.connect("nats://127.0.0.1:1", space="Not One"):
            pass


def digest_of(body: bytes) -> str:
    return "SHA-256=" + base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode()


async def spilled(client: Client, body: bytes, *, means: bytes, says: bytes | None = None) -> bytes:
    """A reply that names `body`; the object has the digest of `says`, the reply that of `means`."""

    async def get(message: Msg) -> None:
        asked = orjson.loads(message.data)
        assert (asked["bucket"], asked["name"]) == ("strato-spill-default", "reply-1")
        start = asked.get("offset", 0)
        # Fewer bytes than are asked for, as a server of small messages has it.
        data = body[start : start + min(asked.get("limit", 1 << 19), 300_001)]
        told = digest_of(body if says is None else says)
        reply = {"data": base64.b64encode(data).decode(), "size": len(body), "digest": told}
        await message.respond(orjson.dumps(reply))

    await client.subscribe("strato.default.nav.object.get", cb=get)
    await client.flush()
    place = {
        "bucket": "strato-spill-default",
        "name": "reply-1",
        "size": len(body),
        "digest": digest_of(means),
    }
    return orjson.dumps({"spilled": place})


async def test_a_reply_too_large_for_a_message_is_fetched_unseen(nats_url: str) -> None:
    whole = state_reply(orjson.dumps({"text": "x" * 9_000_000}).decode())
    answered = asyncio.get_running_loop().create_future()

    async def answer(message: Msg) -> None:
        await message.respond(await answered)

    async with answering(nats_url, "state.at", answer) as client:
        answered.set_result(await spilled(client, whole, means=whole))
        async with Navigator.connect(nats_url) as nav:
            reply = await nav.request("state.at", LATEST)
    assert reply.state == {"text": "x" * 9_000_000}


@pytest.mark.parametrize("says", [None, b"else"])
async def test_a_damaged_object_is_not_taken_for_a_reply(nats_url: str, says: bytes | None) -> None:
    """Neither another object, nor one whose bytes do not have its digest."""
    answered = asyncio.get_running_loop().create_future()

    async def answer(message: Msg) -> None:
        await message.respond(await answered)

    async with answering(nats_url, "state.at", answer) as client:
        answered.set_result(await spilled(client, state_reply("{}"), means=b"else", says=says))
        async with Navigator.connect(nats_url) as nav:
            with pytest.raises(UnreadableReply, match="is damaged"):
                await nav.request("state.at", LATEST)


async def test_an_object_that_is_gone_is_told(nats_url: str) -> None:
    place = {"bucket": "strato-spill-default", "name": "gone", "size": 1, "digest": "SHA-256=x"}

    async def answer(message: Msg) -> None:
        await message.respond(orjson.dumps({"spilled": place}))

    async def get(message: Msg) -> None:
        gone = ObjectNotFound("no such object")
        body = gone.to_body().model_dump_json().encode()
        await client.publish(message.reply, body, headers=gone.to_headers())

    async with (
        answering(nats_url, "state.at", answer) as client,
        answering(nats_url, "object.get", get),
        Navigator.connect(nats_url) as nav,
    ):
        with pytest.raises(UnreadableReply, match="ask again"):
            await nav.request("state.at", LATEST)


async def agents_by_cursor(message: Msg) -> None:
    asked = orjson.loads(message.data)
    start = int(asked.get("cursor", 0))
    stop = min(start + asked["limit"], 5)
    agents = [{"agent": f"a{n}", "events": 0, "snapshots": 0} for n in range(start, stop)]
    cursor = str(stop) if stop < 5 else None
    await message.respond(orjson.dumps({"agents": agents, "cursor": cursor}))


async def names(nav: Navigator, limit: int, at_most: int | None = None) -> list[list[str]]:
    body = AgentsListRequest(limit=limit)
    pages = nav.pages("agents.list", body, at_most=at_most)
    return [[agent.agent for agent in page.agents] async for page in pages]


async def test_pages_follow_the_cursor_to_the_end(nats_url: str) -> None:
    async with (
        answering(nats_url, "agents.list", agents_by_cursor),
        Navigator.connect(nats_url) as nav,
    ):
        assert await names(nav, 2) == [["a0", "a1"], ["a2", "a3"], ["a4"]]
        assert await names(nav, 100) == [["a0", "a1", "a2", "a3", "a4"]]


async def test_pages_ask_for_no_more_than_is_wanted(nats_url: str) -> None:
    async with (
        answering(nats_url, "agents.list", agents_by_cursor),
        Navigator.connect(nats_url) as nav,
    ):
        assert await names(nav, 2, at_most=3) == [["a0", "a1"], ["a2"]]
        assert await names(nav, 2, at_most=0) == []


async def test_whatever_goes_wrong_is_of_the_contracts_tree() -> None:
    assert issubclass(Unreachable, StratoError)
    assert issubclass(NoAnswerInTime, StratoError)
    assert issubclass(UnreadableReply, StratoError)


async def test_a_wide_fan_out_has_so_many_requests_at_a_time(nats_url: str) -> None:
    """What is over the contract's limit waits for a reply, and loses none of its own time."""
    open_now, most = 0, 0
    enough, go_on = asyncio.Event(), asyncio.Event()

    async def slow(message: Msg) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        if open_now == MAX_REQUESTS_AT_A_TIME:
            enough.set()
        await go_on.wait()
        open_now -= 1
        await message.respond(state_reply("{}"))

    async def answer(message: Msg) -> None:
        answers.add(asyncio.create_task(slow(message)))

    answers: set[asyncio.Task[None]] = set()
    async with answering(nats_url, "state.at", answer), Navigator.connect(nats_url) as nav:
        asked = [asyncio.create_task(nav.request("state.at", LATEST)) for _ in range(300)]
        async with asyncio.timeout(5):
            await enough.wait()
        # One more round over the connection: anything beyond would have been heard by now.
        await nav._connection.client.flush()
        assert most == MAX_REQUESTS_AT_A_TIME
        go_on.set()
        assert len(await asyncio.gather(*asked)) == 300
    assert most == MAX_REQUESTS_AT_A_TIME


async def test_a_replay_counts_and_does_not_wait(nats_url: str) -> None:
    """A reader that asks for something at each event never waits for itself."""
    async with Navigator.connect(nats_url) as nav:
        async with nav._slot_if_free():
            assert nav._slots._value == MAX_REQUESTS_AT_A_TIME - 1
        async with AsyncExitStack() as stack:
            for _ in range(MAX_REQUESTS_AT_A_TIME + 1):
                await stack.enter_async_context(nav._slot_if_free())
            assert nav._slots.locked()
        assert nav._slots._value == MAX_REQUESTS_AT_A_TIME
