"""The breakpoints of one agent, or of all agents of a space, by what could hit them."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final, assert_never
from uuid import UUID

from stratoscope.domain.conditions.parts import (
    AtDepth,
    AtIndex,
    Changed,
    OfType,
    TimeReached,
)
from stratoscope.domain.paths import Segments
from stratoscope.domain.watching.anchors import Anchor, anchors
from stratoscope.domain.watching.armed import Armed, Record

_Bucket = dict[UUID, Armed]
_Texts = tuple[str, ...]
# A bucket by its key, in one of an index's dictionaries.
_Home = tuple[dict[Any, _Bucket], Any]
# Longer paths stand where their first segments do: each level of a path has a bucket, and sixteen
# kilobytes of paths with 64 levels took megabytes.
_MOST_LEVELS: Final = 8


class Index:
    """Grows and shrinks by one breakpoint at a time."""

    def __init__(self) -> None:
        self.members: _Bucket = {}
        self._types: dict[str, _Bucket] = {}
        self._places: dict[int, _Bucket] = {}
        self._depths: dict[int, _Bucket] = {}
        self._times: dict[datetime, _Bucket] = {}
        self._sorted_times: list[datetime] = []
        # A path itself, and all that lies below one.
        self._at: dict[_Texts, _Bucket] = {}
        self._below: dict[_Texts, _Bucket] = {}
        self._firsts: _Bucket = {}
        self._events: _Bucket = {}
        self._records: _Bucket = {}
        self._plain = {"first": self._firsts, "event": self._events, "record": self._records}
        # How many look at an event's depth.
        self._deep = 0

    def __bool__(self) -> bool:
        return bool(self.members)

    @property
    def asks_depth(self) -> bool:
        """Whether anybody has to know how deep an event stands."""
        return self._deep > 0

    def add(self, armed: Armed) -> None:
        """Watch for one more, or for another one in the place of one with its id."""
        if armed.id in self.members:
            self.remove(armed.id)
        self.members[armed.id] = armed
        self._deep += armed.asks_depth
        for home, key in self._homes(armed):
            if home is self._times and key not in home:
                insort(self._sorted_times, key)
            home.setdefault(key, {})[armed.id] = armed

    def remove(self, breakpoint_id: UUID) -> None:
        """Watch for one less."""
        armed = self.members.pop(breakpoint_id, None)
        if armed is None:
            return
        self._deep -= armed.asks_depth
        for home, key in self._homes(armed):
            bucket = home.get(key, {})
            bucket.pop(breakpoint_id, None)
            if not bucket and home is not self._plain:
                self._drop(home, key)

    def _drop(self, home: dict[Any, _Bucket], key: Any) -> None:
        if home.pop(key, None) is not None and home is self._times:
            del self._sorted_times[bisect_left(self._sorted_times, key)]

    def candidates(self, record: Record) -> Iterable[Armed]:
        """Those that a record could hit, in no order; each once."""
        met = [bucket for bucket in self._met(record) if bucket]
        if len(met) == 1:
            return [*met[0].values()]
        found: _Bucket = {}
        for bucket in met:
            found.update(bucket)
        return found.values()

    def _met(self, record: Record) -> list[_Bucket | None]:
        # Asked for each record that is watched: a list is cheaper than a generator.
        met: list[_Bucket | None] = [self._records]
        if record.is_event:
            met += self._events, self._types.get(record.type or "")
            met.append(self._places.get(record.event_index))
            if record.depth is not None and self._depths:
                met.append(self._depths.get(record.depth))
        if record.clock_before is None:
            met.append(self._firsts)
        if self._sorted_times:
            met += self._reached(record)
        if record.sets_state and self._below:
            met += self._changed(record.changed)
        return met

    def _reached(self, record: Record) -> Iterator[_Bucket]:
        times = self._sorted_times
        before = record.clock_before
        start = 0 if before is None else bisect_right(times, before)
        for time in times[start : bisect_right(times, record.clock)]:
            yield self._times[time]

    def _changed(self, changed: tuple[Segments, ...] | None) -> Iterator[_Bucket | None]:
        if changed is None:
            yield from self._at.values()
            return
        for path in changed:
            texts = _texts(path)
            for length in range(len(texts) + 1):
                yield self._at.get(texts[:length])
            yield self._below.get(texts)

    def _homes(self, armed: Armed) -> Iterator[_Home]:
        """Where a breakpoint has its place."""
        watch = armed.watch
        if watch.judged == "state" and armed.trigger == "edge":
            yield self._plain, "first"
        found = anchors(armed)
        if found is None:
            yield self._plain, "event" if watch.judged == "event" else "record"
            return
        for anchor in found:
            yield from self._of_anchor(anchor)

    def _of_anchor(self, anchor: Anchor) -> Iterator[_Home]:
        match anchor:
            case OfType(type):
                yield self._types, type
            case AtIndex(index):
                yield self._places, index
            case AtDepth(depth):
                yield self._depths, depth
            case TimeReached(time):
                yield self._times, time
            case Changed(path):
                texts = _texts(path)
                yield self._at, texts
                # The root has nothing above it, and is where all that is below anything meets.
                for length in range(max(len(texts), 1)):
                    yield self._below, texts[:length]
            case _:
                assert_never(anchor)


def _texts(path: Segments) -> _Texts:
    """A path for comparing: a pointer does not tell an index from a key.

    Two paths of which one begins with the other do so as well where both are cut.
    """
    return tuple(map(str, path[:_MOST_LEVELS]))
