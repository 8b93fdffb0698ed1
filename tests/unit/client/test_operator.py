"""Who asks, as it goes into a header."""

import pytest

from stratoscope.client.operator import operator, operator_named


def test_the_environment_says_who_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRATO_OPERATOR", "ada")
    assert operator() == "ada"


def test_without_a_word_it_is_the_user_at_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRATO_OPERATOR", raising=False)
    user, _, host = operator().partition("@")
    assert user
    assert host


@pytest.mark.parametrize(
    ("text", "named"),
    [("a\r\nNats-Msg-Id: x", "a?Nats-Msg-Id: x"), ("Jürgen", "J?rgen"), ("x" * 300, "x" * 200)],
)
def test_a_name_is_one_line_of_a_header(text: str, named: str) -> None:
    assert operator_named(text) == named
