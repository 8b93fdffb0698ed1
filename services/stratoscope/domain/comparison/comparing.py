"""Two documents set side by side: what differs, and how much of them is the same.

First both are reduced to what options let through, so that whatever is told later (differences,
texts, similarity) is about the same two documents. Then they are compared, in order or, where that
is asked for, by deepdiff without it. Numbers that count as equal are taken out of what was found.
A bound on depth comes last: it decides how a difference is told, not what is one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stratoscope.domain.compare import Difference, diff
from stratoscope.domain.comparison.numbers import count_as_equal
from stratoscope.domain.comparison.options import PLAIN, Options
from stratoscope.domain.comparison.reducing import GAP, reduced, told
from stratoscope.domain.comparison.unordered import unordered
from stratoscope.domain.comparison.weighing import differing, similarity, weight
from stratoscope.domain.paths import MISSING, Missing, Segments, get


@dataclass(frozen=True, slots=True)
class Subject:
    """A document as it is compared, and the weight of its leaves."""

    document: object
    weight: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found; `apart` is the weight of the leaves that are not common."""

    differences: tuple[Difference, ...]
    similarity: float
    apart: int


def subject(document: object, options: Options = PLAIN) -> Subject:
    """A document made ready; one may be compared with several."""
    part = reduced(document, options)
    return Subject(part, weight(part))


def compare(old: Subject, new: Subject, options: Options = PLAIN) -> Comparison:
    """What differs between two subjects that were made ready with the same options.

    Raises TooManyPasses where lists without order are too much.
    """
    found = _found(old.document, new.document, options)
    gone, came = differing(old.document, new.document, found)
    return _comparison(old, new, found, gone + came, options)


def compare_next(
    old: Subject, document: object, options: Options = PLAIN
) -> tuple[Subject, Comparison]:
    """The same with a document that is not made ready yet; which it then is.

    What it weighs follows from what differs, which in a long row saves going through each.
    """
    if not options.is_exact:
        new = subject(document, options)
        return new, compare(old, new, options)
    found = diff(old.document, document)
    gone, came = differing(old.document, document, found)
    new = Subject(document, old.weight - gone + came)
    return new, _comparison(old, new, found, gone + came, options)


def _comparison(
    old: Subject, new: Subject, found: list[Difference], apart: int, options: Options
) -> Comparison:
    if options.max_depth is not None:
        found = _cut(found, old.document, new.document, options.max_depth)
    return Comparison(tuple(found), similarity(old.weight + new.weight, apart), apart)


def difference(path: Segments, old: object, new: object) -> Difference | None:
    """A difference by what stands on its sides; None where nothing stands on either."""
    if old is MISSING:
        return None if new is MISSING else Difference(path, "added", old, new)
    return Difference(path, "removed" if new is MISSING else "modified", old, new)


def _found(old: object, new: object, options: Options) -> list[Difference]:
    found = unordered(old, new, options) if options.ignore_order else diff(old, new)
    if options.threshold or options.digits is not None:
        found = [one for one in found if not count_as_equal(one.old, one.new, options)]
    return list(_without_gaps(found)) if options.reduces else found


def _without_gaps(differences: Iterable[Difference]) -> Iterator[Difference]:
    for one in differences:
        seen = difference(one.path, _seen(one.old), _seen(one.new))
        if seen is not None:
            yield seen


def _seen(value: object) -> object | Missing:
    return MISSING if value is GAP or value is MISSING else told(value)


def _cut(found: Iterable[Difference], old: object, new: object, depth: int) -> list[Difference]:
    """Differences below a depth as one difference of the part at that depth."""
    cut: dict[tuple[Segments, str], Difference] = {}
    for one in found:
        path = one.path[:depth]
        seen = one
        if len(one.path) > depth:
            seen = difference(path, _seen(get(old, path)), _seen(get(new, path))) or one
        cut.setdefault((seen.path, seen.op), seen)
    return list(cut.values())
