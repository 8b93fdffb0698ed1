"""Two documents as they are to be read beside each other: nothing differs that is not told."""

from typing import Any

from stratoscope.domain.canonical import canonical
from stratoscope.domain.compare import diff_exactly
from stratoscope.domain.comparison.numbers import count_as_equal
from stratoscope.domain.comparison.options import Options
from stratoscope.domain.comparison.reducing import told
from stratoscope.domain.equality import equal
from stratoscope.domain.patch import apply
from stratoscope.domain.paths import to_pointer


def readable(old: object, new: object, options: Options) -> tuple[object, object]:
    """Both without gaps; lists sorted where order is nothing, equal numbers spelled the same."""
    if options.reduces:
        old, new = told(old), told(new)
    if options.ignore_order:
        old, new = _ordered(old), _ordered(new)
    settled = [
        {"op": "replace", "path": to_pointer(one.path), "value": one.old}
        for one in diff_exactly(old, new)
        if equal(one.old, one.new) or count_as_equal(one.old, one.new, options)
    ]
    return old, apply(new, settled)


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return sorted(map(_ordered, value), key=canonical)
    return value
