"""Which ids can't have been taken yet, in a projection that is being filled from its beginning.

All that is in it has come through here, so an id is new while either of its two places in a table
of bytes is still empty, and the database need not be asked. One whose places are taken may be new
all the same, and is asked for: with more records that becomes more of them, and never wrong.
"""

from collections.abc import Iterable
from uuid import UUID

# A million records leave one new id in three hundred to be asked for, ten millions one in five.
PLACES = 1 << 25
_OTHER_BITS = 30


class Sieve:
    """Lets through what may have been seen before."""

    def __init__(self, places: int = PLACES) -> None:
        self._taken = bytearray(places)
        self._last = places - 1

    def may_be_taken(self, ids: Iterable[UUID]) -> list[UUID]:
        """Those that may have been seen before; from now on all of them have been."""
        taken, last = self._taken, self._last
        found = []
        for id_ in ids:
            bits = hash(id_)
            one, other = bits & last, (bits >> _OTHER_BITS) & last
            if taken[one] and taken[other]:
                found.append(id_)
            else:
                taken[one] = taken[other] = 1
        return found
