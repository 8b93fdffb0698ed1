"""How commands end that never reach a navigator, seen from the outside."""

import os
import subprocess
import sys
from typing import Protocol

import pytest

from stratoscope.cli.faults import Exit, advice, exit_code, label, particulars
from stratoscope.client import NoAnswerInTime, Unreachable, UnreadableReply
from stratoscope_contracts.errors import (
    AgentNotFound,
    BadRequest,
    ConcurrentAccess,
    EmptyEventLog,
    EventNotFound,
    Internal,
    NavigationOutOfBounds,
    StratoError,
)
from support.forking import Forking

NOBODY = ("--server", "nats://127.0.0.1:1", "--timeout", "0.2")


class Command(Protocol):
    """A command, run in an environment with more in it; what it printed and ended with."""

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture(scope="module")
def command(forking: Forking) -> Command:
    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return forking.run(arguments, os.environ | environment, None)

    return run


def test_an_unreachable_broker_ends_with_4_and_says_what_to_do(command: Command) -> None:
    ended = command("agents", *NOBODY)
    assert ended.returncode == 4
    assert ended.stdout == ""
    assert ended.stderr.startswith("error [unreachable]: no broker at nats://127.0.0.1:1 ")
    assert "hint: start one with `stratoscope up`" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_address_may_come_from_the_environment(command: Command) -> None:
    ended = command("stats", "--timeout", "0.2", STRATO_NATS_URL="nats://127.0.0.1:2")
    assert ended.returncode == 4
    assert "nats://127.0.0.1:2" in ended.stderr


def test_a_broker_that_is_gone_is_told_by_record_too() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "stratoscope.cli.app", "record", "-", *NOBODY],
        input='{"agent":"a","kind":"event","type":"x"}\n',
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 4
    assert "error [unreachable]" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nonsense",), "No such command 'nonsense'"),
        (("state",), "Missing argument"),
        (("state", "a", "--at", "yesterday"), "'yesterday' is no moment"),
        (("state", "a", "--nonsense"), "--nonsense"),
        (("state", "a", "-o", "xml"), "xml"),
        (("state", "a b"), "agent: no name of an agent"),
        (("state", "a", "--space", "No"), "a space is"),
        (("events", "a", "--type", "No Type"), "types[0]: "),
        (("events", "a", "--limit", "0"), "--limit"),
        (("diff", "a", "1"), "Missing argument 'TO'"),
        (("diff", "a", "1", "--nonsense"), "'--nonsense' is no moment"),
        (("why", "12"), "'12' names no event"),
        (("step",), "neither an agent nor a session is named"),
        (("step", "a", "--by", "1h"), "'1h' is no size of a step"),
        (("step", "--session", "x"), "id: "),
    ],
)
def test_a_command_that_is_used_wrongly_ends_with_2(
    command: Command, arguments: tuple[str, ...], said: str
) -> None:
    ended = command(*arguments)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_no_command_shows_what_there_is(command: Command) -> None:
    ended = command()
    assert ended.returncode == 2
    assert "agents" in ended.stdout
    assert ended.stderr == ""


def test_help_and_version_are_data(command: Command) -> None:
    assert command("--version").stdout.startswith("stratoscope ")
    ended = command("step", "--help")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_file_that_is_not_there_ends_with_1(command: Command) -> None:
    ended = command("record", "no/such/file.ndjson")
    assert ended.returncode == 1
    assert "no/such/file.ndjson can't be read: No such file or directory" in ended.stderr


def test_without_the_extra_one_is_told_what_to_install() -> None:
    program = (
        "import sys; sys.modules['typer'] = None\n"
        "from stratoscope.cli.app import run; sys.exit(run(['agents']))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 1
    assert "pip install 'stratoscope[cli]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_the_servers_extra_one_is_told_what_to_install() -> None:
    program = (
        "import sys; sys.modules['uvloop'] = None\n"
        "from stratoscope.cli.app import run; sys.exit(run(['navigator']))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 1
    assert "pip install 'stratoscope[server]'" in ended.stderr


def test_ctrl_c_while_a_command_loads_says_nothing() -> None:
    """Most of a short command's time goes into its imports."""
    program = """
import sys

class CtrlC:
    def find_spec(self, name, path=None, target=None):
        if name in ("nats", "pydantic", "rich"):
            raise KeyboardInterrupt

sys.meta_path.insert(0, CtrlC())
sys.argv = ["stratoscope", "stats"]
from stratoscope.cli.app import main
main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [
        (Unreachable("x"), Exit.UNREACHABLE, "unreachable"),
        (NoAnswerInTime("x"), Exit.UNREACHABLE, "no answer"),
        (UnreadableReply("x"), Exit.FAILED, "internal"),
        (Internal("x"), Exit.FAILED, "internal"),
        (AgentNotFound("x"), Exit.NOT_FOUND, "agent_not_found"),
        (EmptyEventLog("x"), Exit.NOT_FOUND, "empty_event_log"),
        (ConcurrentAccess("x"), Exit.FAILED, "concurrent_access"),
        (BadRequest("x"), Exit.USAGE, "bad_request"),
    ],
)
def test_what_a_service_answers_decides_the_exit_code(
    error: StratoError, code: Exit, word: str
) -> None:
    assert (exit_code(error), label(error)) == (code, word)


def test_a_place_outside_is_told_with_the_bounds() -> None:
    assert "from -1 to 7" in advice(NavigationOutOfBounds.at(8, -1, 7))


@pytest.mark.parametrize("error", [NavigationOutOfBounds, EventNotFound])
def test_a_place_that_retention_dropped_is_told_with_the_horizon(error: type[StratoError]) -> None:
    horizon = {"event_index": 900, "stream_seq": 901, "occurred_at": "2026-11-23T08:00:00.000000Z"}
    told = advice(error("gone", {"index": 3, "first": 900, "last": 999, "horizon": horizon}))
    assert told == "the first moment that can be asked for is 900, or 2026-11-23T08:00:00.000000Z"


def test_a_refused_request_names_its_fields() -> None:
    assert particulars(BadRequest.of_fields(("path", "no path"))) == ["path: no path"]
    assert particulars(BadRequest("x", {"errors": "odd"})) == []
