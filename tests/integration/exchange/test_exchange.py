"""A recording is shared over the wire: exported, fetched, sent, imported, or refused whole."""

import asyncio
import base64
import json
import re

import orjson
import pytest
import pytest_asyncio
import zstandard

from stratoscope_contracts.breakpoints import BreakpointCreateRequest
from stratoscope_contracts.errors import ImportFailed, OverBudget, SessionNotFound
from stratoscope_contracts.looking import EventsListRequest
from stratoscope_contracts.sessions import (
    SessionExportRequest,
    SessionGotoRequest,
    SessionMarkRequest,
    SessionRequest,
)
from stratoscope_contracts.views import AtEventIndex
from stratoscope_contracts.words import HEADER_PROGRESS, HEADER_REQUEST, exports_bucket
from support.exports import document, event, spelled
from support.recorded import an_id
from support.recorded import event as an_event

pytestmark = pytest.mark.asyncio(loop_scope="module")
BUCKET = exports_bucket("default")


@pytest_asyncio.fixture(loop_scope="module")
async def untouched(sharing):
    """Nothing is recorded, and nobody listed who was not."""
    before = await sharing.last_seq(), await sharing.agents()
    yield
    assert (await sharing.last_seq(), await sharing.agents()) == before


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runner(sharing) -> str:
    """An agent whose sharing lasts long enough to be stopped."""
    await sharing.record("runner", 8_000)
    return "runner"


async def refused(sharing, name: str, **asked) -> ImportFailed:
    with pytest.raises(ImportFailed) as found:
        await sharing.take(name, **asked)
    return found.value


async def test_a_session_comes_back_in_every_format(sharing):
    session = await sharing.session_on("walker")
    nav = sharing.nav
    await nav.request("session.start", SessionRequest(id=session))
    await nav.request(
        "session.goto", SessionGotoRequest(id=session, at=AtEventIndex(event_index=7))
    )
    await nav.request("session.mark", SessionMarkRequest(id=session, name="here", note="why"))
    agents = set()
    for form in ("json", "binary", "archive"):
        sharing.told.clear()
        reply = await sharing.export(session, form)
        assert (reply.format, reply.events, reply.snapshots) == (form, 2000, 2)
        data = await sharing.download(reply.object)
        assert len(data) == reply.size
        assert {one.stage for one in sharing.told} <= {None, "waiting", "exporting"}
        sharing.told.clear()
        taken = await sharing.take(await sharing.upload(data))
        assert (taken.events, taken.snapshots) == (2000, 2)
        assert re.fullmatch(r"walker-import-\d+", taken.agent)
        agents.add(taken.agent)
        assert (taken.session.name, taken.session.state) == ("shared", "created")
        assert taken.session.position.event_index == 7
        assert taken.agent in await sharing.agents()
        marks = await nav.request("session.marks", SessionRequest(id=taken.session.id))
        assert [(one.name, one.position.event_index) for one in marks.marks] == [("here", 7)]
    assert len(agents) == 3
    # An import goes through the log, and says so.
    jetstream = sharing.client.jetstream()
    last = await jetstream.get_msg("STRATO_RECORD", seq=await sharing.last_seq())
    assert last.headers["Strato-Import"] == str(taken.import_id)


async def test_breakpoints_do_not_see_an_import_but_what_comes_behind_it(sharing):
    hits: asyncio.Queue = asyncio.Queue()
    subscription = await sharing.client.subscribe("strato.default.hit.*", cb=hits.put)
    condition = {"kind": "on_event_type", "type": "action_execution"}
    await sharing.nav.request(
        "breakpoint.create", BreakpointCreateRequest(agent="*", condition=condition)
    )
    session = await sharing.session_on("walker")
    taken = await sharing.take((await sharing.export(session)).object, as_agent="watched")
    await sharing.client.jetstream().publish(
        "strato.default.rec.watched.event", orjson.dumps(an_event(data={"live": True}))
    )
    hit = json.loads((await asyncio.wait_for(hits.get(), 10)).data)
    assert (hit["agent"], hit["position"]["event_index"]) == ("watched", 2000)
    assert hits.empty()
    assert taken.agent == "watched"
    await subscription.unsubscribe()


async def test_whoever_does_not_ask_for_progress_gets_the_reply_alone(sharing):
    session = await sharing.session_on("walker")
    body = json.dumps({"id": session, "format": "json"}).encode()
    reply = await sharing.client.request("strato.default.nav.session.export", body, timeout=20)
    assert json.loads(reply.data)["events"] == 2000
    assert HEADER_PROGRESS not in (reply.headers or {})
    with pytest.raises(SessionNotFound):
        await sharing.export(an_id())


