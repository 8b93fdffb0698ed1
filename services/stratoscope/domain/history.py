"""How one field changed from version to version.

What the field index names are candidates; here they are looked at. A version changed a field if
the value at its path differs from the one in the version before, as JSON compares (1 is 1.0); the
first version of all is compared with the empty state.

Between two candidates that follow each other the field stays as it is, to the letter: what only
spells a number anew is a candidate too. So the value before a candidate is the one at the candidate
before it, and of all other versions only the one before the first has to be rebuilt.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from stratoscope.domain.canonical import canonical, decoded
from stratoscope.domain.compare import Op
from stratoscope.domain.equality import equal
from stratoscope.domain.paths import MISSING, Segments, get, resolve

EMPTY_STATE = b"{}"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A version that changed a field; `old` and `new` are canonical JSON, None for nothing."""

    version: int
    op: Op
    old: bytes | None
    new: bytes | None
    # The field as this document has it: a pointer's tokens, resolved to keys and indexes.
    field: Segments = ()


def field_changes(
    raws: Mapping[int, bytes], field: Segments, candidates: Collection[int]
) -> list[FieldChange]:
    """Those of candidates that follow each other which changed a field, oldest first.

    `raws` holds the states of the candidates and of the version before the first. Where that one is
    gone, nobody knows any more what the first one changed.
    """
    changes: list[FieldChange] = []
    before: _Value | None = None
    for version in sorted(candidates):
        if before is None and (version == 0 or version - 1 in raws):
            before = _value(raws.get(version - 1, EMPTY_STATE), field)
        after = _value(raws[version], field)
        if before is not None and not _same(before, after):
            shown = after if after.spelled is not None else before
            changes.append(_change(version, before.spelled, after.spelled, shown.field))
        before = after
    return changes


class _Value(NamedTuple):
    """What stands at a field, and as canonical JSON."""

    value: object
    spelled: bytes | None
    field: Segments


def _value(raw: bytes, field: Segments) -> _Value:
    document = decoded(raw)
    value = get(document, field)
    if value is MISSING:
        return _Value(value, None, field)
    return _Value(value, canonical(value) if field else raw, resolve(document, field))


def _same(before: _Value, after: _Value) -> bool:
    if before.spelled == after.spelled:
        return True
    if before.spelled is None or after.spelled is None:
        return False
    return equal(before.value, after.value)


def _change(version: int, old: bytes | None, new: bytes | None, field: Segments) -> FieldChange:
    op: Op = "added" if old is None else "removed" if new is None else "modified"
    return FieldChange(version, op, old, new, field)
