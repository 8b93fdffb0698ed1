"""What an `At` asks to look for."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from stratoscope.domain.seek import (
    AfterEvent,
    AfterSnapshot,
    Extent,
    Stand,
    UpTo,
    after_index,
    end,
    plan,
)
from stratoscope.domain.timeline import Place
from stratoscope_contracts.errors import NavigationOutOfBounds
from stratoscope_contracts.views import (
    AtEvent,
    AtEventIndex,
    AtLatest,
    AtSnapshot,
    AtStreamSeq,
    AtTime,
)

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ID = UUID(int=7)
FIVE = Extent(events=5, versions=3)


@pytest.mark.parametrize(
    ("at", "target"),
    [
        (AtLatest(latest=True), Stand(4, 2)),
        (AtEventIndex(event_index=2), UpTo(event_index=2)),
        (AtEventIndex(event_index=-1), UpTo(event_index=-1)),
        (AtTime(time=NOW), UpTo(clock=NOW)),
        (AtTime(time=NOW, clock="recorded"), UpTo(recorded_at=NOW)),
        (AtStreamSeq(stream_seq=9), UpTo(place=Place(9, 2**31 - 1))),
        (AtStreamSeq(stream_seq=2**70), UpTo(place=Place(2**63 - 1, 2**31 - 1))),
        (AtEvent(event_id=ID), AfterEvent(ID)),
        (AtSnapshot(snapshot_id=ID), AfterSnapshot(ID)),
    ],
)
def test_each_at_has_its_target(at, target):
    assert plan(at, FIVE) == target


def test_the_last_event_is_the_end():
    assert after_index(4, FIVE) == end(FIVE) == Stand(4, 2)


def test_an_empty_timeline_ends_before_the_first_event():
    assert after_index(-1, Extent(0, 0)) == Stand(-1, -1)
    assert after_index(-1, Extent(0, 2)) == Stand(-1, 1)


@pytest.mark.parametrize("index", [-2, 5, 2**70])
def test_an_index_outside_is_out_of_bounds(index):
    with pytest.raises(NavigationOutOfBounds) as refused:
        after_index(index, FIVE)
    assert refused.value.details == {"index": index, "first": -1, "last": 4}
