"""How often each of many senders may do something."""

from stratoscope.domain.rates import Rates


def test_a_sender_has_a_burst_and_then_its_rate() -> None:
    rates = Rates(10, 3)
    assert [rates.allow("a", 0.0) for _ in range(5)] == [True, True, True, False, False]
    assert not rates.allow("a", 0.05)
    assert rates.allow("a", 0.11)
    assert not rates.allow("a", 0.12)


def test_refused_messages_take_nothing_from_what_comes_later() -> None:
    rates = Rates(10, 1)
    assert sum(rates.allow("a", n / 1000) for n in range(1000)) in (10, 11)


def test_a_sender_takes_nothing_of_another_one() -> None:
    rates = Rates(1, 1)
    assert rates.allow("a", 0.0)
    assert not rates.allow("a", 0.0)
    assert rates.allow("b", 0.0)


def test_senders_that_are_remembered_are_bounded() -> None:
    rates = Rates(1, 1, kept=2)
    assert [rates.allow(sender, 0.0) for sender in "abc"] == [True] * 3
    assert len(rates._left) == 2
    assert not rates.allow("c", 0.0)
