"""No reply subject reaches anything that its sender may not publish to, and none is acted upon."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import uuid4

import pytest
import pytest_asyncio

from stratoscope_contracts.inboxes import Role
from stratoscope_contracts.verbs import VERBS
from support import stack
from support.attacks import Attacked, answers, attacked, attacking, settle, until_refused
from support.eventually import eventually
from support.jetstream_api import OF_A_STREAM, subject
from support.role_matrix import PLAIN

pytestmark = pytest.mark.asyncio(loop_scope="module")

SUBJECTS: Final = sorted({name for row in PLAIN for name in row.subjects})
API: Final = [subject(verb, "STRATO_RECORD") for verb in OF_A_STREAM] + [
    subject(verb, "OBJ_strato-exports-default") for verb in OF_A_STREAM
]
# What nats-server itself refuses to any client.
RESERVED: Final = ("_R_.", "$JS.ACK.", "_GR_.")
# Inboxes that may ask about any space, or about the attackers'.
ANSWERED: Final = (
    "_INBOX_operator.other.",
    "_INBOX_console.other.",
    "_INBOX_admin.",
)
ODD: Final = [
    ">", "*", "a.", ".a", "a..b", "_INBOX_operator.other", "_INBOX_operator.", "_INBOX_operator.>",
    "_INBOX_operator.*.ops.1", "_INBOX_operator.default.>", "_R_", "x" * 3000, "\x0b", "a\x0bb",
    "_INBOX_OPERATOR.other.ops.1", "strato", "strato.", "$", "$JS", "_", "\u00e9",
]  # fmt: skip
REPLIES: Final = [*SUBJECTS, *API, *ODD]
REFUSED: Final = [one for one in REPLIES if not one.startswith((*ANSWERED, *RESERVED))]
# Bodies with which a verb does its work; the others are answered, as a bad request.
BODIES: Final[dict[str, dict[str, Any]]] = {
    "agents.list": {},
    "events.list": {"agent": "explorer"},
    "state.at": {"agent": "explorer", "at": {"latest": True}},
    "replay": {"agent": "explorer"},
    "stats": {},
    "session.create": {"agent": "explorer"},
    "session.list": {},
    "breakpoint.create": {
        "agent": "*",
        "condition": {"kind": "on_event_type", "type": "x"},
        "action": "pause",
    },
    "agent.pause": {"agent": "explorer"},
}
SERVICE: Final = [
    f"$SRV.{verb}{rest}"
    for verb in ("PING", "INFO", "STATS")
    for rest in ("", ".stratoscope-navigator")
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one(shared_postgres: stack.PostgresServer) -> AsyncIterator[Attacked]:
    async with attacked(shared_postgres) as found:
        for space in ("default", "other"):
            await found.record(f"strato.{space}.rec.explorer.event", b'{"type":"before"}')
            last = await found.record(f"strato.{space}.rec.explorer.snapshot", b'{"state":{"a":1}}')
            assert await found.is_projected(last, "explorer", space) == ["before"]
        yield found


async def untouched(one: Attacked) -> dict[str, Any]:
    """What an attack could have changed."""
    streams = {}
    for name in ("STRATO_RECORD", "STRATO_DLQ", "STRATO_HITS"):
        info = await one.admin.jetstream.stream_info(name)
        streams[name] = (info.state.messages, info.state.last_seq, info.state.consumer_count)
    spaces = {
        space: (
            len((await one.ask("session.list", {}, space))["sessions"]),
            len((await one.ask("breakpoint.list", {}, space))["breakpoints"]),
            (await one.ask("agents.list", {}, space))["agents"],
        )
        for space in ("default", "other")
    }
    return {"streams": streams, "spaces": spaces}


@pytest.mark.parametrize("role", ["operator", "console"])
async def test_no_verb_is_answered_or_done_for_a_reply_subject_of_others(
    one: Attacked, role: Role
) -> None:
    """A console has an operator's permissions, over another wire: its requests are the same."""
    before, counted = await untouched(one), await one.refused_replies()
    await one.forget()
    async with attacking(one, "operator", "ops") as operator:
        sent = 0
        for verb in VERBS:
            body = json.dumps(BODIES.get(verb, {})).encode()
            for reply in ["", *REFUSED]:
                reply = reply.replace("_INBOX_operator.default", f"_INBOX_{role}.default")
                operator.publish(f"strato.other.nav.{verb}", body, reply)
                sent += 1
            await operator.flush()
            # All verbs at once would be a flood, which the navigator reads no further.
            await until_refused(one, counted + sent)
        assert await operator.refused() == []
    asked = [f"strato.other.nav.{verb}" for verb in VERBS]
    assert answers(await one.heard("STRATO"), REPLIES, asked) == []
    assert await untouched(one) == before


