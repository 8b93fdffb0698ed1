"""What a gate does with what it has heard: the navigator's word counts, silence frees nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.recorder import holding
from stratoscope.recorder.holding import Answer, Known, Move, Silence
from stratoscope_contracts.control import Command, CtlMessage, GateHeld, GateOpen

FREE = Known(sure=True)
HELD = Known(held=True, sure=True)
GO, GO_FOR_2, NO = GateOpen(go=True), GateOpen(go=True, events=2), GateHeld(held_by=["operator"])


def told(known: Known, command: Command, events: int | None = None) -> Known:
    return holding.told(known, CtlMessage(command=command, by="operator", events=events))


def asked(known: Known, answer: Answer) -> Known:
    return holding.answered(holding.asking(known), answer)


def move(known: Known, answer: Answer, *, exact: bool = False, gave_up: bool = False) -> Move:
    return holding.move(known, answer, exact=exact, gave_up=gave_up)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b"+OK",
        b'{"go":true}',
        b'{"go":true,"events":3}',
        b'{"held_by":["operator"]}',
        b'{"stream":"STRATO_RECORD","seq":7}',
        b'{"stream":"STRATO_RECORD","seq":7,"domain":""command""}',
        b'{"code":"bad_request","message":"no "command"","details":{}}',
        b'"command"',
        b'["command","pause"]',
        b'{"command":null,"by":"x"}',
        b'{"command":"explode","by":"x"}',
        b'{"command":"pause"}',
        b'{"command":"pause","by":7}',
        b'{"command":["pause"],"by":"x"}',
        b'{"command":"step","by":"x","events":0}',
        b'{"command":"step","by":"x","events":1e400}',
        b'{"command":"step","by":"x","events":' + b"9" * 400 + b"}",
        b'{"command":"step","by":"\\ud800","events":1}',
        b'{"command":"pause","by":"\xff"}',
        b'\xff\xfe"command"',
        b'{"command":"pause","by":"x"',
        b'{"command":' + b"[" * 2000 + b"]" * 2000 + b',"by":"x"}',
        b'{"command":"pause","by":"' + b"x" * 9_000_000 + b'"}',
        b'{"command":' + b"[" * 4_000_000,
        b"\x00" * 5000,
    ],
    ids=lambda body: repr(body[:60]),
)
def test_what_is_no_command_is_passed_over(body: bytes) -> None:
    assert holding.read_command(body) is None


@given(st.binary() | st.text().map(lambda text: f'{{"command":{text}}}'.encode("utf-8", "replace")))
def test_no_bytes_end_the_reading_of_commands(body: bytes) -> None:
    assert holding.read_command(body) is None


@pytest.mark.parametrize("command", ["pause", "resume", "step"])
def test_a_command_is_read(command: Command) -> None:
    sent = CtlMessage(command=command, by="operator")
    assert holding.read_command(sent.model_dump_json().encode()) == sent


def test_nothing_is_known_at_first() -> None:
    assert not Known().sure


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(GO, FREE), (NO, HELD), (GO_FOR_2, Known(True, 2, sure=True)), (Silence(), Known())],
)
def test_an_answer_is_what_is_known(answer: Answer, expected: Known) -> None:
    assert asked(Known(), answer) == expected


def test_a_pause_holds_and_ends_a_step() -> None:
    for before in (Known(), FREE, HELD, Known(True, 5, sure=True)):
        after = told(before, "pause")
        assert not after.may_pass
        assert not after.sure


def test_a_resume_is_asked_about_and_believed_where_nobody_answers() -> None:
    after = told(HELD, "resume")
    assert not after.sure
    silent = asked(after, Silence())
    assert move(silent, Silence()) is Move.PASS
    assert move(asked(after, NO), NO) is Move.WAIT


def test_the_end_of_a_hold_that_was_never_heard_of_changes_nothing() -> None:
    for command in ("resume", "step"):
        after = told(FREE, command, 3 if command == "step" else None)
        assert (after.held, after.steps, after.sure) == (False, 0, True)


def test_a_step_lets_so_many_events_pass() -> None:
    known = told(HELD, "step", 2)
    for _ in range(2):
        assert known.may_pass
        known = holding.recorded(known)
    assert not known.may_pass
    assert told(told(HELD, "step"), "step", 2).steps == 3
    assert holding.recorded(FREE) == FREE


def test_an_answer_that_a_command_has_overtaken_is_asked_for_again() -> None:
    known = told(holding.asking(FREE), "pause")
    known = holding.answered(known, GO)
    assert not known.may_pass
    assert move(known, GO) is Move.ASK
    known = asked(known, GO)
    assert move(known, GO) is Move.PASS


@pytest.mark.parametrize("exact", [False, True])
def test_silence_releases_nobody(exact: bool) -> None:
    known = asked(HELD, Silence())
    assert move(known, Silence(), exact=exact, gave_up=True) is Move.WAIT


def test_an_exact_gate_waits_in_silence_until_it_gives_up() -> None:
    known = asked(Known(), Silence())
    assert move(known, Silence()) is Move.PASS
    assert move(known, Silence(), exact=True) is Move.WAIT
    assert move(known, Silence(), exact=True, gave_up=True) is Move.PASS


# What happens to an agent, and whether it hears of it: None is a question without an answer.
happenings = st.lists(
    st.tuples(st.sampled_from(["pause", "resume", None]), st.booleans()), max_size=30
)
Happened = list[tuple[Command | None, bool]]


@given(happenings)
def test_whoever_is_answered_does_what_is_true(happened: Happened) -> None:
    """However many commands were lost on the way, the next answer sets it right."""
    held, known = False, Known()
    for command, arrives in happened:
        if command is None:
            known = asked(known, Silence())
            continue
        held = command == "pause"
        known = told(known, command) if arrives else known
        answer: Answer = NO if held else GO
        expected = Move.WAIT if held else Move.PASS
        assert move(asked(known, answer), answer, exact=arrives) is expected


@given(happenings)
def test_in_silence_an_agent_does_what_it_heard_last(happened: Happened) -> None:
    known, last = Known(), "resume"
    for command, arrives in happened:
        if command is None:
            known = asked(known, Silence())
        elif arrives:
            known, last = told(known, command), command
        passes = move(asked(known, Silence()), Silence()) is Move.PASS
        assert passes is (last == "resume")
