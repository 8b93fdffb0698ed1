"""The newest events are causes that need no look-up, and answer as the database would."""

from uuid import UUID

from stratoscope.domain.records import Cause, Known
from stratoscope.domain.timeline import Place
from stratoscope.projector.recent import RecentEvents


def key(number: int) -> tuple[str, UUID]:
    return "default", UUID(int=number)


def took(*numbers: int, seq: int = 1) -> Known:
    """A batch that added events with these ids, all in one message."""
    causes = {key(one): Cause(Place(seq, at), 1) for at, one in enumerate(numbers)}
    return Known(new_causes=causes)


def test_nothing_is_kept_where_nobody_names_causes():
    recent = RecentEvents()
    recent.add(took(1))
    assert recent.causes == {}


def test_what_is_on_its_way_to_the_database_is_there_from_the_first():
    recent = RecentEvents()
    in_flight = [took(1), took(2, seq=2)]
    recent.begin(in_flight)
    recent.begin([took(3)])
    assert recent.causes.keys() == {key(1), key(2)}


def test_of_two_events_with_one_id_the_first_stays():
    recent = RecentEvents()
    recent.begin([])
    for seq in (1, 2):
        known = took(1, 10 + seq, seq=seq)
        known.follow([], recent.causes)
        recent.add(known)
    assert recent.causes[key(1)].place == (1, 0)
    assert recent.causes.keys() == {key(1), key(11), key(12)}


def test_one_that_the_database_had_before_is_the_first():
    recent = RecentEvents()
    recent.begin([])
    known = took(1, seq=9)
    known.causes[key(1)] = Cause(Place(3, 0), 7)
    recent.add(known)
    assert recent.causes == {key(1): Cause(Place(3, 0), 7)}


def test_the_oldest_are_forgotten_but_never_what_is_on_its_way():
    recent = RecentEvents(limit=2)
    recent.begin([])
    for seq in range(1, 6):
        recent.add(took(seq, seq=seq))
        recent.shrink(2)
    assert recent.causes.keys() == {key(4), key(5)}
    recent.add(took(6, 7, 8, seq=6))
    recent.shrink(2)
    assert recent.causes.keys() == {key(5), key(6), key(7), key(8)}
