"""The navigation history of a session, walked like a browser's.

Places are numbered in the order in which they were gone to. Going back and forward moves the
current number; going anywhere else puts a place behind the current one, and whatever stood ahead
of it is forgotten. Only so many places are remembered: each lies in the slot of its number modulo
their count, so a new one takes the slot of the oldest and nothing has to be cleared away.
"""

from dataclasses import dataclass

from stratoscope_contracts.errors import NavigationOutOfBounds


@dataclass(frozen=True, slots=True)
class Trail:
    """The numbers of the oldest place, of the one that is stood at, and of the newest."""

    first: int = 0
    current: int = 0
    last: int = 0

    def pushed(self, capacity: int) -> "Trail":
        """With a new place behind the current one, of `capacity` places in all."""
        number = self.current + 1
        return Trail(max(self.first, number - capacity + 1), number, number)

    def back(self) -> "Trail":
        """At the place before. Raises NavigationOutOfBounds."""
        return self._at(self.current - 1, "before")

    def forward(self) -> "Trail":
        """At the place after. Raises NavigationOutOfBounds."""
        return self._at(self.current + 1, "after")

    def slots(self, capacity: int) -> list[int]:
        """Where the places lie, oldest first."""
        return [number % capacity for number in range(self.first, self.last + 1)]

    def _at(self, number: int, side: str) -> "Trail":
        if self.first <= number <= self.last:
            return Trail(self.first, number, self.last)
        bounds = {"first": 0, "last": self.last - self.first}
        raise NavigationOutOfBounds(
            f"the navigation history has no place {side} this one",
            {"index": number - self.first, **bounds},
        )
