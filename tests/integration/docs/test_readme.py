"""What the README shows is run as its reader would run it."""

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import nats
import pytest

from stratoscope.cli.faults import Exit
from support.commands import PROGRAM, Commands
from support.eventually import eventually
from support.pages import ROOT, blocks, masked, page

README = "README.md"
WELL_KNOWN = "nats://127.0.0.1:4222"
# What a reader of the LangGraph lines has already.
GRAPH = """
from langgraph.graph import START, MessagesState, StateGraph
builder = StateGraph(MessagesState)
builder.add_node("answer", lambda state: {"messages": [("ai", "north it is")]})
builder.add_edge(START, "answer")
graph = builder.compile()
"""


def run_python(code: str, url: str) -> str:
    assert WELL_KNOWN in code
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", code.replace(WELL_KNOWN, url)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def commands_in(block: str) -> list[tuple[str, str]]:
    """Each command line of a console block, with what is shown of its output."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def test_the_quick_start_records_asks_and_prints_what_it_says(up: Commands) -> None:
    recording, asking, *_ = blocks(README, "python")
    run_python(recording, up.url)
    said = run_python(asking, up.url).splitlines()
    assert said == [
        "0 {'goal': None, 'health': 100}",
        "2 {'goal': 'explore', 'health': 93}",
    ]
    assert all(f"`{line}`" in page(README) for line in said)
    _, shown, *_ = blocks(README, "console")
    for line, output in commands_in(shown):
        program, *arguments = shlex.split(line)
        assert program == "stratoscope"
        assert masked(up.text(*arguments)) == masked(output)
    the_prompt_answers_as_it_says(up)


def the_prompt_answers_as_it_says(up: Commands) -> None:
    (shown,) = [block for block in blocks(README, "console") if "stratoscope debug" in block]
    line, _, talk = shown.partition("\n")
    typed = re.findall(r"^\(explorer-7 #-?\d+\) (.*)$", talk, re.MULTILINE)
    answered = re.sub(r"^\(explorer-7 #-?\d+\) .*\n", "", talk, flags=re.MULTILINE)
    done = up.run(*shlex.split(line)[2:], given="\n".join(typed))
    assert masked(done.stdout) == masked(answered)
    assert (done.returncode, done.stderr) == (0, "")


async def test_a_live_agent_is_held_as_it_says(up: Commands) -> None:
    (code,) = [block for block in blocks(README, "python") if ".gate()" in block]
    (shown,) = [block for block in blocks(README, "console") if "stratoscope pause" in block]
    told = code.replace(WELL_KNOWN, up.url)
    agent = await asyncio.create_subprocess_exec(sys.executable, "-c", told)
    try:
        await eventually(lambda: gated(up), within=20)
        for line, output in commands_in(shown):
            said = await asyncio.to_thread(up.text, *shlex.split(line)[1:])
            # It may have come to its gate while the command was answered.
            said = re.sub(r"held at its gate since \S+", "to be held at its next gate", said)
            assert said.split() == output.split()
        assert agent.returncode is None
    finally:
        agent.kill()
        await agent.wait()


async def gated(up: Commands) -> bool:
    listed = await asyncio.to_thread(up.json, "agents", "patient-5")
    return any(agent["gated"] for agent in listed["agents"])


async def test_two_lines_record_a_graph(up: Commands) -> None:
    (recording,) = [block for block in blocks(README, "python") if "langgraph" in block]
    run_python(GRAPH + recording, up.url)
    await up.projected()
    (found,) = up.json("agents", "explorer-9")["agents"]
    assert found["events"] == 4
    assert found["snapshots"] > 0


async def test_the_lines_that_record_takes_are_taken(up: Commands) -> None:
    (lines,) = blocks("docs/cli.md", "json")
    done = up.run("record", "-", "--output", "json", "--space", "lines", given=lines)
    said = json.loads(done.stdout)
    assert said.pop("stream_seq") > 0
    assert said == {"agents": ["explorer-7"], "events": 1, "snapshots": 1, "duplicates": 0}
    await up.projected()
    assert up.json("stats", "--space", "lines")["dead_letters"] == 0


async def test_any_nats_client_records_and_asks(up: Commands) -> None:
    (shown,) = [block for block in blocks(README, "sh") if "nats req" in block]
    lines = [line for line in shown.splitlines() if line.startswith("nats ")]
    replies = [await send(up, line) for line in lines]
    assert replies[0]["stream"] == "STRATO_RECORD"
    assert replies[2]["state"] == {"health": 100}
    assert [event["type"] for event in replies[3]["events"]] == ["message_received"]


async def send(up: Commands, line: str) -> dict[str, Any]:
    """Do what the `nats` command would, with a client that knows nothing of us."""
    program, verb, *words = shlex.split(line)
    assert program == "nats"
    headers = None
    if words[0] == "-H":
        name, _, value = words[1].partition(":")
        headers, words = {name: value}, words[2:]
    subject, body = words
    if ".nav." in subject:
        await up.projected()
    client = await nats.connect(up.url)
    try:
        if verb == "pub":
            await client.publish(subject, body.encode(), headers=headers)
            await client.flush()
            # The command's user is slower than the stream is; a test is not.
            await eventually(partial(stored, client, subject))
            return {}
        reply = await client.request(subject, body.encode(), headers=headers, timeout=5)
        answer: dict[str, Any] = json.loads(reply.data)
        return answer
    finally:
        await client.close()


async def stored(client: nats.NATS, subject: str) -> bool:
    agent, kind = subject.split(".")[3:]
    info = await client.jetstream().stream_info(
        "STRATO_RECORD", subjects_filter=f"strato.default.part.*.{agent}.{kind}"
    )
    return bool(info.state.subjects)


@pytest.mark.timeout(90)
def test_the_excerpt_of_the_demo_is_what_it_prints(scratch: Path) -> None:
    alone = {name: value for name, value in os.environ.items() if name != "STRATO_NATS_URL"}
    done = subprocess.run(
        [*PROGRAM, "demo"],
        capture_output=True,
        text=True,
        env=alone | {"TMPDIR": str(scratch), "COLUMNS": "100"},
        timeout=60,
        check=True,
    )
    excerpt, *_ = blocks(README, "console")
    printed = iter(masked(done.stdout))
    for line in masked(excerpt):
        if line not in ("", "…"):
            assert line in printed, f"not printed, or not in this order: {line}"


def test_the_map_names_every_package_and_nothing_that_is_not_there() -> None:
    (shown,) = [block for block in blocks(README, "text") if "services/stratoscope/" in block]
    named: set[str] = set()
    above = ""
    for line in shown.splitlines():
        folder = line.split()[0]
        above = above if line.startswith(" ") else folder
        named.add(above + folder if line.startswith(" ") else folder)
    missing = [folder for folder in named if not (ROOT / folder).is_dir()]
    assert missing == []
    rooms = (ROOT / "services" / "stratoscope").glob("*/__init__.py")
    assert {f"services/stratoscope/{room.parent.name}/" for room in rooms} <= named


def test_the_exit_codes_are_those_it_names() -> None:
    said = page(README).partition("Exit codes: ")[2].partition(".\n")[0]
    assert {int(number) for number in re.findall(r"\b[0-9]\b", said)} == set(Exit)
