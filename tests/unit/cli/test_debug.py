"""The prompt's commands: their names, their help, what completes them, and how lines are obeyed."""

import asyncio
import os
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.cli.debug.commands import Takes, count
from stratoscope.cli.debug.completion import Known, candidates, paths_in, unfinished
from stratoscope.cli.debug.conversing import Conversation, error_line
from stratoscope.cli.debug.interrupts import Interrupts
from stratoscope.cli.debug.lines import Scripted
from stratoscope.cli.debug.table import COMMANDS, find, helped, read
from stratoscope.cli.faults import Fault, UsageFault
from stratoscope.domain import paths
from stratoscope_contracts.errors import BadRequest
from support.documents import documents
from support.pages import table

KNOWN = Known(
    paths=["health", "position", "position.x"],
    types=["error_occurred", "decision_made"],
    marks=["hurt", "home"],
    agents=["explorer-7", "trader"],
    breakpoints=["1", "2"],
)


class Given:
    """Lines that were given beforehand, at a terminal or not."""

    def __init__(self, *lines, is_interactive=False):
        self._lines = [*lines]
        self.is_interactive = is_interactive

    async def next(self, prompt):
        return self._lines.pop(0) if self._lines else None


class Bare:
    """A desk with nothing on it but a name."""

    agent = "explorer-7"

    class place:
        index = 12


async def held(*lines, is_interactive=False):
    conversation = Conversation(Bare(), Given(*lines, is_interactive=is_interactive))
    await conversation.hold(Interrupts())
    return conversation


def test_no_two_commands_have_a_name_in_common():
    names = [name for command in COMMANDS for name in command.names]
    assert len(names) == len(set(names))


def test_the_page_has_the_table_of_the_program():
    described = [row[:1] + row[2:] for row in table("docs/debug.md", "command")]
    assert described == [[one.name, one.usage, one.help.replace("`", "")] for one in COMMANDS]
    also = [row[1] for row in table("docs/debug.md", "command")]
    assert also == [", ".join(one.aliases) for one in COMMANDS]


def test_every_command_says_what_it_does():
    for command in COMMANDS:
        assert command.help.endswith("."), command.name
        assert command.name in str(helped(command).renderables[0])


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("n", "next"),
        ("b", "break"),
        ("ba", "back"),
        ("rc", "reverse-continue"),
        ("rever", None),
        ("cont", "continue"),
        ("conti", "continue"),
        ("wh", "why"),
        ("e", None),
        ("fly", None),
        ("p", "print"),
        ("?", "help"),
    ],
)
def test_a_name_may_be_shortened_while_it_is_one_commands_alone(word, name):
    if name is None:
        with pytest.raises(UsageFault):
            find(word)
    else:
        assert find(word).name == name


def test_what_a_command_is_given_stays_as_it_was_typed():
    command, rest = read('  break  name ==  "a  b" ')
    assert command.name == "break"
    assert rest == 'name ==  "a  b"'


@pytest.mark.parametrize(
    ("line", "again"),
    [
        ("next 5", "next 5"),
        ("last health", "last"),
        ("break health == 0", ""),
        ("mark here", ""),
        ("delete 1", ""),
        ("print health", "print health"),
    ],
)
def test_an_empty_line_repeats_what_may_be_done_twice(line, again):
    assert read(line)[0].again(line) == again


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", "1" * 16, "²"])
def test_how_many_is_a_number_from_one_on(text):
    with pytest.raises(UsageFault):
        count(text, 1)


def test_how_many_may_be_left_out():
    assert (count("", 1), count("12", 1)) == (1, 12)


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("re", ["reverse-step", "reverse-continue", "redo", "resume"]),
        ("print po", ["position", "position.x"]),
        ("print health ", []),
        ("p position.", ["position.x"]),
        ("break ty", ["type"]),
        ("b type e", ["error_occurred"]),
        ("b change h", ["health"]),
        ("c when state.pos", ["state.position", "state.position.x"]),
        ("c when true && event.t", ["event.type"]),
        ("break health == ", []),
        ("goto h", ["hurt", "home"]),
        ("goto la", ["latest"]),
        ("diff hurt ho", ["home"]),
        ("mark hu", ["hurt"]),
        ("why tra", ["trader:"]),
        ("delete 1 ", ["1", "2"]),
        ("step s", ["snapshot"]),
        ("step event s", []),
        ("help mar", ["mark", "marks"]),
        ("info b", ["breakpoints"]),
        ("state h", []),
        ("fly h", []),
    ],
)
def test_a_line_is_completed_by_what_its_command_takes(line, offered):
    assert candidates(unfinished(line), KNOWN) == offered


