"""Which ids can't have been taken yet, in a projection that is being filled from its beginning.

All that is in it has come through here, so an id whose place in a table of bytes is still empty is
new, and the database need not be asked. One whose place is taken may be new all the same, and is
asked for: with more records that becomes more of them, and never wrong.
"""

from collections.abc import Iterable
from uuid import UUID

PLACES = 1 << 25


class Sieve:
    """Lets through what may have been seen before."""

    def __init__(self, places: int = PLACES) -> None:
        self._taken = bytearray(places)
        self._last = places - 1

    def may_be_taken(self, ids: Iterable[UUID]) -> list[UUID]:
        """Those that may have been seen before, each of them once taken."""
        taken, last = self._taken, self._last
        found = []
        for id_ in ids:
            place = hash(id_) & last
            if taken[place]:
                found.append(id_)
            else:
                taken[place] = 1
        return found