@pytest.mark.usefixtures("untouched")
async def test_a_name_that_is_taken_is_refused(sharing):
    session = await sharing.session_on("walker")
    name = (await sharing.export(session)).object
    assert (
        "there is an agent walker already"
        in (await refused(sharing, name, as_agent="walker")).message
    )


@pytest.mark.usefixtures("untouched")
async def test_what_is_no_object_or_not_as_it_was_stored_is_refused(sharing):
    assert "no such object" in (await refused(sharing, "never")).message
    store = await sharing.client.jetstream().object_store(BUCKET)
    whole = spelled(document([event(0, 1)]), "archive")
    name = await sharing.upload(whole)
    info = await store.get_info(name)
    subject = f"$O.{BUCKET}.M.{base64.urlsafe_b64encode(name.encode()).decode()}"
    for changed in (
        {"digest": f"SHA-256={base64.urlsafe_b64encode(bytes(32)).decode()}"},
        {"size": 100 << 30},
        {"size": 3},
        {"chunks": 10**12},
        {"nuid": "another"},
        {"options": {"link": {"bucket": BUCKET, "name": "x"}}},
    ):
        lying = json.dumps(info.as_dict() | changed).encode()
        await sharing.client.jetstream().publish(subject, lying, headers={"Nats-Rollup": "sub"})
        assert await refused(sharing, name), changed


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (spelled(document([event(0, 1), event(1, 2)]), "archive")[:-80], "it ends within"),
        (spelled(document([event(0, 1), event(2, 2)]), "binary"), "event 2 where 1"),
        (b'{"head":' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}", "64 levels"),
        (b'{"head":{"n":1' + b"0" * 400 + b"}}", "number"),
        (zstandard.compress(bytes(1 << 30)), "no header of a tar file"),
        (zstandard.compress(b'{"head"' * (20 << 20)), "no header of a tar file"),
        (b"\x00" * 100, "it is no export"),
    ],
    ids=["cut", "gap", "deep", "huge number", "bomb", "no tar", "nothing"],
)
async def test_a_damaged_or_hostile_file_changes_nothing(sharing, data, said):
    error = await refused(sharing, await sharing.upload(data))
    assert said in error.message


@pytest.mark.usefixtures("untouched")
async def test_a_file_that_unpacks_to_more_than_may_be_is_refused(sharing):
    records = [event(n, n + 1, data={"x": "y" * 1_000_000}) for n in range(70)]
    name = await sharing.upload(spelled(document(records), "binary"))
    error = await refused(sharing, name)
    assert "more than 67108864 bytes unpacked" in error.message


async def test_an_import_that_is_stopped_or_dies_is_never_listed(sharing, runner):
    name = (await sharing.export(await sharing.session_on(runner))).object
    stop = asyncio.Event()
    listener = asyncio.create_task(_when(sharing, "recording", stop.set))
    error = await refused(sharing, name, stop=stop)
    await listener
    assert error.details["stopped"] is True
    dying = asyncio.create_task(sharing.take(name))
    await _when(sharing, "recording", lambda: None)
    await sharing.kill()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    await sharing.start()
    began = ["runner-import-1", "runner-import-2"]
    assert not {*began} & {*await sharing.agents()}
    # It was on its way, though; and its name is not given again.
    found = await sharing.nav.request("events.list", EventsListRequest(agent=began[0], limit=1))
    assert found.events
    for agent in began:
        assert "already" in (await refused(sharing, name, as_agent=agent)).message
    assert (await sharing.take(name)).agent == "runner-import-3"


async def test_an_export_that_is_stopped_leaves_nothing_behind(sharing, runner):
    session = await sharing.session_on(runner)
    stop = asyncio.Event()
    body = SessionExportRequest(id=session, format="json")
    await sharing.upload(b"there is a bucket")
    store = await sharing.client.jetstream().object_store(BUCKET)
    before = (await store.status()).size

    # At the first word of it.
    with pytest.raises(OverBudget) as stopped:
        await sharing.nav.request_long("session.export", body, lambda _: stop.set(), stop)
    assert stopped.value.details["stopped"] is True
    assert stopped.value.details["done"] < 8_008
    assert (await store.status()).size == before
    # Or before it has begun.
    client = sharing.client
    await client.publish("strato.default.nav.cancel.early", headers={HEADER_REQUEST: "early"})
    await client.flush()
    reply = await client.request(
        "strato.default.nav.session.export",
        json.dumps({"id": session, "format": "json"}).encode(),
        headers={HEADER_REQUEST: "early"},
        timeout=20,
    )
    assert json.loads(reply.data)["details"]["stopped"] is True


async def _when(sharing, stage: str, then) -> None:
    sharing.told.clear()
    async with asyncio.timeout(20):
        while not any(one.stage == stage for one in sharing.told):  # noqa: ASYNC110 - told to a list
            await asyncio.sleep(0.005)
    then()
