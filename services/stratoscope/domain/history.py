"""How one field changed from version to version.

What the field index names are candidates; here they are looked at. A version changed a field if
the value at its path differs from the one in the version before, as JSON compares (1 is 1.0); the
first version of all is compared with the empty state.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stratoscope.domain.canonical import canonical, decoded
from stratoscope.domain.compare import Op
from stratoscope.domain.equality import equal
from stratoscope.domain.paths import MISSING, Segments, get

EMPTY_STATE = b"{}"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A version that changed a field; `old` and `new` are canonical JSON, None for nothing."""

    version: int
    op: Op
    old: bytes | None
    new: bytes | None


def field_changes(
    raws: Mapping[int, bytes], field: Segments, candidates: Iterable[int]
) -> list[FieldChange]:
    """Those candidates that changed a field, with what they made of it.

    `raws` holds the canonical states of the candidates and of the versions before them.
    """
    values: dict[int, Any] = {}
    changes: list[FieldChange] = []
    for version in candidates:
        if raws.get(version) == raws.get(version - 1):
            continue
        change = _change(
            version, _value(raws, values, version - 1, field), _value(raws, values, version, field)
        )
        if change is not None:
            changes.append(change)
    return changes


def _value(raws: Mapping[int, bytes], values: dict[int, Any], version: int, field: Segments) -> Any:
    if version not in values:
        raw = raws[version] if version >= 0 else EMPTY_STATE
        values[version] = get(decoded(raw), field)
    return values[version]


def _change(version: int, old: Any, new: Any) -> FieldChange | None:
    if old is MISSING:
        return None if new is MISSING else FieldChange(version, "added", None, canonical(new))
    if new is MISSING:
        return FieldChange(version, "removed", canonical(old), None)
    if equal(old, new):
        return None
    return FieldChange(version, "modified", canonical(old), canonical(new))