async def test_a_request_with_its_own_inbox_is_answered_and_done(one: Attacked) -> None:
    async with attacking(one, "operator", "ops") as operator:
        operator.subscribe("_INBOX_operator.other.ops.>")
        for verb, body in BODIES.items():
            if verb not in ("breakpoint.create", "agent.pause", "session.create"):
                reply = f"_INBOX_operator.other.ops.{verb}"
                operator.publish(f"strato.other.nav.{verb}", json.dumps(body).encode(), reply)
        await operator.flush()
        await settle(one)

        async with asyncio.timeout(30):
            while len({heard.subject for heard in operator.heard}) < len(BODIES) - 3:
                await operator.flush()


async def test_discovery_is_answered_to_inboxes_only(one: Attacked) -> None:
    counted = await one.refused_replies()
    await one.forget()
    inboxes = ("_INBOX_operator.", "_INBOX_console.")
    replies = ["", *(reply for reply in REFUSED if not reply.startswith(inboxes))]
    async with attacking(one, "operator", "ops") as operator:
        for asked in SERVICE:
            for reply in replies:
                operator.publish(asked, b"", reply)
        assert await operator.refused() == []
    await until_refused(one, counted + len(SERVICE) * len(replies))
    assert answers(await one.heard("STRATO"), REPLIES, SERVICE) == []


async def test_a_cancel_with_a_reply_subject_of_others_is_no_cancel(one: Attacked) -> None:
    counted = await one.refused_replies()
    await one.forget()
    async with attacking(one, "operator", "ops") as operator:
        for reply in REFUSED:
            operator.publish("strato.other.nav.cancel.one", b"", reply)
        assert await operator.refused() == []
    await until_refused(one, counted + len(REFUSED))
    assert answers(await one.heard("STRATO"), REPLIES) == []


@pytest.mark.parametrize(
    ("role", "name", "asked"),
    [
        ("agent", "explorer", "strato.other.rec.explorer.event"),
        ("operator", "ops", "strato.other.nav.stats"),
        ("projector", "main", "strato._projected"),
        ("navigator", "main", "strato._watched"),
        ("admin", "main", "strato.other.nav.stats"),
    ],
)
async def test_the_servers_own_reply_subjects_are_nobodys(
    one: Attacked, role: Role, name: str, asked: str
) -> None:
    replies = [reply for reply in REPLIES if reply.startswith(RESERVED)]
    assert len(replies) > 3
    async with attacking(one, role, name) as client:
        for reply in replies:
            client.publish(asked, b"{}", reply)
        assert await client.refused() == replies