def test_everything_that_a_command_can_take_is_offered_something():
    for takes in set(Takes) - {Takes.NOTHING}:
        command = next(one for one in COMMANDS if one.takes is takes)
        assert candidates(unfinished(f"{command.name} "), KNOWN), takes


@given(documents)
def test_the_paths_of_a_document_lead_to_something(document):
    found = paths_in(document, 50)
    assert len(found) == len(set(found)) <= 50
    for path in found:
        assert paths.get(document, paths.parse(path)) is not paths.MISSING


def test_the_paths_near_the_root_come_first():
    assert paths_in({"a": {"b": [1, {"c": 2}]}, "d": 1}) == [
        "a",
        "d",
        "a.b",
        "a.b[0]",
        "a.b[1]",
        "a.b[1].c",
    ]


async def test_each_line_that_fails_is_told_and_the_next_is_obeyed(capsys):
    conversation = await held("fly", "# nothing", "", "help next", "quit now", "fly")
    out, err = capsys.readouterr()
    assert conversation.failed
    # What stands behind `quit` is not read.
    assert err == "error: there is no command 'fly': `help` lists them\n"
    assert "One event on" in out


async def test_an_empty_line_does_again_what_came_before(capsys):
    await held("help undo", "", "# a remark", "")
    assert capsys.readouterr().out.count("as a browser goes back") == 3


async def test_the_end_of_the_lines_ends_it():
    conversation = await held()
    assert not conversation.failed
    assert not conversation.interrupted


@given(st.text())
def test_an_error_is_one_line_whatever_it_says(said):
    errors = (Fault(said, said), BadRequest.of_fields(("path", said)))
    for error in errors:
        assert len(error_line(error).plain.splitlines()) == 1


async def test_the_first_press_stops_and_the_second_cancels():
    interrupts, reached = Interrupts(), asyncio.Event()

    async def stubborn():
        with interrupts.stopping() as stop:
            reached.set()
            await stop.wait()
            interrupts.press()
            await asyncio.Event().wait()

    running = asyncio.create_task(interrupts.run(stubborn()))
    await reached.wait()
    interrupts.press()
    assert await running is False


async def test_what_can_not_be_stopped_is_cancelled_by_the_signal():
    interrupts, reached = Interrupts(), asyncio.Event()

    async def endless():
        reached.set()
        await asyncio.Event().wait()

    with interrupts.heard():
        running = asyncio.create_task(interrupts.run(endless()))
        await reached.wait()
        os.kill(os.getpid(), signal.SIGINT)
        assert await running is False


async def test_a_press_while_nothing_runs_does_nothing():
    interrupts = Interrupts()
    interrupts.press()

    async def nothing():
        pass

    assert await interrupts.run(nothing())


async def test_who_is_cancelled_takes_its_work_along():
    interrupts, reached, ended = Interrupts(), asyncio.Event(), asyncio.Event()

    async def endless():
        try:
            reached.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    running = asyncio.create_task(interrupts.run(endless()))
    await reached.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await ended.wait()


async def test_a_script_that_is_interrupted_while_it_waits_ends():
    class Silent(Given):
        async def next(self, prompt):
            reached.set()
            await asyncio.Event().wait()

    reached, interrupts = asyncio.Event(), Interrupts()
    conversation = Conversation(Bare(), Silent())
    holding = asyncio.create_task(conversation.hold(interrupts))
    await reached.wait()
    interrupts.press()
    await holding
    assert conversation.interrupted


async def test_a_script_is_read_to_its_last_line_be_it_unfinished():
    reading, writing = os.pipe()
    try:
        lines = Scripted(reading)
        os.write(writing, b"info\r\nprint h\xc3\xa4\xff")
        assert (await lines.next("")).rstrip() == "info"
        os.close(writing)
        assert await lines.next("") == "print hä\N{REPLACEMENT CHARACTER}"
        assert await lines.next("") is None
    finally:
        os.close(reading)
