"""Fair shares between spaces: who gets a slot, who waits, who is served next."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.shares import (
    PRESENT_SECONDS,
    FairBytes,
    FairShares,
    FairTime,
    Grant,
    ShareLimits,
)


def fill(shares: FairShares[int], space: str, now: float = 0.0) -> int:
    """How many slots a space is granted at once, one after another."""
    granted = 0
    while shares.ask(space, granted, now) is Grant.GRANTED:
        granted += 1
    return granted


@pytest.mark.parametrize(
    ("capacity", "alone"), [(1, 1), (2, 1), (3, 2), (4, 3), (10, 7), (64, 48), (256, 192)]
)
def test_a_space_alone_gets_most_and_leaves_room_for_the_next(capacity: int, alone: int) -> None:
    """Three quarters; a single slot is for whoever comes first."""
    shares: FairShares[int] = FairShares(ShareLimits(capacity))
    assert fill(shares, "loud") == alone == shares.limits.alone
    if capacity > 1:
        assert shares.ask("quiet", 0, 0.0) is Grant.GRANTED


def test_what_is_over_the_share_waits_and_what_is_over_the_queue_is_refused() -> None:
    """The queue is counted for each space."""
    shares: FairShares[int] = FairShares(ShareLimits(4, queue=2))
    assert fill(shares, "loud") == 3
    assert shares.ask("loud", 4, 0.0) is Grant.QUEUED
    assert shares.ask("loud", 5, 0.0) is Grant.REFUSED


def test_a_space_holds_less_while_another_is_active() -> None:
    """It gets more again once the other has been silent for a while."""
    shares: FairShares[int] = FairShares(ShareLimits(8, crowded=2))
    assert shares.ask("quiet", 0, 0.0) is Grant.GRANTED
    shares.release("quiet", 0.0)
    assert fill(shares, "loud", 0.1) == 2
    assert shares.ask("loud", 0, PRESENT_SECONDS + 0.1) is Grant.GRANTED


def test_the_other_is_active_also_where_it_asked_before_last() -> None:
    """Both are remembered, whichever asked last."""
    shares: FairShares[int] = FairShares(ShareLimits(8, crowded=1))
    assert shares.ask("loud", 0, 0.0) is Grant.GRANTED
    assert shares.ask("quiet", 1, 0.0) is Grant.GRANTED
    shares.release("quiet", 0.0)
    shares.ask("loud", 2, 0.1)
    shares.ask("quiet", 3, 0.2)
    shares.release("quiet", 0.2)
    assert shares.ask("loud", 4, 0.3) is Grant.REFUSED


def test_a_space_whose_share_shrank_is_served_when_it_holds_less() -> None:
    """What it holds beyond its share stays; what waits does so until enough is given back."""
    shares: FairShares[int] = FairShares(ShareLimits(8, crowded=1, queue=9))
    for number in range(3):
        assert shares.ask("loud", number, 0.0) is Grant.GRANTED
    assert shares.ask("quiet", 9, 0.0) is Grant.GRANTED
    assert shares.ask("loud", 3, 0.0) is Grant.QUEUED
    assert shares.release("loud", 0.0) == []
    assert shares.release("loud", 0.0) == []
    assert shares.release("loud", 0.0) == [3]


def test_the_space_that_holds_least_is_served_first_and_equal_ones_take_turns() -> None:
    """A long queue gives no precedence."""
    shares: FairShares[str] = FairShares(ShareLimits(2, queue=9))
    assert shares.ask("a", "", 0.0) is Grant.GRANTED
    assert shares.ask("b", "", 0.0) is Grant.GRANTED
    for ticket in ("a1", "a2", "a3", "c1", "c2"):
        assert shares.ask(ticket[0], ticket, 0.0) is Grant.QUEUED
    assert shares.release("b", 0.0) == ["c1"]
    assert shares.release("a", 0.0) == ["a1"]
    assert shares.release("a", 0.0) == ["a2"]
    assert shares.release("c", 0.0) == ["c2"]


def test_a_ticket_that_is_withdrawn_is_not_served() -> None:
    """Nor does one that does not wait matter."""
    shares: FairShares[int] = FairShares(ShareLimits(1, queue=9))
    assert shares.ask("a", 0, 0.0) is Grant.GRANTED
    assert shares.ask("b", 1, 0.0) is Grant.QUEUED
    assert shares.ask("b", 2, 0.0) is Grant.QUEUED
    shares.withdraw("b", 7)
    shares.withdraw("c", 7)
    shares.withdraw("b", 1)
    assert shares.release("a", 0.0) == [2]
    shares.withdraw("b", 2)
    assert shares.held("b") == 1
    assert shares.ask("b", 3, 0.0) is Grant.QUEUED
    shares.withdraw("b", 3)
    assert shares.release("b", 0.0) == []
    assert shares.held("b") == 0


def test_a_space_that_nobody_asked_beside_is_alone() -> None:
    """Its own last request is no other's."""
    shares: FairShares[int] = FairShares(ShareLimits(8, crowded=1))
    assert fill(shares, "loud") == 6


def test_one_that_waits_is_served_by_who_was_there_last() -> None:
    """Another space that has just ended counts as active."""
    shares: FairShares[int] = FairShares(ShareLimits(8, crowded=1, queue=9))
    assert shares.ask("quiet", 0, 0.0) is Grant.GRANTED
    assert shares.ask("loud", 1, 0.0) is Grant.GRANTED
    assert shares.ask("loud", 2, 0.0) is Grant.QUEUED
    assert shares.ask("quiet", 3, 0.0) is Grant.QUEUED
    shares.withdraw("quiet", 3)
    assert shares.release("quiet", 0.0) == []
    assert shares.release("loud", 0.0) == [2]


