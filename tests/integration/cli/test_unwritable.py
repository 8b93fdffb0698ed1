"""Commands whose output goes nowhere: one line says so, and they end with 1."""

import asyncio
import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from stratoscope.client import Navigator
from stratoscope_contracts.sessions import SessionCreateRequest
from support.commands import PROGRAM, Commands, Explorer
from support.forking import Forking
from support.odd_commands import COMMANDS, NOT_DRAWN

_SAID = "error: the output can't be written: "
# What prints data to stdout, over the explorer; of the rest `NOT_DRAWN` says why not.
_NOTHING = {"migrate", "verify", "audit", "doctor"}


def _arguments(name: str, explorer: Explorer, ids: dict[str, str]) -> tuple[str, ...]:
    agent = explorer.name
    given: dict[str, tuple[str, ...]] = {
        **{one: () for one in ("agents", "cut", "sessions", "stats", "break list")},
        **{one: (agent, "health") for one in ("history", "blame", "watch")},
        **{one: (ids["breakpoint"],) for one in ("break enable", "break disable", "break rm")},
        **{one: (ids["session"],) for one in ("session", "close")},
        "break add": (agent, "health", "==", "1"),
        "step": ("--back", agent),
        "diff": (agent, "-1", "latest"),
        "relation": (explorer.ids[0], explorer.ids[1]),
        "why": (explorer.ids[3],),
        "record": (str(explorer.file),),
        "export": ("--out=-", agent),
    }
    return given.get(name, (agent,))


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - _NOTHING - {"import"}))
def test_a_full_disk_is_one_line_and_ends_with_1(
    commands: Commands, explorer: Explorer, forking: Forking, name: str
) -> None:
    armed = commands.json("break", "add", explorer.name, "health", "==", "1")
    session = asyncio.run(_new_session(commands.url, explorer.name))
    ids = {"session": session, "breakpoint": armed["breakpoint"]["id"]}
    done = forking.run(
        (*name.split(), *_arguments(name, explorer, ids)),
        os.environ | {"STRATO_NATS_URL": commands.url},
        None,
        stdout="/dev/full",
    )
    assert (done.returncode, done.stderr) == (1, f"{_SAID}No space left on device\n")


async def _new_session(url: str, agent: str) -> str:
    async with Navigator.connect(url) as nav:
        made = await nav.request("session.create", SessionCreateRequest(agent=agent))
    return str(made.session.id)


def test_help_goes_nowhere_in_one_line_too(forking: Forking) -> None:
    for arguments in (("--help",), ("events", "--help"), ("--version",), ()):
        done = forking.run(arguments, dict(os.environ), None, stdout="/dev/full")
        assert (done.returncode, done.stderr) == (1, f"{_SAID}No space left on device\n")


@pytest.mark.parametrize("arguments", [("stats",), ("--help",)])
def test_a_closed_stdout_is_one_line(commands: Commands, arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *PROGRAM, *arguments],
        env=os.environ | {"STRATO_NATS_URL": commands.url},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "error: stdout is closed: send it to /dev/null instead\n"


@pytest.mark.parametrize("options", [(), ("-o", "json")])
def test_a_reader_that_is_gone_is_one_line(
    commands: Commands, explorer: Explorer, options: tuple[str, ...]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*PROGRAM, "replay", explorer.name, "--speed", "1e9", *options],
            env=os.environ | {"STRATO_NATS_URL": commands.url},
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, f"{_SAID}Broken pipe\n")


ODD = "\x1b[31m \u009b31m \u202e \u2028 \x07"


@pytest.mark.parametrize(
    "arguments",
    [
        ("state", "-o", "json"),
        ("events", "-o", "json"),
        ("diff", "-1", "latest", "--format", "json"),
        ("diff", "-1", "latest", "--format", "json_patch"),
        ("diff", "-1", "latest", "--format", "html"),
        ("state",),
        ("events",),
    ],
)
def test_a_terminal_is_given_nothing_that_it_obeys(
    commands: Commands, scratch: Path, arguments: tuple[str, ...]
) -> None:
    file = scratch / "odd.ndjson"
    records = [
        {"kind": "snapshot", "state": {"a": 1}, "label": ODD},
        {"kind": "event", "type": "x", "data": {ODD: ODD}},
        {"kind": "snapshot", "state": {"a": ODD, ODD: 1}, "label": ODD},
    ]
    file.write_text("".join(json.dumps({"agent": "odd", **it}) + "\n" for it in records))
    commands.text("record", str(file))
    shown = _on_a_terminal(commands, arguments[0], "odd", *arguments[1:])
    for char in ("\u009b", "\u202e", "\u2028", "\x07", "\x1b[31m \\u"):
        assert char not in shown
    if "json" in arguments:
        json.loads(shown)


def _on_a_terminal(commands: Commands, *arguments: str) -> str:
    ours, theirs = pty.openpty()
    environment = os.environ | {"STRATO_NATS_URL": commands.url, "NO_COLOR": "1", "COLUMNS": "100"}
    process = subprocess.Popen([*PROGRAM, *arguments], env=environment, stdout=theirs)
    os.close(theirs)
    shown = b""
    try:
        while read := os.read(ours, 65536):
            shown += read
    except OSError:
        pass  # the terminal's other side is closed
    finally:
        os.close(ours)
        assert process.wait(30) == 0
    return shown.decode()


def test_what_is_not_tried_has_a_reason() -> None:
    assert not COMMANDS.keys() & NOT_DRAWN.keys()
