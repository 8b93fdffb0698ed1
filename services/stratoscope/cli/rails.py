"""A graph of causes on a terminal: a line an event, and rails that join causes to effects.

    ●       #0  message_received        in the order of the log; a rail runs down from each cause
    ├─╮     #1  decision_made           to its effects. Where two rails meet in an event, both are
    │ ●     #2  action_execution        its causes.
    ●─╯     #3  error_occurred

It is laid out from the newest event back, each rail being a cause that is still to come, and then
turned round.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

DOT = "●"
# Above the causes that are left out, more than these rails say nothing to anyone.
MAX_RAILS = 24


@dataclass(slots=True)
class _Rails:
    """The causes that are still to come, each in its place; None where a place is free."""

    waiting: list[str | None] = field(default_factory=list)

    def taken_by(self, id_: str) -> list[int]:
        """The places that wait for an event; where none does, one that is free."""
        found = [at for at, other in enumerate(self.waiting) if other == id_]
        return found or [self.free()]

    def free(self, but: Sequence[int] = ()) -> int:
        """A free place, a new one if need be."""
        for at, other in enumerate(self.waiting):
            if other is None and at not in but:
                return at
        self.waiting.append(None)
        return len(self.waiting) - 1


def rails(causes: Mapping[str, Sequence[str]]) -> list[str]:
    """What stands before each event's line; events in the log's order with their causes before."""
    track = _Rails()
    rows = [_row(track, id_, causes[id_]) for id_ in reversed([*causes])]
    return rows[::-1]


def _row(track: _Rails, id_: str, causes: Sequence[str]) -> str:
    own, *ending = track.taken_by(id_)
    for at in (own, *ending):
        track.waiting[at] = None
    joined = [track.waiting.index(cause) for cause in causes if cause in track.waiting]
    opened: list[int] = []
    for cause in (cause for cause in causes if cause not in track.waiting):
        at = track.free(but=ending) if opened else own
        track.waiting[at] = cause
        opened.append(at)
    return _drawn(track, own, ending, joined, opened[1:])


def _drawn(track: _Rails, own: int, ending: list[int], joined: list[int], opened: list[int]) -> str:
    """Turned round: what ended on the way back begins here, and the other way about."""
    marks = dict.fromkeys(ending, "╮") | {at: "╯" if at > own else "╰" for at in opened}
    marks |= {at: "┤" if at > own else "├" for at in joined}
    reach = [own, *marks]
    cells = []
    for at, waits in enumerate(track.waiting):
        inside = min(reach) <= at < max(reach)
        mark = DOT if at == own else marks.get(at)
        if mark is None:
            between = min(reach) < at < max(reach)
            mark = ("┼" if between else "│") if waits else ("─" if between else " ")
        cells.append(mark + ("─" if inside else " "))
    return "".join(cells[:MAX_RAILS]).rstrip()
