"""A partition that costs more than the others can wait for."""

from collections.abc import Iterable


class Overload(Exception):
    """These partitions are to be set apart; nothing of the batch at hand is taken."""

    def __init__(self, partitions: Iterable[int]) -> None:
        super().__init__("partitions cost more than others can wait for")
        self.partitions = frozenset(partitions)
