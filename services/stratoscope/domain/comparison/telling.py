"""A comparison as the contract spells it."""

from collections.abc import Iterable
from typing import Any

import orjson

from stratoscope.domain.compare import Difference, diff_exactly, to_json_patch
from stratoscope.domain.comparison.summing import Summary
from stratoscope.domain.paths import MISSING, format

Json = dict[str, Any]


def changes(differences: Iterable[Difference]) -> list[Json]:
    """Changes, each without the side that is not there."""
    return list(map(_change, differences))


def spelled(document: Any) -> bytes:
    """The JSON of what is told; the values in it are canonical."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def _change(one: Difference) -> Json:
    told: Json = {"path": format(one.path), "op": one.op}
    if one.old is not MISSING:
        told["old"] = one.old
    if one.new is not MISSING:
        told["new"] = one.new
    return told


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