@given(
    capacity=st.integers(1, 9),
    crowded=st.none() | st.integers(1, 3),
    steps=st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=80),
)
def test_slots_are_neither_lost_nor_given_twice(
    capacity: int, crowded: int | None, steps: list[tuple[str, bool]]
) -> None:
    """Whatever is asked and given back; and nothing waits where all is free."""
    shares: FairShares[tuple[str, int]] = FairShares(ShareLimits(capacity, crowded, 99))
    held: Counter[str] = Counter()
    waiting: list[tuple[str, int]] = []
    for number, (space, asks) in enumerate(steps):
        if asks:
            if shares.ask(space, (space, number), 0.0) is Grant.GRANTED:
                held[space] += 1
            else:
                waiting.append((space, number))
        elif held[space]:
            held[space] -= 1
            for ticket in shares.release(space, 0.0):
                waiting.remove(ticket)
                held[ticket[0]] += 1
        assert held.total() <= capacity
        assert all(shares.held(space) == held[space] for space in "abcd")
        assert held.total() or not waiting


def test_bytes_of_a_space_leave_room_for_the_next() -> None:
    """Three quarters of them, taken as a whole or not at all."""
    shares = FairBytes(64)
    assert shares.free == 64
    assert shares.alone == 48
    assert shares.take("loud", 40)
    assert not shares.take("loud", 9)
    assert shares.take("loud", 8)
    assert shares.held("loud") == 48
    assert shares.take("quiet", 8)
    assert not shares.take("loud", 1)
    assert shares.take("third", 0)
    assert not shares.take("third", 9)


def test_bytes_that_are_given_back_are_free_and_leave_nothing_behind() -> None:
    """Also where there were none."""
    shares = FairBytes(64)
    assert shares.take("a", 30)
    assert shares.take("a", 18)
    shares.give_back("a", 30)
    assert shares.held("a") == 18
    shares.give_back("a", 18)
    shares.give_back("b", 0)
    assert not shares._held
    assert shares.take("b", 48)


def used(time: FairTime, space: str, seconds: float, now: float) -> None:
    """Charge what took as long as it used."""
    time.charge(space, seconds, seconds, now)


def test_a_space_alone_has_all_the_time() -> None:
    time = FairTime()
    time.begin("a", 0.0)
    used(time, "a", 1.0, 1.0)
    assert time.due("a", 1.0) == 1.0
    assert time.choose(["a"], 1.0) == ("a", 1.0)


def test_the_space_that_used_the_least_lately_goes_first() -> None:
    time = FairTime()
    for space in ("a", "b", "c"):
        time.begin(space, 0.0)
    used(time, "a", 0.0003, 1.0)
    used(time, "b", 0.0002, 1.0)
    assert time.choose(["a", "b"], 1.0) == ("b", 1.0)
    # What came later counts as more.
    used(time, "b", 0.0002, 1.2)
    assert time.choose(["b", "a"], 1.2) == ("a", 1.2)
    assert time.choose(["b", "a", "c"], 1.2) == ("c", 1.2)


def test_the_one_with_more_tasks_gives_way_where_both_use_as_much() -> None:
    time = FairTime()
    for space in ("a", "a", "b"):
        time.begin(space, 0.0)
    for space in ("a", "b"):
        used(time, space, 0.0002, 1.0)
    assert time.choose(["a", "b"], 1.0) == ("b", 1.0)
    time.end("a")
    assert time.choose(["a", "b"], 1.0) == ("a", 1.0)


def test_a_space_with_more_load_is_paced_to_an_eighth_while_another_one_is_there() -> None:
    time = FairTime()
    for space in ("a", "b"):
        time.begin(space, 0.0)
    used(time, "b", 0.001, 1.0)
    used(time, "a", 0.010, 1.0)
    # Of what it took, 2 ms were left unused before.
    due = 1.0 - 0.010 - 0.002 + 8 * 0.010
    assert time.due("a", 1.0) == pytest.approx(due)
    assert time.due("a", due) == due
    assert time.due("b", 1.0) == 1.0
    assert time.choose(["a"], 1.0) == ("a", pytest.approx(due))
    assert time.choose(["a", "b"], 1.0) == ("b", 1.0)


def test_time_that_the_machine_took_counts_for_the_pace_and_not_as_use() -> None:
    """So a process that is kept waiting asks for less of the machine, and nobody is blamed."""
    time = FairTime()
    for space in ("a", "b"):
        time.begin(space, 0.0)
    time.charge("a", 0.002, 0.002, 1.0)
    time.charge("b", 0.001, 0.1, 1.0)
    assert time.due("b", 1.0) == 1.0
    time.charge("b", 0.010, 0.1, 1.0)
    assert time.due("b", 1.0) > 1.5


def test_a_space_whose_neighbour_is_gone_is_paced_no_more() -> None:
    time = FairTime()
    for space in ("a", "b"):
        time.begin(space, 0.0)
    used(time, "b", 0.001, 1.0)
    used(time, "a", 1.0, 1.05)
    assert time.due("a", 1.05) > 1.05
    assert time.due("a", 1.2) == 1.2


def test_spaces_that_are_gone_are_forgotten_and_those_with_tasks_are_not() -> None:
    time = FairTime()
    time.begin("gone", 0.0)
    time.end("gone")
    time.begin("waits", 0.0)
    time.begin("waits", 0.0)
    time.begin("new", 5.0)
    assert time.spaces == {"waits", "new"}
