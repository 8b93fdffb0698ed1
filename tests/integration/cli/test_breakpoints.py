"""Breakpoints from the command line: set, hit live, seen, switched and removed."""

import asyncio
import itertools
import json
from uuid import uuid4

import pytest

import stratoscope
from support.commands import PROGRAM, Commands, Explorer

PATCH = [{"op": "replace", "path": "/at", "value": 7}]


async def test_a_breakpoint_is_hit_while_somebody_listens(
    commands: Commands, explorer: Explorer
) -> None:
    added = commands.json("break", "add", explorer.name, "at", "==", "7", "--past", "3")
    assert added["past_hits"] == []
    number = added["breakpoint"]["id"]
    logged = commands.json("watch", explorer.name, "at", "--log", "at {state.at}")
    tail = await _started(commands, "tail", "--hits", "--count", "2")
    events = await _started(commands, "tail", explorer.name, "--count", "1", "-o", "json")
    listening = asyncio.gather(tail.communicate(), events.communicate())
    async with asyncio.timeout(30), stratoscope.connect(commands.url) as strato:
        agent = strato.agent(explorer.name)
        # Until both have heard enough: nobody says when they listen.
        for value in itertools.count():
            patch = [PATCH[0] | {"value": value % 10}]
            await agent.event("state_change", {"n": value}, patch=patch)
            await agent.flush()
            if listening.done():
                break
    (shown, _), (told, _) = await listening
    assert shown.decode().count(explorer.name) == 2
    assert json.loads(told)["type"] == "state_change"
    listed = commands.json("break", "list", "--agent", explorer.name)["breakpoints"]
    hits = {one["id"]: one["hit_count"] for one in listed}
    assert hits[logged["breakpoint"]["id"]] > 0
    assert commands.json("break", "disable", number)["breakpoints"][0]["is_enabled"] is False
    assert "off" in commands.text("break", "list", "--agent", explorer.name)
    assert commands.json("break", "enable", number)["breakpoints"][0]["is_enabled"] is True
    assert commands.json("break", "rm", number, logged["breakpoint"]["id"])["removed"] == [
        number,
        logged["breakpoint"]["id"],
    ]
    assert "no such breakpoint" in commands.text("break", "list", "--agent", explorer.name)


async def _started(commands: Commands, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *PROGRAM, *arguments, "--server", commands.url, stdout=asyncio.subprocess.PIPE
    )


def test_past_hits_are_shown_newest_first(commands: Commands, explorer: Explorer) -> None:
    shown = commands.text("break", "add", explorer.name, "change", "at", "--past", "9", "--once")
    assert f"{explorer.name}  change at" in shown
    assert "(on_change at)" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "a", "nonsense"), "is no condition"),
        (("add", "a", "at", "==", "1", "--pause", "--log", "x"), "does one thing"),
        (("add", "a", "at", "==", "1", "--once", "--every", "2"), "one rule of hits"),
        (("add", "a b", "at", "==", "1"), "agent"),
        (("add", "a", "when", "state.a +"), "invalid_expression"),
        (("rm", str(uuid4())), "breakpoint_not_found"),
    ],
)
def test_what_is_wrong_with_a_breakpoint_is_said(
    commands: Commands, arguments: tuple[str, ...], said: str
) -> None:
    ended = commands.run("break", *arguments)
    assert ended.returncode != 0
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_tail_needs_an_agent_or_hits(commands: Commands) -> None:
    assert "no agent is named" in commands.run("tail").stderr
    assert "not hits" in commands.run("tail", "--hits", "--type", "x").stderr
