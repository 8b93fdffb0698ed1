"""What states cost: the work of writing them, and the memory that they take."""

from typing import Final

from stratoscope.domain.canonical import count_values
from stratoscope.domain.overload import Overload
from stratoscope.domain.patch import patch_work
from stratoscope.domain.records import EventIn, Head, Message, SnapshotIn, Timeline

# What a decoded value takes besides its text, and a numbered path.
_VALUE_BYTES: Final = 80
_PATH_BYTES: Final = 200
# What a batch may hold of states, decoded, and write of them; one message is always taken.
_LOADED_BYTES: Final = 64 << 20
_WORK_BYTES: Final = 64 << 20
# The latter of a batch that other partitions wait for, and of each of its messages.
_LIGHT_WORK_BYTES: Final = 16 << 20
# The same as the fold counts it, which may find more than was foreseen.
LIGHT_FOLD_BYTES: Final = 24 << 20
# Values of states that the patches of a partition are applied to, in a batch that other partitions
# wait for: a million takes about 0.3 s. So many bytes cost as much as a value.
_LIGHT_VALUES: Final = 1_000_000
_BYTES_A_VALUE: Final = 256


class BatchBudget:
    """What a batch costs so far, and whether there is room for more.

    A `light` batch is one that other partitions wait for; a `whole` one takes all that there is.
    """

    def __init__(self, *, light: bool, whole: bool) -> None:
        self.work = 0
        self._light = light and not whole
        self._limit = _LIGHT_WORK_BYTES if light else _WORK_BYTES
        self._whole = whole
        self._loaded = 0
        self._sizes: dict[Timeline, int] = {}
        self._values: dict[Timeline, int] = {}
        self._effort: dict[int, int] = {}

    def knows(self, timeline: Timeline) -> bool:
        """Whether a timeline's newest state is counted."""
        return timeline in self._sizes

    @property
    def has_room(self) -> bool:
        """Whether one more state may be loaded."""
        return self._whole or self._loaded <= _LOADED_BYTES

    def load(self, timeline: Timeline, newest: bytes) -> None:
        """Count a timeline's newest state."""
        values = count_values(newest)
        self._sizes[timeline], self._values[timeline] = len(newest), values
        self._loaded += len(newest) + values * _VALUE_BYTES

    def take(self, message: Message, *, is_first: bool) -> bool:
        """Count a message, if there is room. Raises Overload where others can't wait for it."""
        size = self._sizes[message.timeline]
        more, self._sizes[message.timeline] = _work(message, size)
        if self._light:
            self._spare_others(message, size, more)
        if self.work + more > self._limit and not (is_first or self._whole):
            return False
        self.work += more
        return True

    def _spare_others(self, message: Message, size: int, more: int) -> None:
        patches = sum(isinstance(one, EventIn) and bool(one.patch) for one in message.records)
        effort = patches * (self._values[message.timeline] + size // _BYTES_A_VALUE)
        effort += self._effort.get(message.partition, 0)
        self._effort[message.partition] = effort
        if effort > _LIGHT_VALUES or more > _LIGHT_WORK_BYTES:
            raise Overload([message.partition])


def sets_state(message: Message) -> bool:
    """Whether a message writes a state."""
    # A loop, since this is asked of every message: a generator costs three times as much.
    for record in message.records:  # noqa: SIM110
        if isinstance(record, SnapshotIn) or record.patch:
            return True
    return False


def head_bytes(head: Head) -> int:
    """About how much memory a head's states and paths take."""
    if head.group is None:
        return 0
    newest = head.group.newest or b""
    decoded = 0 if head.state is None else len(newest) + count_values(newest) * _VALUE_BYTES
    return head.group.size + decoded + len(head.paths or ()) * _PATH_BYTES


def _work(message: Message, size: int) -> tuple[int, int]:
    """The bytes of states that a message writes, and about how many the newest has then."""
    work = 0
    for record in message.records:
        if isinstance(record, SnapshotIn):
            size = len(record.raw)
            work += size
        elif record.patch:
            size += len(record.patch_json or "")
            work += patch_work(size, len(record.patch))
    return work, size
