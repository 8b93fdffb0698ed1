"""Ids sort by the moment they were made and are never the same."""

from __future__ import annotations

from uuid import RFC_4122, UUID

from stratoscope.recorder.ids import new_id, uuid7


def test_an_id_is_a_uuid_of_version_7() -> None:
    """The example of RFC 9562, appendix A.6."""
    randomness = ((0xCC3 << 64) | 0x18C4DC0C0C07398F).to_bytes(10)
    made = uuid7(0x017F22E279B0, randomness)
    assert made == UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")
    assert (made.version, made.variant) == (7, RFC_4122)


def test_ids_made_later_sort_later_and_none_comes_twice() -> None:
    """To the millisecond; within one they are in no order."""
    assert uuid7(1, b"\xff" * 10) < uuid7(2, bytes(10))
    assert len({new_id() for _ in range(10_000)}) == 10_000
