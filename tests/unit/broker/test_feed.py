"""What the services tell each other is read as it was told."""

from uuid import UUID

import pytest
from asyncpg.pgproto.pgproto import UUID as DatabaseUUID

from stratoscope.broker import feed

ID = "0195a3c0-7e10-7041-8a2b-3c4d5e6f0041"


def told(id_: object) -> feed.Committed:
    agent = feed.Recorded(7, "default", "a", None, -1, events=[(3, 0, id_)])
    return feed.Committed("strato_p1", 9, {4: 8}, [agent], {1: "tried"})


@pytest.mark.parametrize("id_", [UUID(ID), DatabaseUUID(ID)])
def test_ids_are_told_wherever_they_come_from(id_: UUID) -> None:
    """Those of the database are of a class of their own."""
    found = feed.decode_committed(feed.encode(told(id_)))
    assert found is not None
    assert found.agents[0].events == [[3, 0, ID]]
    assert (found.through, found.after, found.types) == (9, {4: 8}, {1: "tried"})


def test_what_has_no_spelling_is_not_told() -> None:
    with pytest.raises(TypeError):
        feed.encode(told(object()))


def test_what_is_no_news_is_passed_over() -> None:
    for body in (b"", b"{}", b"[]", b'{"schema":1}', b"\xff"):
        assert feed.decode(body) is None
        assert feed.decode_watched(body) is None
        assert feed.decode_committed(body) is None
