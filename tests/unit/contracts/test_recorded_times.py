"""The times of records: every time that can be kept and read again, and no other."""

import pytest
from pydantic import ValidationError

from stratoscope.projector.plain import plain_records
from stratoscope_contracts.records import EventRecord


@pytest.mark.parametrize(
    "time",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T01:00:00+01:00",
        "9999-12-31T23:59:59.999999Z",
        "9999-12-31T23:59:59.9999999Z",
    ],
)
def test_what_the_driver_takes_for_infinity_is_refused(time: str) -> None:
    with pytest.raises(ValidationError, match="first and last microsecond"):
        EventRecord.model_validate_json(f'{{"type":"x","occurred_at":"{time}"}}')
    assert plain_records("event", {"type": "x", "occurred_at": time}) is None


@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00.000001Z", "9999-12-31T23:59:59.999998Z", "9999-12-31T00:00:00Z"]
)
def test_all_others_of_the_first_and_last_year_are_taken(time: str) -> None:
    EventRecord.model_validate_json(f'{{"type":"x","occurred_at":"{time}"}}')
