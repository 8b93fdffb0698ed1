"""The spaces that were seen last, a bounded number of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable


class RecentSpaces:
    """At most `most` spaces; one that is over evicts the one that was noted longest ago."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._spaces: OrderedDict[str, None] = OrderedDict()

    @property
    def spaces(self) -> tuple[str, ...]:
        """The spaces, the latest one last."""
        return tuple(self._spaces)

    def note(self, space: str) -> None:
        """Make a space the latest one."""
        self._spaces[space] = None
        self._spaces.move_to_end(space)
        if len(self._spaces) > self._most:
            self._spaces.popitem(last=False)

    def fill(self, spaces: Iterable[str]) -> None:
        """Add spaces as long as there is room."""
        for space in spaces:
            if len(self._spaces) >= self._most:
                return
            self._spaces.setdefault(space, None)
