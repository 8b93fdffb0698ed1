"""How much of two documents is the same.

A leaf is a scalar or an empty container. It weighs 1, a text 1 more for each eight characters, so
that a page of text counts for more than a flag. With W the weight of all leaves of a document, and
D that of its leaves that the other one does not have at the same place:

    similarity = 1 - (D(old) + D(new)) / (W(old) + W(new))

It is 1 for equal documents and 0 where no leaf is common; the same both ways; and each further
leaf that differs lowers it.
"""

from collections.abc import Iterable
from typing import Any, Final

from stratoscope.domain.compare import Difference
from stratoscope.domain.comparison.reducing import GAP
from stratoscope.domain.paths import MISSING, get

CHARACTERS: Final = 8
_SCALARS: Final = frozenset((int, float, bool, type(None)))


def weight(document: object) -> int:
    """The weight of all leaves."""
    if type(document) in _SCALARS:
        return 1
    total = 0
    left: list[Any] = [document]
    while left:
        value = left.pop()
        if type(value) is str:
            total += 1 + len(value) // CHARACTERS
        elif value and type(value) is dict:
            left.extend(value.values())
        elif value and type(value) is list:
            left.extend(value)
        elif value is not GAP:
            total += 1
    return total


def differing(old: object, new: object, differences: Iterable[Difference]) -> tuple[int, int]:
    """The weights of the leaves of both documents that the other one does not have."""
    gone, came = 0, 0
    filled = set()
    for one in differences:
        if one.old is not MISSING:
            gone += weight(one.old)
        if one.new is not MISSING:
            came += weight(one.new)
        # An empty container is a leaf of its document; of the other it is none, holding something.
        if one.op != "modified":
            empty = get(old if one.op == "added" else new, one.path[:-1])
            if isinstance(empty, dict | list) and not empty:
                filled.add((one.op, one.path[:-1]))
    emptied = sum(op == "removed" for op, _ in filled)
    return gone + len(filled) - emptied, came + emptied


def similarity(whole: int, apart: int) -> float:
    """From the weight of both documents, and of what they do not have in common."""
    if not apart:
        return 1.0
    # What options leave of a document may weigh nothing, and still differ.
    return 0.0 if apart >= whole else 1 - apart / whole
