"""The spaces that a navigator subscribes to by name while it cuts another one off."""

import re
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Final

from stratoscope.domain.recent_spaces import RecentSpaces
from stratoscope.store.database import DATABASE_ERRORS

# The account of the shipped broker has 4,096 subscriptions for a connection; four of a
# navigator's wildcards can be flooded at once.
SPACES_KEPT: Final = 1000
# What is no name, a wildcard for one, is not subscribed to.
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+\Z")


class SpaceDirectory:
    """The spaces that are subscribed to by name while another one is cut off."""

    def __init__(self, load: Callable[[], Awaitable[Iterable[str]]] | None = None) -> None:
        """Take what loads the spaces of which something was recorded."""
        self._load = load
        self._recent = RecentSpaces(SPACES_KEPT)

    @property
    def spaces(self) -> tuple[str, ...]:
        """The spaces that asked something lately, and of which something was recorded."""
        return self._recent.spaces

    def note(self, space: str) -> None:
        """Keep a space that asked something."""
        if _NAME.match(space):
            self._recent.note(space)

    async def refresh(self) -> None:
        """Load the spaces; without a database those that are known already have to do."""
        if self._load is not None:
            with suppress(*DATABASE_ERRORS):
                self._recent.fill(await self._load())
