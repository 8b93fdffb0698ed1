"""What is known of the past: ids taken, and where causes stand."""

from uuid import UUID

from stratoscope.domain.records import Cause, Known
from stratoscope.domain.timeline import Place

ID = UUID(int=1)
KEY = ("default", ID)
EARLY, LATE = Cause(Place(1, 0), 1), Cause(Place(2, 0), 5)


def test_of_two_events_with_one_id_the_lower_place_is_the_cause():
    known = Known()
    for cause in (LATE, EARLY, LATE):
        known.place(KEY, cause)
    assert known.cause(KEY) == EARLY


def test_a_cause_is_found_wherever_it_was_learnt_and_the_lowest_wins():
    known, before = Known(causes={KEY: LATE}), Known(new_causes={KEY: EARLY})
    known.follow([before])
    assert known.cause(KEY) == EARLY
    assert known.cause(("other", ID)) is None


def test_what_the_batches_before_took_is_taken():
    known, before = Known(), Known(new_ids={(7, ID)})
    assert not known.has((7, ID))
    known.follow([before])
    assert known.has((7, ID))
    assert not known.has((8, ID))


def test_what_a_batch_before_looked_up_is_not_its_own_to_pass_on():
    known, before = Known(), Known(ids={(7, ID)}, causes={KEY: EARLY})
    known.follow([before])
    assert not known.has((7, ID))
    assert known.cause(KEY) is None


def test_where_recent_events_are_kept_the_batches_before_are_among_them():
    known, before = Known(), Known(new_ids={(7, ID)}, new_causes={KEY: LATE})
    known.follow([before], {KEY: EARLY})
    assert known.cause(KEY) == EARLY
    assert known.has((7, ID))
