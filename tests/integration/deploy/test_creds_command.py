"""`stratoscope creds` as whoever tends the broker types it, wrong input included."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from stratoscope.cli.faults import Exit
from support.forking import Forking

Creds = Callable[..., CompletedProcess[str]]


@pytest.fixture
def creds(forking: Forking, tmp_path: Path) -> Creds:
    def run(*arguments: str) -> CompletedProcess[str]:
        told = os.environ | {"STRATO_CREDS_DIR": str(tmp_path / "keys")}
        return forking.run(("creds", *arguments), told, None)

    return run


def test_somebody_is_let_in_listed_and_let_in_no_longer(creds: Creds, tmp_path: Path) -> None:
    made = creds("agent", "explorer", "--space", "lab")
    assert made.returncode == Exit.DONE, made.stderr
    seed = tmp_path / "keys" / "agent.lab.explorer.nk"
    assert str(seed) in made.stdout.replace("\n", "")
    assert creds("projector").returncode == Exit.DONE
    listed = json.loads(creds("list", "--output", "json").stdout)["members"]
    assert [(one["role"], one["name"]) for one in listed] == [
        ("agent", "explorer"),
        ("projector", "main"),
    ]
    assert "explorer" in creds("list").stdout
    assert creds("revoke", "agent", "explorer", "--space", "lab").returncode == Exit.DONE
    assert not seed.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("agent", "a b"), "a name is"),
        (("agent", "explorer", "--space", "Lab"), "a space [a-z0-9-]"),
        (("revoke", "king", "main"), "king is no role"),
        (("revoke", "agent", "nobody"), "there is no agent nobody"),
        (("king",), "No such command"),
    ],
)
def test_what_can_not_be_is_told(creds: Creds, arguments: tuple[str, ...], said: str) -> None:
    done = creds(*arguments)
    assert done.returncode == Exit.USAGE
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_key_that_is_there_is_replaced_only_where_that_was_said(creds: Creds) -> None:
    assert creds("admin").returncode == Exit.DONE
    again = creds("admin")
    assert again.returncode == Exit.USAGE
    assert "already" in again.stderr
    assert creds("admin", "--renew").returncode == Exit.DONE


def test_a_folder_that_can_not_be_written_is_told(creds: Creds, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = creds("admin", "--dir", str(tmp_path / "file" / "keys"))
    assert done.returncode in (Exit.FAILED, Exit.USAGE)
    assert "Traceback" not in done.stderr
