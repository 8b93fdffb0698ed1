"""A thread's id as an agent's name."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.adapters.langgraph import agent_of_thread
from stratoscope_contracts.words import AGENT_PATTERN


@pytest.mark.parametrize(
    "thread", ["a", "explorer-7", "A_b", "3f0c8a52-1c1e-4b7e-9d0a-2f6f2a9f1b11", "x" * 128]
)
def test_what_can_be_a_name_is_one(thread: str) -> None:
    assert agent_of_thread(thread) == thread


@given(st.text(st.characters(codec=None)), st.text(st.characters(codec=None)))
def test_any_thread_has_a_name_of_its_own(one: str, other: str) -> None:
    assert re.match(AGENT_PATTERN, agent_of_thread(one))
    assert not agent_of_thread(one).startswith("-")
    assert (agent_of_thread(one) == agent_of_thread(other)) == (one == other)


@pytest.mark.parametrize(
    ("thread", "readable"),
    [
        ("école", "ecole-"),
        ("тред", "tred-"),
        ("../x", "x-"),
        (" 1", "1-"),
        ("-x", "x-"),
        ("日本", "RiBen-"),
        ("--help", "help-"),
        ("-", "thread-"),
        ("a b", "a-b-"),
    ],
)
def test_a_name_is_readable_and_no_option(thread: str, readable: str) -> None:
    name = agent_of_thread(thread)
    assert name.startswith(readable)
    assert len(name) == len(readable) + 10


def test_threads_that_look_alike_keep_apart() -> None:
    names = {agent_of_thread(thread) for thread in ("a b", "a.b", "a-b", "x" * 129, "x" * 130)}
    assert len(names) == 5
    assert agent_of_thread(7) == "7"
