"""Which partitions cost a lane of intake too much, so that they are set apart.

A lane projects several partitions together, in the log's order. A partition with a flood of
messages, or with one that takes long to read, would hold up the others: it is found before its
messages are read. What takes long to fold is found later (`projector.state_cost`).
"""

from collections.abc import Sequence
from typing import Final

from stratoscope.broker.puller import Delivered

# A message of so many bytes, unpacked, is not read where other partitions wait.
_LARGE_BYTES: Final = 2 << 20
# Of messages that are taken at once: with less weight nothing waits long.
_FLOOD_WEIGHT: Final = 1 << 20
_FLOOD_MESSAGES: Final = 3
# A partition with so much of all that waits is what the others wait for. Evenly spread over 16,
# each has a third of that.
_FLOOD_SHARE: Final = 1 / 5
# What a message and a record cost besides their bytes, in bytes.
_MESSAGE_BYTES: Final = 512
_RECORD_BYTES: Final = 200
# About how long a record is in a batch that is packed.
_PACKED_RECORD: Final = 100
# How much of the batches before counts: few large messages say little of how they are spread.
_KEPT: Final = 0.75


class Backlog:
    """What waits in a lane, by partition."""

    def __init__(self) -> None:
        self._weights: dict[int, float] = {}
        self._messages: dict[int, float] = {}

    def add(self, delivered: Sequence[Delivered]) -> frozenset[int]:
        """Count messages that were taken at once; the partitions that are to be set apart."""
        weights = [weigh(message) for message in delivered]
        if sum(weights) < _FLOOD_WEIGHT:
            if self._weights:
                self._weights, self._messages = {}, {}
            return frozenset()
        large = {_partition(one) for one in delivered if one.size >= _LARGE_BYTES}
        return frozenset(large | self._count(delivered, weights))

    def _count(self, delivered: Sequence[Delivered], weights: Sequence[int]) -> set[int]:
        waiting = {number: part * _KEPT for number, part in self._weights.items()}
        messages = {number: part * _KEPT for number, part in self._messages.items()}
        for message, weight in zip(delivered, weights, strict=True):
            number = _partition(message)
            waiting[number] = waiting.get(number, 0) + weight
            messages[number] = messages.get(number, 0) + 1
        self._weights, self._messages = waiting, messages
        least = max(_FLOOD_WEIGHT, _FLOOD_SHARE * sum(waiting.values()))
        return {
            number
            for number, part in waiting.items()
            if part >= least and messages[number] >= _FLOOD_MESSAGES
        }


def weigh(message: Delivered) -> int:
    """About what a message costs, in bytes: its records are counted before it is read, once."""
    if message.weight is None:
        message.weight = _weight(message)
    return message.weight


def _weight(message: Delivered) -> int:
    size, data = message.size, message.data
    if not message.subject.endswith(".batch"):
        return size + _MESSAGE_BYTES + _RECORD_BYTES
    # Every record is an object, and what it holds costs as well.
    records = data.count(b"{") if size == len(data) else size // _PACKED_RECORD
    return size + _MESSAGE_BYTES + _RECORD_BYTES * records


def _partition(message: Delivered) -> int:
    """The partition of a stored message; what is in none goes with the first."""
    _, _, room, number, *_ = message.subject.split(".")
    return int(number) if room == "part" else 0
