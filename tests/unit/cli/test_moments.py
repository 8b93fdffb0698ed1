"""What may be written where a command asks for a moment or a step."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from stratoscope.cli.faults import UsageFault
from stratoscope.cli.moments import moment, step_size
from stratoscope_contracts.sessions import EventsSize, SecondsSize
from stratoscope_contracts.views import (
    At,
    AtEvent,
    AtEventIndex,
    AtLatest,
    AtSnapshot,
    AtStreamSeq,
    AtTime,
)

ID = "0198f0e4-7a52-7c31-9f5e-3d6a1b2c4d5e"
EIGHT = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", AtEventIndex(event_index=12)),
        ("0", AtEventIndex(event_index=0)),
        ("-1", AtEventIndex(event_index=-1)),
        ("latest", AtLatest(latest=True)),
        ("2026-11-23T08:00Z", AtTime(time=EIGHT)),
        ("2026-11-23T08:00:00.000Z", AtTime(time=EIGHT)),
        ("2026-11-23 09:00:00+01:00", AtTime(time=EIGHT)),
        ("occurred:2026-11-23T08:00Z", AtTime(time=EIGHT)),
        ("recorded:2026-11-23T08:00Z", AtTime(time=EIGHT, clock="recorded")),
        (f"event:{ID}", AtEvent(event_id=UUID(ID))),
        (f"snapshot:{ID}", AtSnapshot(snapshot_id=UUID(ID))),
        ("seq:345", AtStreamSeq(stream_seq=345)),
    ],
)
def test_a_moment_is_read(text: str, expected: At) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no moment"),
        ("yesterday", "is no moment"),
        ("1.5", "is no moment"),
        ("place:3", "is no moment"),
        ("-2", "before the beginning"),
        ("event:12", "is no id"),
        ("snapshot:", "is no id"),
        ("seq:-1", "is no sequence"),
        ("seq:1e3", "is no sequence"),
        ("2026-13-23T08:00Z", "is no time"),
        ("recorded:noon", "is no time"),
        ("2026-11-23T08:00", "end it with Z"),
        ("2026-11-23", "end it with Z"),
        ("0001-01-01T00:00+14:00", "outside the years"),
        (ID, f"write event:{ID}"),
    ],
)
def test_what_is_no_moment_is_told_with_what_would_be(text: str, said: str) -> None:
    with pytest.raises(UsageFault) as raised:
        moment(text)
    assert said in f"{raised.value.message} {raised.value.hint}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event", "event"),
        ("snapshot", "snapshot"),
        ("5", EventsSize(events=5)),
        ("2.5s", SecondsSize(seconds=2.5)),
        ("10s", SecondsSize(seconds=10)),
    ],
)
def test_the_size_of_a_step_is_read(text: str, expected: object) -> None:
    assert step_size(text) == expected


@pytest.mark.parametrize("text", ["", "0", "-1", "events", "0s", "2.5", "1m", "s", "²", "9" * 30])
def test_what_is_no_size_is_told(text: str) -> None:
    with pytest.raises(UsageFault, match="is no size of a step"):
        step_size(text)
