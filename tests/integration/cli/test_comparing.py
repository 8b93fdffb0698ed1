"""Comparing from the command line."""

import json
import secrets
from pathlib import Path

import pytest

from support.commands import Commands, Explorer


async def test_a_difference_is_written_in_every_form(
    commands: Commands, explorer: Explorer
) -> None:
    def written(form: str, *more: str) -> str:
        return commands.text("diff", explorer.name, "-1", "latest", "--format", form, *more)

    unified = written("unified")
    assert unified.startswith(f"--- {explorer.name}@-1\t")
    assert '\n-  "at": 0,\n+  "at": 1.5,\n' in unified
    assert all(len(line) <= 100 for line in written("side_by_side").splitlines())
    assert json.loads(written("json"))["summary"]["total_changes"] == 2
    assert json.loads(written("json_patch"))[0] == {"op": "replace", "path": "/at", "value": 1.5}
    assert written("html").startswith("<!doctype html>")
    assert '"at"' not in written("unified", "--exclude", "at")


async def test_options_say_what_counts(commands: Commands, explorer: Explorer) -> None:
    def paths(*chosen: str) -> list[str]:
        found = commands.json("diff", explorer.name, "-1", "latest", *chosen)
        return [change["path"] for change in found["changes"]]

    assert paths() == ["at", "inventory"]
    assert paths("--include", "a*", "--include", "inv*") == []
    assert paths("--include", "*", "--threshold", "2") == ["inventory"]
    assert paths("--type", "number") == ["at"]
    assert paths("--ignore-order", "--exclude", "inventory") == ["at"]
    found = commands.json("diff", explorer.name, "-1", "latest", "--category", "place=at")
    assert found["summary"]["change_categories"]["place"] == 1


async def test_two_agents_part_somewhere(
    commands: Commands, explorer: Explorer, scratch: Path
) -> None:
    other = f"other-{secrets.token_hex(4)}"
    lines = [json.loads(line) for line in explorer.file.read_text().splitlines()]
    file = scratch / "other.ndjson"
    with file.open("w") as written:
        for line in lines:
            record = {key: value for key, value in line.items() if key not in ("id", "causes")}
            if record.get("data", {}).get("decision"):
                record["data"] = {"decision": "flee"}
            written.write(json.dumps(record | {"agent": other}) + "\n")
    commands.text("record", str(file))
    await commands.projected()

    found = commands.json("diff", "--agents", explorer.name, other)
    assert (found["kind"], found["aligned"]) == ("different_event", 1)
    shown = commands.text("diff", "--agents", explorer.name, other)
    assert "they part after 1 event" in shown
    assert "decision explore" in shown
    assert "decision flee" in shown
    # The event is another, the state is not.
    assert commands.text("diff", "--agents", explorer.name, other, "--format", "unified") == ""
    assert "the same" in commands.text("diff", "--agents", explorer.name, explorer.name)
    across = commands.json("diff", explorer.name, "0", "latest", "--to-agent", other)
    assert across["to"]["agent"] == other


async def test_patterns_are_shown(commands: Commands, explorer: Explorer) -> None:
    shown = commands.text("patterns", explorer.name)
    assert "1 comparison " in shown
    assert "at" in shown
    found = commands.json("patterns", explorer.name, "--from", "0")
    assert found["comparisons"] == 0


@pytest.mark.parametrize(
    ("arguments", "ends_with"),
    [
        (("diff", "AGENT", "0"), 2),
        (("diff", "AGENT", "0", "99"), 1),
        (("diff", "AGENT", "0", "latest", "--format", "pdf"), 2),
        (("diff", "AGENT", "0", "latest", "--include", "a..b"), 2),
        (("diff", "AGENT", "0", "latest", "--depth", "0"), 2),
        (("diff", "AGENT", "-1", "1", "--format", "json_patch", "--exclude", "at"), 1),
        (("diff", "--agents", "AGENT", "nobody"), 3),
        (("diff", "--agents", "AGENT", "AGENT", "latest"), 2),
        (("patterns", "nobody"), 3),
        (("patterns", "AGENT", "--category", "x"), 2),
    ],
)
async def test_what_can_not_be_compared_is_told(
    commands: Commands, explorer: Explorer, arguments: tuple[str, ...], ends_with: int
) -> None:
    done = commands.run(*(explorer.name if each == "AGENT" else each for each in arguments))
    assert done.returncode == ends_with, done.stderr
    assert done.stderr.startswith("error")
    assert "Traceback" not in done.stderr
