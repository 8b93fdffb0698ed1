"""A comparison as the contract spells it."""

from collections.abc import Iterable
from typing import Any

import orjson

from stratoscope.domain.canonical import canonical
from stratoscope.domain.compare import Difference, diff_exactly, to_json_patch
from stratoscope.domain.comparison.summing import Summary
from stratoscope.domain.paths import MISSING, format

Json = dict[str, Any]


def changes(differences: Iterable[Difference]) -> list[Json]:
    """Changes, each without the side that is not there."""
    return [
        {"path": format(one.path), "op": one.op}
        | {
            side: orjson.Fragment(canonical(value))
            for side, value in (("old", one.old), ("new", one.new))
            if value is not MISSING
        }
        for one in differences
    ]


def summarized(found: Summary) -> Json:
    """CompareSummary."""
    return {
        "total_changes": found.total_changes,
        "additions": found.additions,
        "modifications": found.modifications,
        "removals": found.removals,
        "similarity_score": found.similarity_score,
        "change_categories": dict(found.change_categories),
    }


def json_patch(old: object, new: object) -> list[Json]:
    """RFC 6902 operations after which the old document is the new one to the letter."""
    return to_json_patch(diff_exactly(old, new))
