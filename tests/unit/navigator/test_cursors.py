"""Cursors come back only to the request that they were given for."""

import pytest

from stratoscope.navigator import cursors
from stratoscope_contracts.errors import BadRequest
from stratoscope_contracts.looking import AgentsListRequest, EventsListRequest


def asked(**fields) -> EventsListRequest:
    return EventsListRequest(agent="walker", **fields)


def test_a_cursor_gives_its_key_back():
    cursor = cursors.spell(asked(limit=5), 41)
    assert cursors.number_in(asked(cursor=cursor, limit=9, wait_for=3)) == 41
    cursor = cursors.spell(AgentsListRequest(prefix="a"), "agent-1")
    assert cursors.name_in(AgentsListRequest(prefix="a", cursor=cursor)) == "agent-1"


def test_without_a_cursor_there_is_no_key():
    assert cursors.number_in(asked()) is None
    assert cursors.name_in(AgentsListRequest()) is None


def test_a_cursor_of_another_request_is_refused():
    cursor = cursors.spell(asked(), 41)
    with pytest.raises(BadRequest):
        cursors.number_in(asked(cursor=cursor, direction="backward"))
    with pytest.raises(BadRequest):
        cursors.name_in(AgentsListRequest(cursor=cursor))


@pytest.mark.parametrize("key", [2**63, 2**64 - 1])
def test_a_number_that_no_column_holds_is_refused(key: int):
    """Whoever carries a cursor can write one: the database's driver raised for it."""
    assert cursors.number_in(asked(cursor=cursors.spell(asked(), 2**63 - 1))) == 2**63 - 1
    with pytest.raises(BadRequest):
        cursors.number_in(asked(cursor=cursors.spell(asked(), key)))
    for place in ([key, 0], [0, 2**31], [True, 0], [0]):
        with pytest.raises(BadRequest):
            cursors.place_in(asked(cursor=cursors.spell(asked(), place)))


@pytest.mark.parametrize("key", ["41", True, 1.5, None, [1]])
def test_a_key_of_another_kind_is_refused(key):
    cursor = cursors.spell(asked(), key)
    if key is None:
        assert cursors.number_in(asked(cursor=cursor)) is None
        return
    with pytest.raises(BadRequest):
        cursors.number_in(asked(cursor=cursor))


@pytest.mark.parametrize("name", [41, "", "a b", "a\0", "x" * 129])
def test_a_name_that_no_agent_has_is_refused(name):
    cursor = cursors.spell(AgentsListRequest(), name)
    with pytest.raises(BadRequest):
        cursors.name_in(AgentsListRequest(cursor=cursor))
