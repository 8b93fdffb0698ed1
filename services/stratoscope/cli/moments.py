"""How a moment and a step are written on a command line.

12              after event 12; -1 is before the first
latest          after the newest record
2026-11-23T08:00Z, 2026-11-23T09:00:00.5+01:00
                after the last record whose clock is at or before this time
recorded:<time> the same on the broker's clock
event:<id>      after an event
snapshot:<id>   after a snapshot
seq:<n>         after the last record at or before a message of the stream
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from stratoscope.cli.faults import UsageFault
from stratoscope_contracts.sessions import EventsSize, SecondsSize, StepSize
from stratoscope_contracts.views import (
    At,
    AtEvent,
    AtEventIndex,
    AtLatest,
    AtSnapshot,
    AtStreamSeq,
    AtTime,
    Clock,
)

FORMS: Final = (
    "12, -1, latest, 2026-11-23T08:00Z, occurred:<time>, recorded:<time>, event:<id>,"
    " snapshot:<id> or seq:<n>"
)
_INDEX: Final = re.compile(r"-?[0-9]{1,18}")
_SECONDS: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)s")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
LATEST: Final = AtLatest(latest=True)
BEFORE_FIRST: Final = AtEventIndex(event_index=-1)


@dataclass(frozen=True, slots=True)
class EventPlace:
    """An event named by where it stands: the one that a moment of an agent follows."""

    agent: str
    at: At


def moment(text: str) -> At:
    """Read a moment; UsageFault, naming the forms there are, where it is none."""
    if text == "latest":
        return LATEST
    if _INDEX.fullmatch(text):
        return _index(text)
    if _DATE.match(text):
        return AtTime(time=time_of(text))
    name, colon, rest = text.partition(":")
    if colon:
        return _named(name, rest, text)
    if _is_id(text):
        raise UsageFault(f"{text} could be an event or a snapshot", f"write event:{text}")
    raise UsageFault(f"{text!r} is no moment", f"a moment is {FORMS}")


def event_named(text: str) -> UUID | EventPlace:
    """Read an event: its id (`event:` before it is fine), or AGENT:MOMENT."""
    rest = text.removeprefix("event:")
    if _is_id(rest):
        return UUID(rest)
    agent, colon, at = text.partition(":")
    if not (agent and colon and at):
        raise UsageFault(
            f"{text!r} names no event",
            "an event is its id, or AGENT:MOMENT as in explorer-7:12 or explorer-7:latest",
        )
    return EventPlace(agent, moment(at))


def step_size(text: str) -> StepSize:
    """Read how far a step goes: event, snapshot, a number of events, or seconds as in 2.5s."""
    if text == "event":
        return "event"
    if text == "snapshot":
        return "snapshot"
    if text.isascii() and text.isdigit() and 0 < len(text) < 19 and int(text) > 0:
        return EventsSize(events=int(text))
    found = _SECONDS.fullmatch(text)
    if found and float(found[1]) > 0:
        return SecondsSize(seconds=float(found[1]))
    raise UsageFault(
        f"{text!r} is no size of a step",
        "a step goes by event, snapshot, a number of events as in 5, or seconds as in 2.5s",
    )


def _index(text: str) -> At:
    index = int(text)
    if index < -1:
        raise UsageFault(f"{text} is before the beginning", "-1 stands before the first event")
    return AtEventIndex(event_index=index)


def _named(name: str, rest: str, text: str) -> At:
    match name:
        case "event":
            return AtEvent(event_id=_id(rest))
        case "snapshot":
            return AtSnapshot(snapshot_id=_id(rest))
        case "seq":
            return AtStreamSeq(stream_seq=_sequence(rest))
        case "recorded" | "occurred":
            clock: Clock = "recorded" if name == "recorded" else "occurred"
            return AtTime(time=time_of(rest), clock=clock)
        case _:
            raise UsageFault(f"{text!r} is no moment", f"a moment is {FORMS}")


def _sequence(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise UsageFault(f"{text!r} is no sequence of the stream", "write it as in seq:345")
    return int(text)


def _id(text: str) -> UUID:
    if not _is_id(text):
        raise UsageFault(
            f"{text!r} is no id", "an id is a UUID, as in 0198f0e4-7a52-7c31-9f5e-3d6a1b2c4d5e"
        )
    return UUID(text)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def time_of(text: str) -> datetime:
    """Read a time with its offset; UsageFault where it is none."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UsageFault(f"{text!r} is no time", "write it as in 2026-11-23T08:00:00Z") from None
    if time.tzinfo is None:
        raise UsageFault(
            f"{text!r} does not say where on earth it is", f"end it with Z for UTC: {text}Z"
        )
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise UsageFault(f"{text!r} is outside the years 1 to 9999") from None
