"""What a row of comparisons has in common, each of one snapshot with the next."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from stratoscope.domain.comparison.anomalies import Compared, anomalies
from stratoscope.domain.comparison.trend import trend
from stratoscope.domain.paths import Segments, format

Json = dict[str, Any]
VOLATILE: Final = 100
# Of one comparison; a state that is replaced whole has more paths than anybody looks at.
PATHS: Final = 256


def patterns(compared: Sequence[Compared], seconds: float) -> Json:
    """ComparePatternsReply, with the index of a comparison in place of an anomaly's positions."""
    volatile = Counter(path for one in compared for path in one.paths)
    names = compared[0].categories if compared else {}
    return {
        "comparisons": len(compared),
        "volatile_fields": sorted(volatile.items(), key=lambda item: (-item[1], item[0]))[
            :VOLATILE
        ],
        "category_trends": {
            name: _trend([one.categories[name] for one in compared]) for name in names
        },
        "similarity_trend": _trend([one.similarity for one in compared]),
        "change_frequency": _frequency(compared, seconds),
        "anomalies": [asdict(one) for one in anomalies(compared)],
    }


def general(path: Segments) -> str:
    """A path with `*` in place of each index."""
    text = ""
    for segment in path:
        named = "[*]" if isinstance(segment, int) else format((segment,))
        text += f".{named}" if text and not named.startswith("[") else named
    return text


def _trend(values: Sequence[float]) -> Json:
    return asdict(trend(values)) | {"values": values}


def _frequency(compared: Sequence[Compared], seconds: float) -> Json:
    totals: Counter[str] = Counter()
    for one in compared:
        totals.update(one.categories)
    changes = sum(one.changes for one in compared)
    minutes = seconds / 60
    return {
        "changes": changes,
        "seconds": seconds,
        "per_minute": changes / minutes if minutes else None,
        "by_category": {name: total / minutes for name, total in totals.items()} if minutes else {},
    }
