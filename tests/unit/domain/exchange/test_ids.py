"""Many ids in little memory behave as a set does."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.exchange.ids import Ids


@given(st.lists(st.uuids() | st.integers(0, 5).map(lambda number: UUID(int=number))))
def test_they_are_a_set(drawn: list[UUID]):
    ids, plain = Ids(), set()
    for one in drawn:
        assert ids.add(one) is (one not in plain)
        plain.add(one)
    assert len(ids) == len(plain)
    assert all(one in ids for one in drawn)
    assert UUID(int=77) not in ids
    assert "no id" not in ids


def test_neighbours_are_not_taken_for_an_id_between_them(monkeypatch):
    # All in one bucket, where the end of one and the beginning of the next are an id, too.
    monkeypatch.setattr("stratoscope.domain.exchange.ids._BUCKETS", 1)
    ids = Ids()
    ids.add(UUID(bytes=bytes(8) + b"\1" * 8))
    ids.add(UUID(bytes=b"\1" * 8 + bytes(8)))
    assert UUID(bytes=b"\1" * 16) not in ids
    assert ids.add(UUID(bytes=b"\1" * 16))
    assert not ids.add(UUID(bytes=b"\1" * 8 + bytes(8)))
