"""A recording into a file, and back out of one, as a person does it."""

import json
from pathlib import Path

import pytest

from support.commands import Commands, Explorer


def sessions(commands: Commands, agent: str) -> list[str]:
    return [one["id"] for one in commands.json("sessions", "--agent", agent)["sessions"]]


@pytest.mark.parametrize("form", ["archive", "binary", "json"])
def test_an_agent_goes_through_a_file(
    commands: Commands, explorer: Explorer, scratch: Path, form: str
) -> None:
    file, agent = scratch / "shared", f"{explorer.name}-{form}"
    before = sessions(commands, explorer.name)
    assert commands.text("export", explorer.name, "--format", form, "-o", str(file)) == f"{file}\n"
    assert sessions(commands, explorer.name) == before
    assert sorted(scratch.iterdir()) == sorted([explorer.file, file])
    told = commands.text("import", str(file), "--as", agent)
    assert agent in told
    assert "4 events, 2 snapshots, 0 breakpoints" in told
    same = commands.json("state", explorer.name)["state"]
    assert commands.json("state", agent)["state"] == same
    # Each caused by the one before it, as before.
    events = commands.json("events", agent)["events"]
    assert [one["causes"] for one in events] == [[], *([one["id"]] for one in events[:-1])]
    assert not {one["id"] for one in events} & {*explorer.ids}


def test_a_session_goes_through_a_file_with_what_is_kept(
    commands: Commands, explorer: Explorer, scratch: Path
) -> None:
    stepped = commands.json("step", explorer.name, "--from", "0", "--keep")
    file = scratch / "session.json"
    commands.text("export", stepped["session"], "--format", "json", "-o", str(file))
    assert json.loads(file.read_text())["session"]["position"]["event_index"] == 1
    taken = commands.json("import", str(file))
    assert taken["agent"].startswith(f"{explorer.name}-import-")
    assert taken["session"]["position"]["event_index"] == 1
    assert taken["session"]["agent"] == taken["agent"]


def test_stdout_takes_it_too(commands: Commands, explorer: Explorer) -> None:
    whole = json.loads(commands.text("export", explorer.name, "--format", "json", "-o", "-"))
    assert whole["end"] == {"events": 4, "snapshots": 2}


def test_nothing_is_written_over_or_half(
    commands: Commands, explorer: Explorer, scratch: Path
) -> None:
    file = scratch / "there.tar.zst"
    file.write_bytes(b"mine")
    done = commands.run("export", explorer.name, "-o", str(file))
    assert (done.returncode, file.read_bytes()) == (2, b"mine")
    assert "--force replaces it" in done.stderr
    nobody = commands.run("export", "nobody-there", "-o", str(scratch / "x"))
    assert nobody.returncode == 3
    assert commands.run("export", explorer.name, "-o", str(scratch / "no" / "x")).returncode == 2
    assert commands.run("export", explorer.name, "--format", "xml").returncode == 2
    assert sorted(scratch.iterdir()) == sorted([explorer.file, file])
    commands.text("export", explorer.name, "-o", str(file), "--force")
    assert file.read_bytes()[:4] == b"\x28\xb5\x2f\xfd"


def test_a_file_that_is_no_export_is_refused_with_what_is_wrong(
    commands: Commands, explorer: Explorer, scratch: Path
) -> None:
    done = commands.run("import", str(explorer.file))
    assert done.returncode == 1
    assert "import_failed" in done.stderr
    assert "byte" in done.stderr
    assert commands.run("import", str(scratch / "missing")).returncode == 2
    assert commands.run("import", str(explorer.file), "--as", "no name").returncode == 2
    file = scratch / "again.json"
    commands.text("export", explorer.name, "--format", "json", "-o", str(file))
    taken = commands.run("import", str(file), "--as", explorer.name)
    assert taken.returncode == 1
    assert "already" in taken.stderr
