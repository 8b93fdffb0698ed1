"""Who is to blame for a batch that could not be written."""

import re

import asyncpg
import pytest

from stratoscope.projector.quarantine import UNSTORABLE, Quarantine, of_the_data


def test_a_batch_that_was_refused_is_tried_again_one_by_one():
    quarantine = Quarantine()
    assert quarantine.batch(0, 4000) == 4000
    quarantine.blame(11, 20, ValueError("no"), writing=True)
    assert quarantine.batch(10, 4000) == 1
    assert quarantine.batch(19, 4000) == 1
    assert quarantine.batch(20, 4000) == 4000
    assert quarantine.verdict(11) is None


def test_the_one_that_fails_by_itself_is_condemned():
    quarantine = Quarantine()
    quarantine.blame(11, 11, ValueError("no"), writing=True)
    verdict = quarantine.verdict(11)
    assert verdict is not None
    assert verdict.reason == UNSTORABLE
    assert "no" in verdict.detail
    assert quarantine.verdict(12) is None


@pytest.mark.parametrize("error", [KeyError("secret"), ValueError("secret"), RecursionError()])
def test_an_error_that_no_rule_foresees_is_named_by_its_kind_and_the_logs_id(error: Exception):
    quarantine = Quarantine()
    quarantine.blame(11, 11, error, writing=False)
    verdict = quarantine.verdict(11)
    assert verdict is not None
    assert verdict.reason == "unreadable"
    assert re.fullmatch(
        rf"taking it failed: {type(error).__name__}; the projector's log has [0-9a-f]{{8}}",
        verdict.detail,
    )


def test_where_memory_does_not_suffice_a_message_is_tried_once_more_alone():
    quarantine = Quarantine()
    quarantine.blame(11, 11, MemoryError(), writing=False)
    assert quarantine.verdict(11) is None
    assert quarantine.batch(10, 4000) == 1
    quarantine.blame(11, 11, MemoryError(), writing=False)
    verdict = quarantine.verdict(11)
    assert verdict is not None
    assert "MemoryError" in verdict.detail


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
