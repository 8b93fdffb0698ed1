"""Differences where the order of lists does not matter, as deepdiff finds them.

deepdiff pairs what is left of two lists by likeness, which takes long: nothing here is for the
event loop. It is given documents in which nothing can be mistaken. Numbers that count as equal are
equal, truth values are texts, and an element that a list has again stands in a box with a number,
since deepdiff counts what is equal as one. A text with NUL can't be recorded, so it marks them.
"""

import gc
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import orjson

from stratoscope.domain.compare import Difference, Op
from stratoscope.domain.comparison.numbers import rounded, whole
from stratoscope.domain.comparison.options import Options
from stratoscope.domain.comparison.reducing import GAP
from stratoscope.domain.paths import MISSING, Segments, get

MAX_DIFFS: Final = 5_000_000
MAX_PASSES: Final = 100_000
_VALUE: Final = "\0value"
_AGAIN: Final = "\0again"
_GAP: Final = "\0gap"
_TRUTHS: Final = {True: "\0true", False: "\0false"}


class TooManyPasses(Exception):
    """deepdiff gave up pairing, so what it found is not all."""


def unordered(old: object, new: object, options: Options) -> list[Difference]:
    """The differences between two documents whose lists have no order. Raises TooManyPasses.

    A path leads through the old document, or through the new one to what only that one has.
    """
    # It takes longer to import than most comparisons take.
    from deepdiff import DeepDiff

    with _nothing_collected():
        tree = DeepDiff(
            _prepared(old, options.digits)[0],
            _prepared(new, options.digits)[0],
            ignore_order=True,
            report_repetition=True,
            ignore_private_variables=False,
            # By default lists with little in common are not paired at all, and objects neither.
            cutoff_intersection_for_pairs=1,
            cutoff_distance_for_pairs=0.5,
            threshold_to_diff_deeper=0,
            cache_size=5_000,
            max_diffs=MAX_DIFFS,
            max_passes=MAX_PASSES,
            view="tree",
        )
    stats = tree.get_stats()  # type: ignore[no-untyped-call]  # deepdiff types most, not this
    if stats["MAX PASS LIMIT REACHED"] or stats["MAX DIFF LIMIT REACHED"]:
        raise TooManyPasses
    places = {_place(level) for levels in tree.values() for level in levels}
    boxes = [place for place in places if place.is_box]
    olds, news = {box.old for box in boxes}, {box.new for box in boxes}
    return sorted(
        (place.difference(old, new) for place in places if not place.is_below(olds, news)),
        key=_order,
    )


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Python's collector waits: deepdiff's cache (cachebox 5.2) waits for itself if it looks in."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where two documents differ, by the paths through both."""

    old: Segments
    new: Segments
    op: Op
    is_box: bool

    def is_below(self, olds: Collection[Segments], news: Collection[Segments]) -> bool:
        """Whether it is told already, as a difference of the element above it."""
        # What was added has a path through the new document only.
        path, boxes = (self.new, news) if self.op == "added" else (self.old, olds)
        return any(path[:length] in boxes for length in range(len(path) + (not self.is_box)))

    def difference(self, old: object, new: object) -> Difference:
        """With what stands there."""
        return Difference(
            self.new if self.op == "added" else self.old,
            self.op,
            MISSING if self.op == "added" else get(old, self.old),
            MISSING if self.op == "removed" else get(new, self.new),
        )


def _place(level: Any) -> _Place:
    from deepdiff.helper import notpresent

    old, new = (level.path(output_format="list", use_t2=side) for side in (False, True))
    op: Op = "added" if level.t1 is notpresent else "modified"
    op = "removed" if level.t2 is notpresent else op
    # A box that met something else makes its whole element another.
    ends = [at for path in (old, new) for at, segment in enumerate(path) if segment == _AGAIN]
    if op != "modified" and old[-1] == _VALUE:
        ends.append(len(old) - 1)
    if ends:
        return _Place(_unboxed(old[: min(ends)]), _unboxed(new[: min(ends)]), "modified", True)
    return _Place(_unboxed(old), _unboxed(new), op, False)


def _unboxed(path: Iterable[Any]) -> Segments:
    return tuple(segment for segment in path if segment != _VALUE)


def _order(difference: Difference) -> tuple[object, str]:
    # Elements that stand at one index may be of different kinds, and so the paths below them.
    return tuple((isinstance(each, str), each) for each in difference.path), difference.op


def _prepared(value: Any, digits: int | None) -> tuple[Any, bytes]:
    """What deepdiff is given for a value, and a key that all have that are equal to it."""
    if isinstance(value, dict):
        inside = {key: _prepared(each, digits) for key, each in sorted(value.items())}
        members = (orjson.dumps(key) + b":" + each for key, (_, each) in inside.items())
        return {key: each for key, (each, _) in inside.items()}, b"{%b}" % b",".join(members)
    if isinstance(value, list):
        elements = [_prepared(each, digits) for each in value]
        key = b"[%b]" % b",".join(sorted(key for _, key in elements))
        return list(_boxed(elements)), key
    scalar = _scalar(value, digits)
    return scalar, orjson.dumps(scalar)


def _boxed(elements: Iterable[tuple[Any, bytes]]) -> Iterator[Any]:
    seen: Counter[bytes] = Counter()
    for value, key in elements:
        yield {_AGAIN: seen[key], _VALUE: value} if seen[key] else value
        seen[key] += 1


def _scalar(value: Any, digits: int | None) -> Any:
    if value is GAP:
        return _GAP
    if isinstance(value, bool):
        return _TRUTHS[value]
    if isinstance(value, float):
        number = float(rounded(value, digits)) if digits is not None else value
        return whole(number)
    return value
