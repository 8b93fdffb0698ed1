"""Where the servers' binaries are found, and what is said where they are not."""

import importlib.metadata
import importlib.util
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from stratoscope.embedded.broker import MAX_PAYLOAD, EmbeddedBroker, find_nats_server
from stratoscope.embedded.database import find_postgres
from stratoscope.embedded.errors import EmbeddedError


def test_the_binaries_of_the_wheels_are_found() -> None:
    assert os.access(find_nats_server(), os.X_OK)
    assert os.access(find_postgres() / "postgres", os.X_OK)


def test_without_the_wheel_another_nats_server_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere = sys.executable
    without_wheels(monkeypatch, tmp_path)
    monkeypatch.setattr(shutil, "which", lambda _name: elsewhere)
    assert find_nats_server() == Path(elsewhere)


def test_what_is_missing_is_named_with_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_wheels(monkeypatch, tmp_path)
    with pytest.raises(EmbeddedError, match=r"stratoscope\[embedded\].*STRATO_NATS_URL"):
        find_nats_server()
    with pytest.raises(EmbeddedError, match=r"stratoscope\[embedded\].*STRATO_POSTGRES_DSN"):
        find_postgres()


def test_the_configuration_keeps_to_the_design(tmp_path: Path) -> None:
    broker = EmbeddedBroker(folder=tmp_path / 'a "quoted" name', log=tmp_path / "log", port=4333)
    broker.prepare()
    written = (tmp_path / 'a "quoted" name' / "nats.conf").read_text()
    assert 'listen: "127.0.0.1:4333"' in written
    assert f"max_payload: {MAX_PAYLOAD}" in written
    assert 'sync_interval: "1s"' in written
    assert f"store_dir: {json.dumps(str(broker.folder / 'store'))}" in written


def test_a_ports_file_that_is_half_written_is_not_there_yet(tmp_path: Path) -> None:
    broker = EmbeddedBroker(folder=tmp_path, log=tmp_path / "log")
    (tmp_path / "nats-server_7.ports").write_text('{"nats": ["nats://127.0.0.1:4')
    assert broker.ports(7) is None
    assert broker.ports(8) is None


def without_wheels(monkeypatch: pytest.MonkeyPatch, empty: Path) -> None:
    def not_installed(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", not_installed)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    monkeypatch.setattr(sys, "executable", str(empty / "python"))