async def test_no_acknowledgement_and_no_gates_answer_leaves_the_agents_account(
    one: Attacked,
) -> None:
    before = await one.log()
    await one.forget()
    replies = [reply for reply in REPLIES if not reply.startswith(RESERVED)]
    async with attacking(one, "agent", "explorer") as agent:
        for kind in ("event", "snapshot", "batch"):
            for reply in replies:
                agent.publish(f"strato.other.rec.explorer.{kind}", b'{"type":"mine"}', reply)
            await agent.flush()
        for reply in replies:
            agent.publish("strato.other.gate.explorer", b'{"after":0}', reply)
        assert await agent.refused() == []
        await settle(one)

    async def all_are_recorded() -> bool:
        return sum((await one.log()).values()) == sum(before.values()) + 3 * len(replies)

    await eventually(all_are_recorded, within=60)
    found = await one.log()
    changed = {name for name, count in found.items() if count != before.get(name, 0)}
    number = next(name.split(".")[3] for name in before if name.startswith("strato.other.part."))
    mine = f"strato.other.part.{number}.explorer"
    assert changed == {f"{mine}.{kind}" for kind in ("event", "snapshot", "batch")}
    assert answers(await one.heard("STRATO"), REPLIES) == []


async def test_an_acknowledgement_lands_in_the_agents_account(one: Attacked) -> None:
    """What arrives at another agent's `ctl` is for its recorder to ignore."""
    await one.forget()
    async with attacking(one, "agent", "explorer") as agent:
        record = "strato.other.rec.explorer.event"
        agent.publish(record, b'{"type":"mine"}', "strato.other.ctl.stranger")
        await agent.flush()

    async def has_landed() -> bool:
        return "strato.other.ctl.stranger" in {it.subject for it in await one.heard("AGENTS")}

    await eventually(has_landed, within=30)
    assert answers(await one.heard("STRATO"), ["strato.other.ctl.stranger"]) == []


@pytest.mark.parametrize("reply", [">", "*", "_INBOX_agent.>", "_INBOX_agent.default.explorer.*"])
async def test_no_reply_subject_of_an_agent_costs_another_space_an_acknowledgement(
    one: Attacked, reply: str
) -> None:
    """nats-server forgets all replies of an account that a wildcard of one stands for."""
    count = 200
    async with (
        attacking(one, "agent", "explorer", "default") as victim,
        attacking(one, "agent", "explorer") as attacker,
    ):
        victim.subscribe("_INBOX_agent.default.explorer.>")
        await victim.flush()
        for number in range(count):
            inbox = f"_INBOX_agent.default.explorer.{number}"
            victim.publish("strato.default.rec.explorer.event", b'{"type":"x"}', inbox)
            attacker.publish("strato.other.rec.explorer.event", b'{"type":"x"}', reply)
            attacker.publish("strato.other.gate.explorer", b'{"after":0}', reply)
            await asyncio.gather(victim.wire.drain(), attacker.wire.drain())
        async with asyncio.timeout(20):
            while len({heard.subject for heard in victim.heard}) < count:
                await victim.flush()


async def test_a_gate_is_answered_through_the_agents_account_only(one: Attacked) -> None:
    counted = await one.refused_replies()
    await one.forget()
    async with attacking(one, "agent", "explorer") as agent:
        agent.subscribe("_INBOX_agent.other.explorer.>")

        async def is_answered() -> bool:
            # A late answer to a wildcard of an earlier attack may end this question's: as a
            # recorder does, the agent asks again.
            reply = "_INBOX_agent.other.explorer.1"
            agent.publish("strato.other.gate.explorer", b'{"after":0}', reply)
            await agent.flush()
            return bool(agent.heard)

        await eventually(is_answered, within=30)
        assert json.loads(agent.heard[0].body) == {"go": True}
    # Who may do all in STRATO is not answered there by its inbox.
    await one.admin.client.publish("strato.other.gate.explorer", b"{}", "_INBOX_admin.main.1")
    await until_refused(one, counted + 1)


async def test_nobody_who_listens_ends_no_request_of_another(one: Attacked) -> None:
    """A reply subject without a listener, or with a wildcard's look, is no way to stop a verb."""
    async with attacking(one, "operator", "ops") as operator:
        for token in (">", "*", ""):
            reply = f"_INBOX_operator.other.{token}"
            for verb, body in BODIES.items():
                if verb not in ("breakpoint.create", "agent.pause", "session.create"):
                    operator.publish(f"strato.other.nav.{verb}", json.dumps(body).encode(), reply)
        await operator.flush()
    assert (await one.ask("stats", {}))["total_agents"] >= 1
    assert await one.navigator.is_ready()


