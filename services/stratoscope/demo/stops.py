"""The stops of the tour, as values: what is told, and which commands show it.

The numbers of events are found in what was recorded, so that the agent's script may change without
the tour telling of the wrong ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stratoscope_contracts.views import Event


@dataclass(frozen=True, slots=True)
class Shown:
    """Words, and the command that shows what they speak of."""

    words: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """One place to look from."""

    heading: str
    shown: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Where in the timeline the story happens, by event index."""

    agent: str
    wh_read: int
    slip: int
    stored: int
    computed: int
    failure: int


def landmarks(agent: str, timeline: Sequence[Event]) -> Landmarks:
    """Find the story in a recorded run."""
    stored = _first(timeline, lambda event: _result_of(event, "store_usage") is not None)
    before = [event for event in timeline if event.event_index < stored]
    return Landmarks(
        agent=agent,
        wh_read=_first(timeline, _reads_south),
        slip=max(event.event_index for event in before if event.type == "decision_made"),
        stored=stored,
        computed=_first(timeline, lambda event: _result_of(event, "compute_costs") is not None),
        failure=_first(timeline, lambda event: event.type == "error_occurred"),
    )


def stops(at: Landmarks) -> tuple[Stop, ...]:
    """The tour through a run."""
    return (
        _timeline(at),
        _state(at),
        _steps(at),
        _changes(at),
        _causes(at),
    )


def _timeline(at: Landmarks) -> Stop:
    words = (
        f"The run as it was recorded: what was asked, decided, done, and what came of it. It ends"
        f" with the failure at event {at.failure}."
    )
    return Stop("1  The timeline", (Shown(words, ("events", at.agent)),))


def _state(at: Landmarks) -> Stop:
    return Stop(
        "2  The state at an event",
        (
            Shown(
                "Any moment of the run can be stood at. When the invoice was refused, the agent's"
                " budget was far overdrawn:",
                ("state", at.agent, "--at", str(at.failure), "--path", "budget"),
            ),
            Shown(
                "And this is what it believed its customer had used:",
                ("state", at.agent, "--at", str(at.failure), "--path", "usage"),
            ),
        ),
    )


def _steps(at: Landmarks) -> Stop:
    return Stop(
        "3  Steps, both ways",
        (
            Shown(
                f"The usage came into the state at event {at.stored}. A step onto it, from the"
                " event before:",
                ("step", at.agent, "--from", str(at.stored - 1)),
            ),
            Shown(
                "And a step back. Nothing is executed again; looking changes nothing:",
                ("step", at.agent, "--from", str(at.stored), "--back"),
            ),
        ),
    )


def _changes(at: Landmarks) -> Stop:
    words = (
        f"All that changed from the decision at event {at.slip} to the computed costs at event"
        f" {at.computed}:"
    )
    command = ("diff", at.agent, str(at.slip), str(at.computed))
    return Stop("4  What changed between two moments", (Shown(words, command),))


def _causes(at: Landmarks) -> Stop:
    return Stop(
        "5  Why it failed",
        (
            Shown(
                "The events that caused the failure, from the question that began the run. They"
                f" lead through event {at.wh_read}, where the south meter was read:",
                ("why", f"{at.agent}:{at.failure}"),
            ),
            Shown(
                f"Event {at.slip} decided to store what the south meter said as kWh. What it had"
                f" said, at event {at.wh_read}, was in Wh: there is the bug, {at.failure - at.slip}"
                " events before its error.",
                ("state", at.agent, "--at", str(at.slip), "--path", "readings.south"),
            ),
        ),
    )


def _first(timeline: Sequence[Event], holds: Callable[[Event], bool]) -> int:
    return next(event.event_index for event in timeline if holds(event))


def _result_of(event: Event, tool: str) -> dict[str, Any] | None:
    if event.type != "state_change" or event.data.get("name") != tool:
        return None
    result = event.data.get("result")
    return result if isinstance(result, dict) else None


def _reads_south(event: Event) -> bool:
    result = _result_of(event, "read_meter")
    return result is not None and "south" in result.get("readings", {})
