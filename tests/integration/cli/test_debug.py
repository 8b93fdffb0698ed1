"""The prompt, driven by scripts and by a person's keys."""

import re
import secrets
from pathlib import Path

import pytest

import stratoscope
from support.commands import Commands, Explorer
from support.terminal import CTRL_C, CTRL_D, at_a_terminal

# Looks at a long list for each event, so that it takes long.
SLOWLY = "state.list.exists(x, x == 'nowhere') && event.data.n == 7"


def debug(commands: Commands, *arguments: str, script: str) -> list[str]:
    """What the commands of a script print, a text each; all of them work."""
    lines = script.strip().splitlines()
    # Told apart by what a mark says of itself.
    given = "".join(f"{line}\nmark end-{number}\n" for number, line in enumerate(lines))
    done = commands.run("debug", *arguments, given=given)
    assert (done.returncode, done.stderr) == (0, "")
    parts = re.split(r"^\* end-\d+ .*\n", done.stdout, flags=re.MULTILINE)
    assert len(parts) == len(lines) + 1
    return parts[:-1]


def test_it_travels_both_ways_and_looks(commands: Commands, explorer: Explorer) -> None:
    info, back, printed, last, again, diff, why, events = debug(
        commands,
        explorer.name,
        script="info\nback\np inventory[0]\nlast at\nlast\ndiff\nwhy\nevents 1",
    )
    assert "after event 3" in info
    assert "there are no breakpoints" in info
    assert back.startswith("#2 ")
    assert printed == '"key"\n'
    assert "~ at  0 → 1.5" in last
    assert "+ at  0" in again
    assert '+ inventory  ["key"]' in diff
    assert explorer.ids[2] in why
    assert why.index("message_received") < why.index("decision_made") < why.index("state_change")
    assert [line[:4] for line in events.splitlines()] == ["  #1", "▶ #2", "  #3"]


def test_it_runs_to_breakpoints_and_conditions(commands: Commands, explorer: Explorer) -> None:
    found = debug(
        commands,
        explorer.name,
        "--at",
        "-1",
        script="""
c type decision_made
print at
state
break at == 1.5
watch inventory
c
print at
c
disable 2
delete 1
info breakpoints
c
rc index 1
undo
redo
goto end-1
step snapshot
""",
    )
    decided, at, state, set_, watched, to_snapshot, at_snapshot, changed, *rest = found
    assert decided.endswith("the condition is hit here\n")
    # Right after the decision, before the snapshot that follows it.
    assert at == "0\n"
    assert '"at": 0,' in state
    assert set_ == "breakpoint 1  at == 1.5\n"
    assert watched == "breakpoint 2  change inventory\n"
    assert "snapshot:" in to_snapshot
    assert to_snapshot.endswith("breakpoint 1\n")
    assert at_snapshot == "1.5\n"
    assert changed.startswith("#2 ")
    assert changed.endswith("breakpoint 2\n")
    off, deleted, listed, ended, reverse, undone, redone, gone_to, stepped = rest
    assert off == "breakpoint 2  change inventory  off\n"
    assert deleted.endswith("deleted\n")
    assert listed == off
    assert ended.endswith("the end of what is recorded\n")
    assert reverse.startswith("#1 ")
    assert undone.startswith("#3 ")
    assert redone.startswith("#1 ")
    assert gone_to.startswith("#1 ")
    assert "snapshot:" in stepped


def test_what_fails_is_one_line_and_the_next_command_follows(
    commands: Commands, explorer: Explorer
) -> None:
    script = (
        "fly\ne\nnext x\nnext\ngoto nowhere\nbreak nothing\nc when state.\np a[\ndelete 9\n"
        "last\nhistory\nwhy nobody:1\ndiff 1 2 3\nunmark x y\n# a remark\nback\n\nundo\nquit\nnext"
    )
    done = commands.run("debug", explorer.name, given=script)
    assert done.returncode == 1
    errors = done.stderr.splitlines()
    assert len(errors) == 14
    assert all(line.startswith("error") for line in errors)
    assert errors[3].startswith("error [navigation_out_of_bounds]: ")
    assert errors[6].startswith("error [invalid_expression]: ")
    assert errors[11].startswith("error [agent_not_found]: ")
    # The empty line goes back once more, and nothing is read behind `quit`.
    assert re.findall(r"^#(\d) ", done.stdout, re.MULTILINE) == ["2", "1", "2"]


def test_the_session_ends_with_it_unless_it_is_kept(commands: Commands, explorer: Explorer) -> None:
    def states() -> list[str]:
        listed = commands.json("sessions", "--agent", explorer.name)["sessions"]
        return [one["state"] for one in listed]

    debug(commands, explorer.name, script="back")
    assert states() == ["completed"]
    debug(commands, explorer.name, "--keep", script="goto 0")
    assert states() == ["active", "completed"]
    (kept,) = commands.json("sessions", "--state", "active", "--agent", explorer.name)["sessions"]
    (found,) = debug(commands, "--session", kept["id"], script="info")
    assert "after event 0" in found
    assert states() == ["active", "completed"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), 2),
        (("nobody-of-this-name",), 3),
        (("no name",), 2),
        (("explorer", "--session", "0198f0e4-7a52-7c31-9f5e-3d6a1b2c4d5e"), 2),
        (("--session", "0198f0e4-7a52-7c31-9f5e-3d6a1b2c4d5e"), 3),
        (("explorer", "--at", "sometime"), 2),
    ],
)
def test_what_can_not_be_opened_is_told(
    commands: Commands, arguments: tuple[str, ...], code: int
) -> None:
    done = commands.run("debug", *arguments, given="info\n")
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("error")


async def test_a_person_completes_words_and_leaves_a_long_run(
    commands: Commands, scratch: Path
) -> None:
    name = f"walker-{secrets.token_hex(4)}"
    async with stratoscope.connect(commands.url) as strato:
        agent = strato.agent(name)
        await agent.snapshot({"list": list(range(900)), "health": 100})
        for n in range(12_000):
            await agent.event("action_execution", {"n": n})
    await commands.projected()
    history = scratch / "typed" / "history"
    surroundings = {"STRATO_NATS_URL": commands.url, "STRATO_DEBUG_HISTORY": str(history)}
    with at_a_terminal("debug", name, "--at", "-1", **surroundings) as terminal:
        terminal.until(rf"\({name} #-1\)")
        terminal.type(f"c when {SLOWLY}\r")
        terminal.until(r"searching: [1-9]")
        terminal.type(CTRL_C)
        stood = re.search(r"at event (\d+)\s", terminal.until(r"left: .* at event \d+\s"))
        assert stood is not None
        index = int(stood[1])
        assert 0 < index < 11_999
        terminal.until(rf"\({name} #{index}\)")
        terminal.type("print he\t")
        terminal.until("alth")  # the rest of the word is what is drawn
        terminal.type("\r")
        terminal.until("100")
        terminal.type("back 2\r")
        terminal.until(rf"\({name} #{index - 2}\)")
        terminal.type("\r")
        terminal.until(rf"\({name} #{index - 4}\)")
        terminal.type("fly\r")
        terminal.until("error: there is no command 'fly'")
        terminal.until(rf"\({name} #{index - 4}\)")
        terminal.type(CTRL_D)
        # What went wrong was told to a person, and is no failure of the command.
        assert terminal.process.wait(10) == 0
    assert "+print health\n" in history.read_text()
    assert history.stat().st_mode & 0o077 == 0
    (session,) = commands.json("sessions", "--agent", name)["sessions"]
    assert session["state"] == "completed"
    assert session["position"]["event_index"] == index - 4
