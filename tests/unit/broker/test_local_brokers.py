"""Clients of an account find the password of the broker that the account runs, and no other."""

from pathlib import Path

import pytest

from stratoscope.broker import local_brokers
from stratoscope.broker.local_brokers import register, registry, unregister, with_password

URL = "nats://stratoscope:secret@127.0.0.1:4555"


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "stratoscope" / "brokers"


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("nats://127.0.0.1:4555", URL),
        ("127.0.0.1:4555", URL),
        ("nats://localhost:4555", "nats://stratoscope:secret@localhost:4555"),
        ("nats://me:mine@127.0.0.1:4555", "nats://me:mine@127.0.0.1:4555"),
        ("nats://token@127.0.0.1:4555", "nats://token@127.0.0.1:4555"),
        ("nats://127.0.0.1:4556", "nats://127.0.0.1:4556"),
        ("nats://192.0.2.7:4555", "nats://192.0.2.7:4555"),
        ("nats://127.0.0.1:port", "nats://127.0.0.1:port"),
    ],
)
def test_only_an_address_of_this_machine_without_a_login_gets_the_password(
    url: str, found: str
) -> None:
    register(URL)
    assert with_password(url) == found


def test_the_default_port_is_that_of_the_client() -> None:
    register("nats://stratoscope:secret@127.0.0.1:4222")
    assert with_password("nats://127.0.0.1") == "nats://stratoscope:secret@127.0.0.1"


def test_the_entry_is_readable_by_its_owner_only(own_registry: Path) -> None:
    register(URL)
    assert registry() == own_registry
    assert own_registry.stat().st_mode & 0o777 == 0o700
    assert [file.stat().st_mode & 0o777 for file in own_registry.iterdir()] == [0o600]


def test_an_entry_that_others_can_write_or_read_is_passed_over(own_registry: Path) -> None:
    register(URL)
    (own_registry / "4555").chmod(0o644)
    assert with_password("nats://127.0.0.1:4555") == "nats://127.0.0.1:4555"


def test_an_entry_of_another_account_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    register(URL)
    mine = local_brokers.os.geteuid()
    monkeypatch.setattr(local_brokers.os, "geteuid", lambda: mine + 1)
    assert with_password("nats://127.0.0.1:4555") == "nats://127.0.0.1:4555"


def test_a_link_is_not_followed(own_registry: Path, tmp_path: Path) -> None:
    register(URL)
    (own_registry / "4555").rename(tmp_path / "elsewhere")
    (own_registry / "4555").symlink_to(tmp_path / "elsewhere")
    assert with_password("nats://127.0.0.1:4555") == "nats://127.0.0.1:4555"


def test_a_broker_that_stops_removes_its_own_entry_only() -> None:
    other = URL.replace("secret", "another")
    register(other)
    unregister(URL)
    assert with_password("nats://127.0.0.1:4555") == other
    unregister(other)
    assert with_password("nats://127.0.0.1:4555") == "nats://127.0.0.1:4555"


def test_an_account_without_a_home_folder_connects_without_a_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert with_password("nats://127.0.0.1:4555") == "nats://127.0.0.1:4555"
    with pytest.raises(OSError, match="XDG_STATE_HOME"):
        register(URL)
