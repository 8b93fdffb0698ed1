"""What each role may do at the broker as it is shipped, and what it must not."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import nats
import pytest
from nats.aio.client import Client

from stratoscope.admin import creds
from stratoscope.admin.roles import ROLES, Role
from stratoscope.broker.connection import BrokerUnreachable, connect
from stratoscope.broker.login import Access, Login
from support.eventually import eventually
from support.guarded import Guarded, certify
from support.websocket import browse

_REFUSED = re.compile(r'permissions violation for (?:publish|subscription) to "([^"]+)"')

# Of the log, of others' consumers and of the server: for nobody who serves or is served.
TENDING = [
    "$JS.API.STREAM.PURGE.STRATO_RECORD",
    "$JS.API.STREAM.PURGE.STRATO_HITS",
    "$JS.API.STREAM.DELETE.STRATO_RECORD",
    "$JS.API.STREAM.UPDATE.STRATO_RECORD",
    "$JS.API.STREAM.MSG.DELETE.STRATO_RECORD",
    "$JS.API.STREAM.SNAPSHOT.STRATO_RECORD",
    "$JS.API.STREAM.RESTORE.STRATO_RECORD",
    "$JS.API.ACCOUNT.PURGE.STRATO",
    "$JS.ACK.STRATO_RECORD.one.1.1.1.1.1",
    "$SYS.REQ.SERVER.PING",
    "_INBOX.stranger.1",
    "_INBOX_projector.main.1",
    "_INBOX_unknown.main.1",
    "anything",
]
# How the log is read: for those who project it.
READING = [
    "$JS.API.CONSUMER.CREATE.STRATO_RECORD",
    "$JS.API.CONSUMER.CREATE.STRATO_RECORD.one.strato.default.part.*.*.*",
    "$JS.API.CONSUMER.DURABLE.CREATE.STRATO_RECORD.one",
    "$JS.API.CONSUMER.MSG.NEXT.STRATO_RECORD.one",
    "$JS.API.DIRECT.GET.STRATO_RECORD",
    "$JS.API.STREAM.MSG.GET.STRATO_RECORD",
]
REPLYING = [
    "_INBOX_console.default.browser.1",
    "_INBOX_operator.default.ops.1",
    "_INBOX_navigator.main.1",
]
NEWS = ["strato._projected", "strato._committed", "strato._watched"]


@dataclass(frozen=True)
class Trial:
    """One who tries: what must be let through, and what must be refused."""

    role: Role
    name: str
    publishes: Sequence[str]
    refused: Sequence[str]
    hears: Sequence[str]
    deaf_to: Sequence[str] = field(default_factory=list)


DEAF = ["_INBOX.>", "_INBOX_agent.default.stranger.>", "$JS.>", "$SYS.>", ">", "strato.>"]
TRIALS = [
    Trial(
        "agent",
        "explorer",
        publishes=[
            "strato.default.rec.explorer.event",
            "strato.default.rec.explorer.snapshot",
            "strato.default.rec.explorer.batch",
            "strato.default.gate.explorer",
        ],
        refused=[
            *TENDING,
            *READING,
            *REPLYING,
            *NEWS,
            "strato.default.rec.explorer.other",
            "strato.default.rec.stranger.event",
            "strato.other.rec.explorer.event",
            "strato.default.part.0.explorer.event",
            "strato.default.gate.stranger",
            "strato.default.ctl.explorer",
            "strato.default.hit.explorer",
            "strato.default.dlq.explorer",
            "strato.default.nav.state.at",
            "$JS.API.STREAM.INFO.STRATO_RECORD",
            "$JS.API.INFO",
        ],
        hears=[
            "_INBOX_agent.default.explorer.>",
            "strato.default.ctl.explorer",
            "strato.default.dlq.explorer",
        ],
        deaf_to=[
            *DEAF,
            "strato.default.ctl.*",
            "strato.default.ctl.stranger",
            "strato.other.ctl.explorer",
            "strato.default.rec.>",
            "strato.default.rec.explorer.*",
            "strato.default.hit.explorer",
        ],
    ),
    Trial(
        "operator",
        "ops",
        publishes=[
            "strato.default.nav.state.at",
            "strato.default.nav.cancel.one",
            "$SRV.PING.stratoscope-navigator",
            "$JS.API.STREAM.INFO.OBJ_strato-spill-default",
            "$JS.API.STREAM.MSG.GET.OBJ_strato-exports-default",
        ],
        refused=[
            *TENDING,
            *READING,
            *REPLYING,
            *NEWS,
            "strato.default.rec.explorer.event",
            "strato.default.ctl.explorer",
            "strato.default.gate.explorer",
            "strato.default.hit.explorer",
            "strato.other.nav.state.at",
            "$JS.API.STREAM.INFO.OBJ_strato-spill-other",
            "$JS.API.STREAM.MSG.GET.OBJ_strato-exports-other",
            "$JS.API.STREAM.CREATE.OBJ_strato-exports-default",
            "$JS.API.STREAM.PURGE.OBJ_strato-exports-default",
            "$JS.API.STREAM.INFO.STRATO_RECORD",
            "$O.strato-exports-other.C.one",
            "$O.strato-spill-default.C.one",
        ],
        hears=["_INBOX_operator.default.ops.>", "strato.default.hit.*", "strato._projected"],
        deaf_to=[
            *DEAF,
            "strato.*.hit.*",
            "strato.other.hit.*",
            "strato.default.nav.>",
            "strato.default.rec.>",
            "strato._committed",
            "_INBOX_operator.default.>",
        ],
    ),
    Trial(
        "projector",
        "main",
        publishes=[
            "strato._projected",
            "strato._committed",
            "strato.default.dlq.explorer",
            "$JS.API.STREAM.INFO.STRATO_RECORD",
            "$JS.API.STREAM.MSG.GET.STRATO_RECORD",
            "$JS.API.CONSUMER.CREATE.STRATO_RECORD",
        ],
        refused=[
            *(subject for subject in TENDING if subject != "_INBOX_projector.main.1"),
            *REPLYING,
            "_INBOX_projector.main.1",
            "strato.default.rec.explorer.event",
            "strato.default.hit.explorer",
            "strato.default.ctl.explorer",
            "strato.default.nav.state.at",
            "$JS.API.CONSUMER.CREATE.STRATO_HITS",
            "$JS.API.STREAM.CREATE.ANOTHER",
            "$O.strato-exports-default.C.one",
        ],
        hears=["_INBOX_projector.main.>", "strato._watched"],
        deaf_to=[*DEAF, "strato.default.rec.>", "strato.*.gate.*", "strato._committed"],
    ),
    Trial(
        "navigator",
        "main",
        publishes=[
            *REPLYING,
            "strato._watched",
            "strato.other.hit.explorer",
            "strato.other.ctl.explorer",
            "strato.other.rec.explorer-import-1.batch",
            "$JS.API.STREAM.INFO.STRATO_RECORD",
            "$JS.API.STREAM.CREATE.OBJ_strato-spill-other",
        ],
        refused=[
            *TENDING,
            *(subject for subject in READING if "GET" not in subject),
            "_INBOX_agent.default.stranger.1",
            "strato._projected",
            "strato._committed",
            "strato.default.dlq.explorer",
            "strato.default.nav.state.at",
            "$JS.API.STREAM.CREATE.STRATO_RECORD",
            "$JS.API.STREAM.UPDATE.OBJ_strato-spill-default",
            "$JS.API.STREAM.DELETE.OBJ_strato-spill-default",
        ],
        hears=[
            "_INBOX_navigator.main.>",
            "strato.*.nav.>",
            "strato.*.gate.*",
            "$SRV.>",
            "strato._projected",
        ],
        deaf_to=[*DEAF, "strato.*.rec.>", "_INBOX_operator.>"],
    ),
]


@dataclass
class Tried:
    """A connection, and what the server has refused it."""

    client: Client
    errors: asyncio.Queue[str]

    async def refused(self) -> set[str]:
        """All that was refused since the last look."""
        # Refused to everybody, and told after all that came before.
        await self.client.publish("the.end")
        found: set[str] = set()
        async with asyncio.timeout(5):
            while "the.end" not in found:
                match = _REFUSED.search((await self.errors.get()).lower())
                assert match is not None
                found.add(match[1])
        return found - {"the.end"}


@asynccontextmanager
async def tried(broker: Guarded, login: Login) -> AsyncIterator[Tried]:
    errors: asyncio.Queue[str] = asyncio.Queue()

    async def note(error: Exception) -> None:
        errors.put_nowait(str(error))

    client = await nats.connect(broker.url, error_cb=note, **login.options())
    try:
        yield Tried(client, errors)
    finally:
        await client.close()


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.role)
async def test_a_role_may_do_its_work_and_nothing_else(broker: Guarded, trial: Trial) -> None:
    async with tried(broker, broker.login(trial.role, trial.name)) as one:
        for subject in trial.hears:
            await one.client.subscribe(subject)
        for subject in trial.publishes:
            await one.client.publish(subject, b"{}")
        assert await one.refused() == set()
        for subject in trial.deaf_to:
            await one.client.subscribe(subject)
        for subject in trial.refused:
            await one.client.publish(subject, b"{}")
        wanted = {subject.lower() for subject in (*trial.deaf_to, *trial.refused)}
        assert await one.refused() == wanted


async def test_nothing_that_was_refused_has_reached_anybody(broker: Guarded) -> None:
    async with (
        tried(broker, broker.login("admin")) as listener,
        tried(broker, broker.login("agent", "stranger")) as stranger,
    ):
        heard = await listener.client.subscribe("strato.default.rec.>")
        assert await listener.refused() == set()
        await stranger.client.publish("strato.default.rec.explorer.event", b"forged")
        await stranger.client.publish("strato.default.rec.stranger.event", b"its own")
        assert await stranger.refused() == {"strato.default.rec.explorer.event"}
        assert (await heard.next_msg(timeout=5)).data == b"its own"


async def test_a_reply_to_a_strangers_inbox_never_arrives(broker: Guarded) -> None:
    async with (
        tried(broker, broker.login("operator", "ops")) as asker,
        tried(broker, broker.login("agent", "explorer")) as forger,
    ):
        inbox = asker.client.new_inbox()
        replies = await asker.client.subscribe(inbox)
        assert await asker.refused() == set()
        await forger.client.publish(inbox, b"forged")
        assert await forger.refused() == {inbox.lower()}
        with pytest.raises(nats.errors.TimeoutError):
            await replies.next_msg(timeout=0.05)


async def test_nobody_is_let_in_without_a_key_or_with_one_that_is_unknown(
    broker: Guarded,
) -> None:
    certificates = {"nats_tls_ca": str(broker.authority)}
    with pytest.raises(BrokerUnreachable, match="right credentials"):
        await connect(broker.url, name="t", timeout=0.5, login=Access(**certificates).login)
    unknown = creds.add(broker.folder / "elsewhere", "admin", "main")
    login = Access(nats_creds=str(unknown), **certificates).login
    with pytest.raises(BrokerUnreachable, match="right credentials"):
        await connect(broker.url, name="t", timeout=0.5, login=login)


async def test_a_console_comes_by_websocket_only(broker: Guarded) -> None:
    login = broker.login("console", "browser")
    with pytest.raises(BrokerUnreachable, match="right credentials"):
        await connect(broker.url, name="t", timeout=0.5, login=login)
    assert await browse(broker, login.options()["nkeys_seed_str"]) == "PONG"
    operator = broker.login("operator", "ops").options()["nkeys_seed_str"]
    assert "Authorization Violation" in await browse(broker, operator)


async def test_a_broker_that_another_authority_signed_is_not_talked_to(broker: Guarded) -> None:
    folder = broker.folder / "another"
    folder.mkdir(exist_ok=True)
    certify(folder)
    seed = str(broker.seed("operator", "ops"))
    login = Access(nats_creds=seed, nats_tls_ca=str(folder / "ca.pem")).login
    with pytest.raises(BrokerUnreachable, match="authority"):
        await connect(broker.url, name="t", timeout=0.5, login=login)


async def test_a_key_lets_in_until_it_is_revoked(broker: Guarded) -> None:
    seed = creds.add(broker.folder, "agent", "guest")
    login = Access(nats_creds=str(seed), nats_tls_ca=str(broker.authority)).login
    broker.reload()

    async def is_let_in() -> bool:
        try:
            guest = await connect(broker.url, name="t", timeout=0.5, login=login)
        except BrokerUnreachable:
            return False
        await guest.close()
        return True

    await eventually(is_let_in)
    guest = await connect(broker.url, name="t", login=login)
    creds.revoke(broker.folder, "agent", "guest")
    broker.reload()

    async def is_cut_off() -> bool:
        return not guest.connected.is_set()

    await eventually(is_cut_off)
    await guest.close()


def test_every_role_is_tried() -> None:
    # The console is an operator over another wire, and an admin may do all.
    assert {trial.role for trial in TRIALS} | {"console", "admin"} == set(ROLES)


async def test_the_shipped_configuration_is_one_that_the_server_takes(broker: Guarded) -> None:
    done = await asyncio.to_thread(broker.check)
    assert done.returncode == 0, done.stderr
