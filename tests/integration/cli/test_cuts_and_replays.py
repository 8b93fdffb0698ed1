"""Conditions, cuts and replays as a person asks for them."""

import json
from typing import Any

from support.commands import Commands, Explorer


def test_events_are_picked_by_a_condition(commands: Commands, explorer: Explorer) -> None:
    def picked(where: str) -> list[int]:
        found = commands.json("events", explorer.name, "--where", where)
        return [event["event_index"] for event in found["events"]]

    assert picked("event.type == 'decision_made' || 'inventory' in state") == [1, 2, 3]
    assert picked("state.at == 1.5") == [2, 3]
    refused = commands.run("events", explorer.name, "--where", "state.at = 1")
    assert refused.returncode == 2
    assert "write '==', at character 10" in refused.stderr


def test_a_cut_shows_the_states_of_all(commands: Commands, explorer: Explorer) -> None:
    def cut(*options: str) -> Any:
        return commands.json("cut", "--agent", explorer.name, *options)

    latest = cut()
    assert latest["states"][0]["state"]["inventory"] == ["key"]
    assert (
        cut("--at", f"seq:{latest['stream_seq']}", "--path", "health")["states"][0]["state"] == 100
    )
    assert cut("--at", "2020-01-01T00:00Z")["states"][0]["position"]["event_index"] == -1
    assert cut("--at", "occurred:2020-01-01T00:00Z")["stream_seq"] is None
    shown = commands.text("cut", "--at", "latest", "--path", "at")
    assert explorer.name in shown
    assert "up to message" in shown
    assert commands.run("cut", "--at", "12").returncode == 2
    assert commands.run("cut", "--agent", "nobody").returncode == 3


def test_a_replay_shows_each_event_again(commands: Commands, explorer: Explorer) -> None:
    lines = commands.text("replay", explorer.name).splitlines()
    assert [line.split()[0] for line in lines] == ["#0", "#1", "#2", "#3"]
    done = commands.run("replay", explorer.name, "--from", "0", "--count", "2", "-o", "json")
    assert [json.loads(line)["event_index"] for line in done.stdout.splitlines()] == [1, 2]
    assert commands.text("replay", explorer.name, "--speed", "1000", "--to", "1").count("\n") == 2
    assert commands.run("replay", "nobody").returncode == 3
    assert commands.run("replay", explorer.name, "--speed", "0").returncode == 2
