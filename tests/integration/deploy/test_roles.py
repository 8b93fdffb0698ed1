"""What each role may do at the broker as it is shipped, and what it must not."""

import asyncio
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client

from stratoscope.admin import creds
from stratoscope.admin.roles import ROLES, Role
from stratoscope.broker.connection import BrokerUnreachable, connect
from stratoscope.broker.login import Access, Login
from stratoscope.broker.streams import StreamSettings, ensure_streams
from stratoscope.embedded.broker import find_nats_server
from support import role_matrix
from support.eventually import eventually
from support.guarded import Guarded, certify, guarded
from support.jetstream_api import API, named_by
from support.raw_client import raw_client
from support.websocket import browse


@pytest.fixture(scope="module")
def broker() -> Iterator[Guarded]:
    """A broker of this module's own: an admin that may delete streams does."""
    folder = Path(tempfile.mkdtemp(prefix="stratoscope-guarded-"))
    try:
        with guarded(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder)


_REFUSED = re.compile(r'permissions violation for (?:publish|subscription) to "([^"]+)"')


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


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_may_publish_and_subscribe_to_what_the_table_says(
    broker: Guarded, role: Role
) -> None:
    wanted = role_matrix.expected(role)
    key = broker.key(role, role_matrix.NAMES[role])
    async with raw_client(broker, key, websocket=role == "console") as one:
        for subject in wanted:
            one.publish(subject, b"{}")
        refused = await one.refused()
        for subject in wanted:
            one.unsubscribe(one.subscribe(subject))
        deaf = await one.refused()
    found = {
        subject: "P" * (subject not in refused) + "S" * (subject not in deaf) for subject in wanted
    }
    assert {one: may for one, may in found.items() if may != wanted[one]} == {}


def test_the_page_has_the_table() -> None:
    assert role_matrix.written() == role_matrix.render(), "`make roles` writes it"


def test_every_subject_of_jetstreams_api_is_tried() -> None:
    tried = [re.sub(r"[*>]", "*", verb) for verb in API]
    for verb in named_by(find_nats_server()):
        assert any(one.startswith(verb.rstrip(".")) for one in tried), verb


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


async def test_a_spaces_first_agent_is_answered_once_the_broker_was_reloaded_twice(
    broker: Guarded,
) -> None:
    seed = creds.add(broker.folder, "agent", "first", "new")
    assert creds.is_first_of_space(broker.folder, "agent", "new")
    admin = await connect(broker.url, name="t", login=broker.login("admin"))
    await ensure_streams(admin.jetstream, StreamSettings())
    broker.reload()
    login = Access(nats_creds=str(seed), nats_tls_ca=str(broker.authority)).login

    async def is_let_in() -> bool:
        try:
            agent = await connect(broker.url, name="t", timeout=0.5, login=login)
        except BrokerUnreachable:
            return False
        await agent.close()
        return True

    await eventually(is_let_in)
    broker.reload()
    agent = await connect(broker.url, name="t", login=login)

    async def is_answered() -> bool:
        try:
            await agent.jetstream.publish("strato.new.rec.first.event", b"{}", timeout=0.5)
        except (nats.errors.Error, nats.js.errors.Error):
            return False
        return True

    await eventually(is_answered)
    for connection in (agent, admin):
        await connection.close()


async def test_the_shipped_configuration_is_one_that_the_server_takes(broker: Guarded) -> None:
    done = await asyncio.to_thread(broker.check)
    assert done.returncode == 0, done.stderr
