"""`history` and `blame` on a recorded explorer."""

import json

from support.commands import Commands, Explorer


def test_history_tells_every_change_of_a_field(commands: Commands, explorer: Explorer) -> None:
    found = commands.json("history", explorer.name, "health")["changes"]
    assert all(change["change"]["path"] == "health" for change in found)
    assert found[0]["change"]["op"] == "added"
    shown = commands.text("history", explorer.name, "health")
    assert "+ health" in shown
    assert f"event:{found[0]['event_id']}" in shown or found[0]["event_id"] is None


def test_history_pages_and_keeps_to_its_stretch(commands: Commands, explorer: Explorer) -> None:
    everything = commands.json("history", explorer.name, "", "--all")["changes"]
    assert len(everything) == 3
    assert "there is more" in commands.text("history", explorer.name, "", "--limit", "1")
    later = commands.json("history", explorer.name, "", "--from", "0")["changes"]
    assert later == everything[1:]


def test_blame_goes_back_from_write_to_write(commands: Commands, explorer: Explorer) -> None:
    writes = commands.json("blame", explorer.name, "at", "--count", "5")["writes"]
    assert [write["change"]["new"] for write in writes] == [1.5, 0]
    (last,) = commands.json("blame", explorer.name, "at")["writes"]
    assert last == writes[0]
    (first,) = commands.json("blame", explorer.name, "at", "--before", "-1")["writes"]
    assert first["change"]["new"] == 0


def test_a_field_that_nobody_wrote_is_no_error(commands: Commands, explorer: Explorer) -> None:
    assert commands.json("blame", explorer.name, "nope") == {"writes": []}
    assert "nobody wrote nope" in commands.text("blame", explorer.name, "nope")
    assert "nobody wrote nope" in commands.text("history", explorer.name, "nope")


def test_wrong_use_is_told_with_its_exit_code(commands: Commands, explorer: Explorer) -> None:
    unreadable = commands.run("history", explorer.name, "a[")
    assert unreadable.returncode == 2
    assert "path" in unreadable.stderr
    assert commands.run("blame", f"{explorer.name}-not", "at").returncode == 3
    json.loads(commands.run("history", explorer.name, "at", "-o", "json").stdout)