async def test_a_navigators_inbox_that_a_hit_tells_is_no_reply_subject(one: Attacked) -> None:
    """A hit is published with an inbox for its acknowledgement, which its subscribers see."""
    condition = {"kind": "on_event_type", "type": "watched"}
    body = {"agent": "explorer", "condition": condition, "action": "notify"}
    assert "error" not in await one.ask("breakpoint.create", body, "other")
    async with attacking(one, "operator", "ops") as operator:
        operator.subscribe("strato.other.hit.>")
        await operator.flush()

        async def is_hit() -> bool:
            await one.record("strato.other.rec.explorer.event", b'{"type":"watched"}')
            await operator.flush()
            return bool(operator.heard)

        await eventually(is_hit, within=30)
        inbox = operator.heard[0].reply
        assert inbox.startswith("_INBOX_navigator.")
        counted = await one.refused_replies()
        await one.forget()
        asked = ("strato.other.nav.stats", "strato.other.nav.replay", "$SRV.PING")
        for subject_ in asked:
            operator.publish(subject_, b"{}", inbox)
        assert await operator.refused() == []
        await until_refused(one, counted + len(asked))
    assert answers(await one.heard("STRATO"), [inbox], asked) == []


async def test_statistics_tell_no_space_of_the_errors_of_another(one: Attacked) -> None:
    body = {"bucket": "strato-exports-default", "name": "secret.json", "offset": 0}
    assert "secret.json" in json.dumps(await one.ask("object.get", body))
    async with attacking(one, "operator", "ops") as operator:
        operator.subscribe("_INBOX_operator.other.ops.>")
        operator.publish("$SRV.STATS", b"", "_INBOX_operator.other.ops.1")
        async with asyncio.timeout(20):
            while not operator.heard:
                await operator.flush()
    found = json.loads(operator.heard[0].body)["endpoints"]
    errors = {endpoint["name"]: endpoint["last_error"] for endpoint in found}
    assert errors["object-get"] == "object_not_found"
    assert not [text for text in errors.values() if " " in text]


async def test_ids_of_another_space_are_not_found_by_any_verb(one: Attacked) -> None:
    event, snapshot = str(uuid4()), str(uuid4())
    records = (
        ("event", {"type": "x", "id": event}),
        ("snapshot", {"state": {"b": 1}, "id": snapshot}),
    )
    for kind, record in records:
        body = json.dumps(record).encode()
        last = await one.record(f"strato.default.rec.explorer.{kind}", body)
    await one.is_projected(last, "explorer")
    session = (await one.ask("session.create", {"agent": "explorer"}))["session"]["id"]
    mine = {"id": session}
    asked: dict[str, dict[str, Any]] = {
        "events.get": {"id": event},
        "snapshots.get": {"id": snapshot},
        "state.at": {"agent": "explorer", "at": {"event_id": event}},
        "causality.chain": {"event_id": event},
        "causality.effects": {"event_id": event},
        "causality.relation": {"a": event, "b": event},
        "agent.pause": {"agent": "explorer", "session": session},
        "session.export": {**mine, "format": "json"},
        "session.step": {**mine, "direction": "forward"},
        **{f"session.{verb}": mine for verb in ("get", "start", "complete", "remove", "history")},
    }
    before = await untouched(one)
    for verb, body_ in asked.items():
        told = await one.ask(verb, body_, "other")
        assert str(told.get("code")).endswith("_not_found"), (verb, told)
    assert await untouched(one) == before
    # The same verbs find them in their own space.
    for verb in ("events.get", "snapshots.get", "causality.chain", "session.get"):
        assert "code" not in await one.ask(verb, asked[verb]), verb
