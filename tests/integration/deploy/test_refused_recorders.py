"""A recorder that the broker will not have says so at once, and what to do, not at its end."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import nkeys
import pytest

import stratoscope
from stratoscope.broker.login import Access, Login
from support.eventually import eventually
from support.guarded import Guarded

AT_ONCE = 2.0


def unknown_login(broker: Guarded, folder: Path) -> Login:
    """A key that the roster does not have."""
    file = folder / "unknown.nk"
    file.write_bytes(nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER))
    return Access(nats_creds=str(file), nats_tls_ca=str(broker.authority)).login


def logins(broker: Guarded, folder: Path) -> dict[str, tuple[str, Login, str]]:
    """Ways to be refused: a URL, a login, and what the warning says."""
    known = str(broker.seed("agent", "explorer"))
    with_authority = Access(nats_tls_ca=str(broker.authority)).login
    right = "are these the right credentials"
    return {
        "no login": (broker.url, with_authority, right),
        "password": (broker.url.replace("://", "://user:s3cret@"), with_authority, right),
        "unknown key": (broker.url, unknown_login(broker, folder), right),
        "authority": (broker.url, Access(nats_creds=known).login, "is the authority"),
    }


@pytest.mark.parametrize("way", ["no login", "password", "unknown key", "authority"])
async def test_a_login_that_is_refused_is_told_at_once(
    broker: Guarded, tmp_path: Path, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    """In the background by a warning, with wait_connected by an error long before its time."""
    url, login, advice = logins(broker, tmp_path)[way]
    with caplog.at_level(logging.WARNING, "stratoscope.recorder"):
        async with stratoscope.connect(url, login=login, close_timeout=0) as strato:
            await strato.agent("explorer").event("x")
            await eventually(lambda: is_told(strato), within=AT_ONCE)
            assert advice in strato.last_error
            assert not strato.is_connected
            assert strato.stats.buffered == 1
    [said] = [one.getMessage() for one in caplog.records if "recording goes on" in one.getMessage()]
    assert advice in said
    assert "s3cret" not in said
    began = time.monotonic()
    with pytest.raises(stratoscope.BrokerUnreachable, match=advice):
        async with stratoscope.connect(url, login=login, wait_connected=60):
            pass
    assert time.monotonic() - began < 5
    with pytest.raises(stratoscope.BrokerUnreachable, match=advice):
        stratoscope.connect_sync(url, login=login, wait_connected=60).__enter__()


async def is_told(strato: stratoscope.Recorder) -> bool:
    return bool(strato.last_error)


@pytest.mark.parametrize(("space", "agent"), [("default", "stranger"), ("other", "explorer")])
async def test_a_record_that_the_login_may_not_publish_is_told_at_once(
    broker: Guarded, caplog: pytest.LogCaptureFixture, space: str, agent: str
) -> None:
    """Another agent's name, or another space."""
    login = broker.login("agent", "explorer")
    async with stratoscope.connect(
        broker.url, space, login=login, wait_connected=5, close_timeout=0
    ) as strato:
        await strato.agent(agent).event("x")
        await eventually(lambda: is_told(strato), within=AT_ONCE)
        assert f"strato.{space}.rec.{agent}.event" in strato.last_error
        assert "use a login of this agent and space" in strato.last_error
        assert strato.is_connected
    assert "the broker refuses what the recorder sends" in caplog.text


async def test_an_inbox_that_is_not_the_logins_is_told_at_once(broker: Guarded) -> None:
    """No acknowledgement would ever arrive."""
    right = broker.login("agent", "explorer")
    wrong = Login(right.credentials, right.tls, "_INBOX")
    async with stratoscope.connect(broker.url, login=wrong, close_timeout=0) as strato:
        await strato.agent("explorer").event("x")
        await eventually(lambda: is_told(strato), within=AT_ONCE)
        assert "own inbox prefix" in strato.last_error
