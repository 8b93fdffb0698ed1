"""What has not come through before can't be taken; what may be is asked for."""

from uuid import UUID, uuid4

from asyncpg.pgproto.pgproto import UUID as Read

from stratoscope.projector.sieve import Sieve


def test_what_came_through_before_is_never_held_back():
    sieve, ids = Sieve(places=1 << 4), [uuid4() for _ in range(100)]
    for id_ in ids:
        sieve.may_be_taken([id_])
    assert sieve.may_be_taken(ids) == ids


def test_what_is_new_is_held_back_and_known_from_then_on():
    sieve, one, two = Sieve(), UUID(int=1), UUID(int=2)
    assert sieve.may_be_taken([one, two]) == []
    assert sieve.may_be_taken([UUID(int=3), two]) == [two]


def test_an_id_is_the_same_whoever_has_read_it():
    """Plain messages have asyncpg's kind of id, all others the standard library's."""
    sieve, id_ = Sieve(), uuid4()
    sieve.may_be_taken([Read(str(id_))])
    assert sieve.may_be_taken([id_]) == [id_]
