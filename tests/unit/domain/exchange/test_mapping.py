"""What an import makes of a record."""

from uuid import UUID, uuid5

from stratoscope.domain.exchange.ids import Ids
from stratoscope.domain.exchange.mapping import imported_id, mapped
from stratoscope_contracts.exchange import ORIGIN_KEY
from stratoscope_contracts.words import MAX_METADATA_BYTES
from support.exports import an_id, at, event, snapshot

IMPORT = UUID("0d9a5b10-6a0e-4a8e-9f3c-1b1f0a2c3d4e")
NOTHING = Ids()


def test_an_id_is_made_from_the_import_and_the_id_it_had():
    new = mapped(IMPORT, event(0, 1), NOTHING).record
    assert new["id"] == str(uuid5(IMPORT, str(an_id(1))))
    assert imported_id(IMPORT, an_id(1)) != imported_id(an_id(5), an_id(1))


def test_another_spelling_of_an_id_gives_the_same_one():
    shouted = event(0, 1) | {"id": an_id(1).hex.upper()}
    assert mapped(IMPORT, shouted, NOTHING).record["id"] == str(imported_id(IMPORT, an_id(1)))


def test_causes_within_the_export_are_mapped_and_others_stay():
    exported = Ids()
    exported.add(an_id(1))
    causes = [str(an_id(1)), str(an_id(2))]
    new = mapped(IMPORT, event(1, 3, causes=causes), exported).record
    assert new["causes"] == [str(imported_id(IMPORT, an_id(1))), str(an_id(2))]


def test_an_event_keeps_what_was_recorded_and_loses_where_it_stood():
    patch = [{"op": "add", "path": "/x", "value": None}]
    new = mapped(IMPORT, event(7, 3, data={"n": 0}, patch=patch, traceparent="t"), NOTHING).record
    origin = {"id": str(an_id(3)), "recorded_at": at(3)}
    assert new == {
        "kind": "event",
        "id": str(imported_id(IMPORT, an_id(3))),
        "type": "state_change",
        "occurred_at": at(3),
        "data": {"n": 0},
        "patch": patch,
        "metadata": {ORIGIN_KEY: origin},
    }


def test_a_snapshot_keeps_its_state_be_it_empty_and_what_describes_it():
    new = mapped(IMPORT, snapshot(0, 1, {}, memory_usage=7, label="x"), NOTHING).record
    assert (new["state"], new["memory_usage"], new["label"]) == ({}, 7, "x")
    assert "type" not in new


def test_a_base_gets_an_id_and_says_that_it_had_none():
    base = snapshot(-1, 1, {"n": 1}, base=True) | {"id": None}
    new = mapped(IMPORT, base, NOTHING).record
    assert new["id"] == str(uuid5(IMPORT, "base"))
    assert new["metadata"][ORIGIN_KEY]["id"] is None


def test_what_was_imported_before_keeps_its_origin():
    first = mapped(IMPORT, event(0, 1, metadata={"m": 1}), NOTHING).record
    again = event(0, 50) | {"metadata": first["metadata"]}
    assert mapped(an_id(9), again, NOTHING).record["metadata"] == first["metadata"]


def test_what_only_looks_like_an_origin_is_replaced():
    for strange in (1, {}, {"id": 1, "recorded_at": at(1)}, {"id": "x"}):
        new = mapped(IMPORT, event(0, 1, metadata={ORIGIN_KEY: strange}), NOTHING)
        assert new.record["metadata"] == {ORIGIN_KEY: {"id": str(an_id(1)), "recorded_at": at(1)}}


def test_metadata_without_room_for_the_origin_stays_as_it_is():
    for size, has_origin in ((MAX_METADATA_BYTES - 200, True), (MAX_METADATA_BYTES - 50, False)):
        metadata = {"m": "x" * size}
        new = mapped(IMPORT, event(0, 1, metadata=metadata), NOTHING)
        assert new.has_origin is has_origin
        assert (new.record["metadata"] == metadata) is not has_origin
