"""Who is to blame for a batch that could not be written."""

import asyncpg
import pytest

from stratoscope.projector.quarantine import UNSTORABLE, Quarantine, of_the_data


def test_a_batch_that_was_refused_is_tried_again_one_by_one():
    quarantine = Quarantine()
    assert quarantine.batch(0, 4000) == 4000
    quarantine.blame(11, 20, ValueError("no"))
    assert quarantine.batch(10, 4000) == 1
    assert quarantine.batch(19, 4000) == 1
    assert quarantine.batch(20, 4000) == 4000
    assert quarantine.verdict(11) is None


def test_the_one_that_fails_by_itself_is_condemned():
    quarantine = Quarantine()
    quarantine.blame(11, 11, ValueError("no"))
    verdict = quarantine.verdict(11)
    assert verdict is not None
    assert verdict.reason == UNSTORABLE
    assert "no" in verdict.detail
    assert quarantine.verdict(12) is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (asyncpg.NumericValueOutOfRangeError("x"), True),
        (asyncpg.UniqueViolationError("x"), True),
        (asyncpg.ProgramLimitExceededError("x"), True),
        (OverflowError("x"), True),
        (asyncpg.SerializationError("x"), False),
        (asyncpg.AdminShutdownError("x"), False),
        (asyncpg.DiskFullError("x"), False),
        (OSError("x"), False),
    ],
)
def test_only_what_the_data_is_to_blame_for_is_blamed_on_it(error: Exception, expected: bool):
    assert of_the_data(error) is expected
