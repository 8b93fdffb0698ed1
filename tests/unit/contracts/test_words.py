"""Values of the wire: what is taken and what is not."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from stratoscope_contracts import breakpoints, records, words

TIME = TypeAdapter[datetime](words.Time)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-23T08:00:00.123456Z", "2026-11-23T08:00:00.123456Z"),
        ("2026-11-23T08:00:00Z", "2026-11-23T08:00:00.000000Z"),
        ("2026-11-23 08:00:00z", "2026-11-23T08:00:00.000000Z"),
        ("2026-11-23T09:30:00+01:30", "2026-11-23T08:00:00.000000Z"),
        ("2026-11-23T08:00:00.123456999Z", "2026-11-23T08:00:00.123456Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("0001-01-01T00:00:00-01:00", "0001-01-01T01:00:00.000000Z"),
        ("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_time_is_cut_to_microseconds_and_spelled_in_utc(text: str, utc: str) -> None:
    """Offsets are taken; replies know one spelling."""
    assert TIME.dump_json(TIME.validate_json(f'"{text}"')) == f'"{utc}"'.encode()
    assert TIME.dump_json(TIME.validate_python(text)) == f'"{utc}"'.encode()


@pytest.mark.parametrize(
    "document",
    [
        '"1234"',
        '"1769500800.5"',
        "1769500800",
        "1769500800.5",
        '"2026-11-23"',
        '"2026-11-23T08:00:00"',
        '"2026-11-23T08:00Z"',
        '"2026-02-30T08:00:00Z"',
        '"2026-11-23T08:00:60Z"',
        '"0000-12-31T23:59:59Z"',
        '"0001-01-01T00:00:00+00:01"',
        '"9999-12-31T23:59:59-00:01"',
        '"2026-11-23T08:00:00Z\\n"',
        '"٢٠٢٦-11-23T08:00:00Z"',
        "true",
        "null",
        "[]",
    ],
)
def test_what_is_no_time_is_told_in_one_sentence(document: str) -> None:
    """Numbers are no times, nor are moments that leave the calendar once in UTC."""
    with pytest.raises(ValidationError, match="a time is RFC 3339 with an offset") as caught:
        TIME.validate_json(document)
    assert caught.value.error_count() == 1


@pytest.mark.parametrize("value", [datetime(2026, 1, 1), 5, "1234", b"2026-11-23T08:00:00Z"])  # noqa: DTZ001
def test_python_values_are_held_to_the_same_rule(value: Any) -> None:
    """A naive datetime has no place on the wire."""
    with pytest.raises(ValidationError, match="a time is RFC 3339"):
        TIME.validate_python(value)


def test_an_aware_datetime_is_taken_as_it_is() -> None:
    """Recorders and navigators build models from datetimes."""
    moment = datetime(2026, 11, 23, 9, tzinfo=timezone(timedelta(hours=1)))
    assert TIME.validate_python(moment) == moment


offsets = st.builds(
    lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-23 * 60, 23 * 60)
)


@given(
    st.datetimes(
        min_value=datetime(2, 1, 1),  # noqa: DTZ001
        max_value=datetime(9998, 12, 31),  # noqa: DTZ001
        timezones=offsets,
    )
)
def test_any_time_survives_the_wire(moment: datetime) -> None:
    """What is written is read back as the same moment."""
    assert TIME.validate_json(TIME.dump_json(moment)) == moment


def test_a_time_stays_a_datetime_inside_python() -> None:
    """Only JSON turns it into text."""
    moment = datetime(2026, 11, 23, tzinfo=UTC)
    assert TIME.dump_python(moment) is moment


@pytest.mark.parametrize("space", ["default", "a", "0-9", "x" * 32])
def test_a_space_is_short_and_lower_case(space: str) -> None:
    """It is a token of every subject and part of bucket names."""
    assert TypeAdapter(words.Space).validate_python(space) == space


@pytest.mark.parametrize("space", ["", "A", "a.b", "a_b", "*", "x" * 33, "a\n"])
def test_what_is_no_space(space: str) -> None:
    """No dots, no wildcards, nothing that ends in a line."""
    with pytest.raises(ValidationError):
        TypeAdapter(words.Space).validate_python(space)


@pytest.mark.parametrize("kind", [*words.KnownType, "a", "llm.call_started", "x" * 64])
def test_an_event_type_is_known_or_the_users_own(kind: str) -> None:
    """Known types are nothing special to the pattern."""
    assert TypeAdapter(words.EventType).validate_python(kind) == kind


@pytest.mark.parametrize("kind", ["", "A", "1a", "_a", ".a", "a-b", "x" * 65, "a b"])
def test_what_is_no_event_type(kind: str) -> None:
    """It begins with a letter and stays lower case."""
    with pytest.raises(ValidationError):
        TypeAdapter(words.EventType).validate_python(kind)


def test_buckets_are_named_by_their_space() -> None:
    """A space's spilled replies and exports are its own."""
    assert words.spill_bucket("default") == "strato-spill-default"
    assert words.exports_bucket("a-1") == "strato-exports-a-1"


@pytest.mark.parametrize(
    ("union", "tag", "words_of_it"),
    [
        (records.BatchRecord, "kind", words.RecordKind),
        (records.PatchOperation, "op", words.PatchOp),
        (breakpoints.Condition, "kind", words.ConditionKind),
    ],
)
def test_the_words_of_a_union_are_those_of_its_models(
    union: Any, tag: str, words_of_it: Any
) -> None:
    """A model that is added without its word would be named wrongly in errors."""
    models = get_args(get_args(union)[0])
    found = [word for model in models for word in get_args(model.model_fields[tag].annotation)]
    assert sorted(found) == sorted(get_args(words_of_it))
