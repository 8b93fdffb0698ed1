"""A graph of causes on a terminal: a line an event, and rails that join causes to effects.

    ●      #0  message_received     in the order of the log; a rail runs down from each cause to its
    ├─●    #1  action_execution     last effect, and others turn off it on the way. Where a second
    ● │    #2  action_execution     rail meets an event, that is a cause of it too.
    ●─╯    #3  decision_made

It is laid out from the newest event back, each rail being a cause that is still to come.
"""

from collections.abc import Mapping, Sequence

DOT = "●"
# More rails than these say nothing to anyone.
MAX_RAILS = 24


def rails(causes: Mapping[str, Sequence[str]]) -> list[str]:
    """What stands before each event's line; events in the log's order with their causes before."""
    waiting: list[str | None] = []
    rows = [_row(waiting, id_, causes[id_]) for id_ in reversed([*causes])]
    return rows[::-1]


def _row(waiting: list[str | None], id_: str, causes: Sequence[str]) -> str:
    own = waiting.index(id_) if id_ in waiting else _free(waiting)
    waiting[own] = None
    joined = [waiting.index(cause) for cause in causes if cause in waiting]
    opened: list[int] = []
    for cause in (cause for cause in causes if cause not in waiting):
        at = _free(waiting) if opened else own
        waiting[at] = cause
        opened.append(at)
    return _drawn(waiting, own, joined, opened[1:])


def _free(waiting: list[str | None]) -> int:
    """A place for another rail."""
    if None not in waiting:
        waiting.append(None)
    return waiting.index(None)


def _drawn(
    waiting: Sequence[str | None], own: int, joined: Sequence[int], opened: Sequence[int]
) -> str:
    marks = {at: "╯" if at > own else "╰" for at in opened}
    marks |= {at: "┤" if at > own else "├" for at in joined}
    first, last = min(own, *marks, own), max(own, *marks, own)
    cells = []
    for at, waits in enumerate(waiting):
        between = first < at < last
        mark = ("┼" if between else "│") if waits else ("─" if between else " ")
        mark = DOT if at == own else marks.get(at, mark)
        cells.append(mark + ("─" if first <= at < last else " "))
    return "".join(cells)[:MAX_RAILS].rstrip()
