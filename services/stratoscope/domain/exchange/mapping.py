"""What an import makes of a record: a new one with a new id, that says where it comes from.

The id is made from the import's and the record's own, so sending the same import again gives the
same records. Causes within the export are mapped alike; a cause outside of it is left as it is,
since it names an event that the space may know, or may come to know. Times stay.

The metadata says the record's first id and when it was first recorded. A record that was imported
before keeps what it says already: what was recorded is the origin, not what was made of it since.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from stratoscope.domain.canonical import canonical
from stratoscope_contracts.exchange import ORIGIN_KEY
from stratoscope_contracts.words import MAX_METADATA_BYTES

Json = dict[str, Any]
_BASE = "base"
_KEPT = {
    "event": ("kind", "type", "occurred_at", "data", "patch", "gap"),
    "snapshot": ("kind", "occurred_at", "state", "memory_usage", "label"),
}


def imported_id(import_id: UUID, id_: UUID | None) -> UUID:
    """The new id of a record; a base, which has none, gets one too."""
    return uuid5(import_id, _BASE if id_ is None else str(id_))


@dataclass(frozen=True, slots=True)
class Mapped:
    """A record as it is recorded anew; `has_origin` is false where its metadata had no room."""

    record: Json
    has_origin: bool


def mapped(import_id: UUID, record: Mapping[str, Any], exported: Container[UUID]) -> Mapped:
    """The new record for one of an export that was found to be whole."""
    id_ = _id(record.get("id"))
    new: Json = {name: record[name] for name in _KEPT[record["kind"]] if record.get(name)}
    new["id"] = str(imported_id(import_id, id_))
    if "state" in record:
        new["state"] = record["state"]
    if record.get("causes"):
        new["causes"] = [_cause(import_id, UUID(one), exported) for one in record["causes"]]
    metadata: Json = record.get("metadata") or {}
    marked = metadata | {ORIGIN_KEY: _origin(metadata, id_, record["recorded_at"])}
    has_origin = len(canonical(marked)) <= MAX_METADATA_BYTES
    new["metadata"] = marked if has_origin else metadata
    return Mapped(new, has_origin)


def _cause(import_id: UUID, cause: UUID, exported: Container[UUID]) -> str:
    return str(imported_id(import_id, cause) if cause in exported else cause)


def _origin(metadata: Json, id_: UUID | None, recorded_at: str) -> Json:
    match metadata.get(ORIGIN_KEY):
        case {"id": str() | None as id_before, "recorded_at": str() as recorded_before}:
            return {"id": id_before, "recorded_at": recorded_before}
        case _:
            return {"id": None if id_ is None else str(id_), "recorded_at": recorded_at}


def _id(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
