"""Whose records somebody wants to be told, as far as anybody said so lately."""

import pytest

from stratoscope.broker import feed
from stratoscope.broker.feed import Watched
from stratoscope.projector import feeding
from stratoscope.projector.feeding import Interest


def test_nobody_wants_anything_at_first():
    interest = Interest()
    assert not interest
    assert not interest.wants(("default", "walker"))


def test_spaces_and_agents_are_wanted_by_whoever_says_so():
    interest = Interest()
    interest.heard(Watched("one", ["mine"], [("default", "walker")]))
    interest.heard(Watched("two", [], [("default", "runner")]))
    assert interest
    wanted = [("mine", "anybody"), ("default", "walker"), ("default", "runner")]
    assert all(map(interest.wants, wanted))
    assert not interest.wants(("default", "anybody"))
    interest.heard(Watched("one"))
    assert [interest.wants(one) for one in wanted] == [False, False, True]
    interest.heard(Watched("two"))
    assert not interest


def test_it_tells_when_more_is_wanted_than_before():
    interest = Interest()
    interest.heard(Watched("one", ["mine"]))
    grown = interest.grown
    interest.heard(Watched("one", ["mine"]))
    assert interest.grown == grown
    interest.heard(Watched("one", ["mine", "yours"]))
    assert interest.grown == grown + 1
    interest.heard(Watched("one", ["yours"]))
    assert interest.grown == grown + 1


def test_which_wishes_of_whom_are_known_is_told():
    interest = Interest()
    interest.heard(Watched("one", ["mine"], number=3))
    interest.heard(Watched("two", ["yours"], number=1))
    assert interest.heard_of == {"one": 3, "two": 1}
    interest.heard(Watched("two", ["yours", "mine"], number=2))
    interest.heard(Watched("one", number=3))
    assert interest.heard_of == {"two": 2}


def test_who_says_nothing_is_forgotten(monkeypatch: pytest.MonkeyPatch):
    now = 100.0
    monkeypatch.setattr(feeding, "monotonic", lambda: now)
    interest = Interest()
    interest.heard(Watched("one", ["mine"]))
    now = 103.0
    interest.heard(Watched("two", ["yours"]))
    now = 106.0
    interest.expire()
    assert not interest.wants(("mine", "a"))
    assert interest.wants(("yours", "a"))


def test_what_is_said_is_read_back_and_what_can_t_be_read_is_nothing():
    watched = Watched("one", ("mine",), (("default", "walker"),), 7)
    assert feed.decode_watched(feed.encode(watched)) == watched
    for body in (b"", b"{}", b"[]", b'{"owner":1,"spaces":1,"agents":[]}'):
        assert feed.decode_watched(body) is None


def test_a_batch_is_read_back():
    told = feed.Recorded(3, "default", "walker", None, -1, [[0, 7]], [])
    committed = feed.Committed("strato_p1", 9, {4: 6}, [told], {1: "moved"}, [8], heard={"one": 7})
    assert feed.decode_committed(feed.encode(committed)) == committed
    for body in (b"", b"{}", b"[]", b'{"schema":"a","through":1,"after":[]}'):
        assert feed.decode_committed(body) is None
