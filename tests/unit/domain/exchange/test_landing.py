"""A place lands after the last record that stood at or before it."""

from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.exchange.landing import BEFORE_ALL, Landed, Landing
from stratoscope.domain.timeline import Place

_places = st.builds(Place, st.integers(0, 20), st.integers(0, 2))


@given(st.sets(_places), st.lists(_places))
def test_it_lands_after_the_last_record_at_or_before_it(old: set[Place], wanted: list[Place]):
    landing, passed = Landing(wanted), {}
    for index, place in enumerate(sorted(old)):
        passed[place] = Landed(index, Place(100, index))
        landing.passed(place, passed[place])
    for place in wanted:
        before = [one for one in passed if one <= place]
        assert landing.of(place) == (passed[max(before)] if before else BEFORE_ALL)


def test_before_the_first_record_is_before_the_first_record():
    landing = Landing([])
    landing.passed(Place(1, 0), Landed(0, Place(9, 0)))
    assert landing.of(None) == BEFORE_ALL
