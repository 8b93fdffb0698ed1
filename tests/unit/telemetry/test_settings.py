"""A setting that does not fit ends a service before it has begun, and the reader knows why."""

import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from stratoscope.navigator.settings import HitRetention
from stratoscope.telemetry.settings import Span


def started(service: str, **environment: str) -> subprocess.CompletedProcess[str]:
    alone = {key: value for key, value in os.environ.items() if not key.startswith("STRATO_")}
    return subprocess.run(
        [sys.executable, "-m", f"stratoscope.{service}"],
        capture_output=True,
        text=True,
        env=alone | environment,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("service", "variable", "value", "takes"),
    [
        ("projector", "STRATO_LEASE_SECONDS", "abc", "valid number"),
        ("projector", "STRATO_LOG_LEVEL", "loud", "debug, info, warning or error"),
        ("navigator", "STRATO_LOG_LEVEL", "loud", "debug, info, warning or error"),
        ("navigator", "STRATO_NAVIGATOR_POOL", "0", "greater than or equal to 1"),
    ],
)
def test_one_line_names_the_variable_and_what_it_takes(
    service: str, variable: str, value: str, takes: str
) -> None:
    done = started(service, **{variable: value})
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    said = json.loads(line)["error"]
    assert said.startswith(f"{variable}: ")
    assert takes in said


def test_every_setting_that_does_not_fit_has_a_line() -> None:
    done = started("projector", STRATO_LEASE_SECONDS="0", STRATO_HTTP_PORT="x")
    said = [json.loads(line)["error"].partition(":")[0] for line in done.stderr.splitlines()]
    assert sorted(said) == ["STRATO_HTTP_PORT", "STRATO_LEASE_SECONDS"]


def test_a_level_may_be_written_in_capitals() -> None:
    done = started("projector", STRATO_LOG_LEVEL="WARNING", STRATO_HTTP_PORT="x")
    assert "STRATO_LOG_LEVEL" not in done.stderr


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("90", timedelta(seconds=90)),
        ("0.5s", timedelta(seconds=0.5)),
        ("90m", timedelta(minutes=90)),
        (" 12 h ", timedelta(hours=12)),
        ("30d", timedelta(days=30)),
        ("4w", timedelta(weeks=4)),
    ],
)
def test_a_span_of_time_is_seconds_or_has_its_unit(said: str, meant: timedelta) -> None:
    assert TypeAdapter[timedelta](Span).validate_python(said) == meant


@pytest.mark.parametrize("said", ["", "never", "-1d", "1y", "9" * 30 + "w"])
def test_what_is_no_span_of_time_is_refused(said: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter[timedelta](Span).validate_python(said)


def test_hits_are_kept_for_an_hour_at_least() -> None:
    """Younger ones may be found again."""
    assert HitRetention().max_hit_age == timedelta(days=7)
    assert HitRetention(max_hit_age=timedelta(hours=1)).max_hit_age == timedelta(hours=1)
    for bad in (timedelta(minutes=59), timedelta(days=36_501)):
        with pytest.raises(ValidationError):
            HitRetention(max_hit_age=bad)
