"""How much two documents differ, in figures.

Each difference counts in exactly one category: the first of the user's own whose patterns cover its
path, else the first that fits of `metadata`, where a key of its path is `metadata`; `size`, where a
list has an element more or less; `structural`, where an object has a member more or less or a
container stands on either side; `type`, where a scalar became one of another type (null, boolean,
number, string); `value` for the rest.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from stratoscope.domain.compare import Difference
from stratoscope.domain.comparison.comparing import Comparison
from stratoscope.domain.comparison.options import CATEGORIES, PLAIN, Options
from stratoscope.domain.comparison.reducing import json_type

_CONTAINERS = ("object", "array")


@dataclass(frozen=True, slots=True)
class Summary:
    """Differences, counted; each category has its count, be it 0."""

    total_changes: int
    additions: int
    modifications: int
    removals: int
    similarity_score: float
    change_categories: Mapping[str, int]


def summary(found: Comparison, options: Options = PLAIN) -> Summary:
    """Counts what a comparison found."""
    ops = Counter(one.op for one in found.differences)
    categories = Counter(category(one, options) for one in found.differences)
    own = dict.fromkeys(name for name, _ in options.categories)
    return Summary(
        total_changes=len(found.differences),
        additions=ops["added"],
        modifications=ops["modified"],
        removals=ops["removed"],
        similarity_score=found.similarity,
        change_categories={name: categories[name] for name in (own | dict.fromkeys(CATEGORIES))},
    )


def category(difference: Difference, options: Options = PLAIN) -> str:
    """The one category in which a difference counts."""
    for name, places in options.categories:
        if places.cover(difference.path):
            return name
    if "metadata" in difference.path:
        return "metadata"
    if difference.op != "modified":
        return "size" if isinstance(difference.path[-1], int) else "structural"
    old, new = json_type(difference.old), json_type(difference.new)
    if old in _CONTAINERS or new in _CONTAINERS:
        return "structural"
    return "value" if old == new else "type"
