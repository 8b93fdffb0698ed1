"""How the doctor grades what it sees."""

from datetime import UTC, datetime, timedelta

import pytest

from stratoscope.admin.doctor.broker import log_room
from stratoscope.admin.doctor.buckets import bucket_check
from stratoscope.admin.doctor.checks import Check, Diagnosis, graded
from stratoscope.admin.doctor.database import disk, migrated
from stratoscope.admin.doctor.services import clock_check
from stratoscope.store.doctor import Missing

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_only_what_fails_makes_a_deployment_unhealthy() -> None:
    fine = [Check("a", "ok", ""), Check("b", "warn", "", "do"), Check("c", "skip", "")]
    assert Diagnosis(fine).is_healthy
    assert not Diagnosis([*fine, Check("d", "fail", "", "do")]).is_healthy


@pytest.mark.parametrize(("value", "status"), [(0, "ok"), (1, "warn"), (2, "fail")])
def test_a_number_is_graded_by_its_limits(value: float, status: str) -> None:
    check = graded("a", value, 1, 2, "so much", "do")
    assert (check.status, bool(check.advice)) == (status, status != "ok")


@pytest.mark.parametrize(
    ("seconds", "status"), [(0, "ok"), (0.4, "ok"), (2, "warn"), (-2, "warn"), (100, "fail")]
)
def test_a_clock_agrees_that_says_a_time_between_the_question_and_the_answer(
    seconds: float, status: str
) -> None:
    said = NOON + timedelta(seconds=seconds)
    assert clock_check("a", NOON, said, NOON + timedelta(seconds=0.5)).status == status


@pytest.mark.parametrize(
    ("used", "limit", "status"),
    [(10, None, "ok"), (10, -1, "ok"), (10, 100, "ok"), (80, 100, "warn"), (99, 100, "fail")],
)
def test_a_log_that_is_nearly_full_is_told(used: int, limit: int | None, status: str) -> None:
    assert log_room(used, limit).status == status


@pytest.mark.parametrize(
    ("missing", "unknown", "status"),
    [((), (), "ok"), (("0002 x",), (), "fail"), ((), (9,), "warn"), (("0002 x",), (9,), "fail")],
)
def test_a_schema_is_as_this_version_needs_it(
    missing: tuple[str, ...], unknown: tuple[int, ...], status: str
) -> None:
    assert migrated(Missing("strato", missing, unknown)).status == status


@pytest.mark.parametrize(
    ("used", "max_bytes", "max_age", "status"),
    [
        (10, 100, 3600.0, "ok"),
        (85, 100, 3600.0, "warn"),
        (100, 100, 3600.0, "warn"),
        (10, -1, 3600.0, "warn"),
        (10, None, 3600.0, "warn"),
        (10, 100, 0.0, "warn"),
        (10, 100, None, "warn"),
    ],
)
def test_a_bucket_without_bounds_or_room_is_told(
    used: int, max_bytes: int | None, max_age: float | None, status: str
) -> None:
    found = bucket_check("strato-spill-default", used, max_bytes, max_age)
    assert (found.status, bool(found.advice)) == (status, status != "ok")


def test_a_disk_is_told_before_it_is_full() -> None:
    assert [disk("a", used, 100 - used, "").status for used in (50, 90, 97)] == [
        *("ok", "warn", "fail")
    ]
