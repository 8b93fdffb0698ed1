"""A cache that spaces share, in which no space evicts what another one keeps."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

V = TypeVar("V")


class FairCache(Generic[V]):
    """At most `most` values of all groups; a value over that evicts the oldest of the largest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._groups: dict[str, OrderedDict[str, V]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def get(self, group: str, key: str) -> V | None:
        """The value of a key, which is its group's newest from here on; None without one."""
        found = self._groups.get(group)
        if found is None or key not in found:
            return None
        found.move_to_end(key)
        return found[key]

    def put(self, group: str, key: str, value: V) -> None:
        """Keep a value as its group's newest."""
        self.pop(group, key)
        self._groups.setdefault(group, OrderedDict())[key] = value
        self._count += 1
        if self._count > self._most:
            largest = max(self._groups, key=lambda one: len(self._groups[one]))
            self.pop(largest, next(iter(self._groups[largest])))

    def pop(self, group: str, key: str) -> V | None:
        """Forget a value; None where there was none."""
        found = self._groups.get(group)
        if found is None or key not in found:
            return None
        value = found.pop(key)
        self._count -= 1
        if not found:
            del self._groups[group]
        return value
