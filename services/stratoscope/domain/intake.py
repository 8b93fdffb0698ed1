"""What a batch of messages does to the projection: records in, rows out.

Intake is a left fold over the log. The accumulator is a *head* an agent (next index, clocks, the
open group of state versions, the newest state); each record gives rows and the next head. Nothing
here asks a database: what the fold must know of the past (which ids are taken, where causes
stand and how deep they are) comes in as `Known`, so that the same messages over the same past
give the same rows, live and at every rebuild.

A message is taken whole or not at all. One whose patch does not apply leaves the heads as they
were, becomes a dead letter and taints its agent's state.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple, assert_never
from uuid import UUID, uuid5

from stratoscope.domain import delta
from stratoscope.domain.canonical import canonical, count_values, decoded, digest
from stratoscope.domain.depth import standing
from stratoscope.domain.fields import changed_paths, numbered
from stratoscope.domain.overload import Overload
from stratoscope.domain.patch import PatchConflict, apply_to_state, patch_work
from stratoscope.domain.paths import Segments
from stratoscope.domain.records import (
    Batch,
    Cause,
    EventIn,
    Head,
    Known,
    Limits,
    Message,
    Rejection,
    SnapshotIn,
    Timeline,
)
from stratoscope.domain.timeline import Place, tick
from stratoscope.domain.verdicts import StateRefused, WorkRefused, judge_patch
from stratoscope_contracts import words
from stratoscope_contracts.value_count import has_too_many_values

# Names of records that came without an id are made under this one.
PLACE_NAMESPACE = UUID("5c2f5d2a-5f0e-5b8e-9d52-7d9a1f0c6d11")

# Two states of so many values together are not compared, nor is one kept decoded.
_MANY_VALUES = 100_000


def place_id(stream: str, stream_seq: int, ordinal: int) -> UUID:
    """The id of a record that came without one: made from its place, the same at every rebuild."""
    return uuid5(PLACE_NAMESPACE, f"{stream}:{stream_seq}:{ordinal}")


def decide(
    messages: Iterable[Message | Rejection],
    heads: Mapping[Timeline, Head],
    types: Mapping[str, int],
    known: Known,
    stream: str,
    limits: Limits | None = None,
) -> Batch:
    """Fold messages into rows. `heads` is left as it was; `known` grows by what was taken."""
    return _Fold(heads, types, known, stream, limits or Limits()).over(messages)


class Marks(NamedTuple):
    """How long each table's rows were."""

    events: int
    versions: int
    edges: int
    paths: int
    changes: int
    open_causes: int
    duplicates: int
    taints: int


class _Fold:
    """One run of `decide`: the batch so far and what it is counted from."""

    def __init__(
        self,
        heads: Mapping[Timeline, Head],
        types: Mapping[str, int],
        known: Known,
        stream: str,
        limits: Limits,
    ) -> None:
        self._before, self._types = heads, types
        self._known, self._stream = known, stream
        self._limits = limits
        self._batch = Batch()
        self._work = self._batch_work = 0

    def over(self, messages: Iterable[Message | Rejection]) -> Batch:
        for message in messages:
            match message:
                case Message():
                    if message.refused:
                        self._pass_over(message, message.refused)
                    else:
                        self._message(message)
                case Rejection():
                    self._batch.rejections.append(message)
                case _:
                    assert_never(message)
        return self._batch

    def _head(self, timeline: Timeline) -> Head:
        head = self._batch.heads.get(timeline)
        if head is None:
            before = self._before[timeline]
            head = self._batch.heads[timeline] = replace(before)
            self._batch.clocks[timeline] = before.clock
        return head

    def _message(self, message: Message) -> None:
        head = self._head(message.timeline)
        if _may_be_refused(message):
            self._attempt(head, message)
            return
        for ordinal, record in enumerate(message.records):
            self._record(head, message, ordinal, record)

    def _attempt(self, head: Head, message: Message) -> None:
        """Take a message, or leave everything as it was."""
        before = replace(head)
        marks = _marks(self._batch)
        self._work = 0
        for ordinal, record in enumerate(message.records):
            try:
                self._record(head, message, ordinal, record)
            except (PatchConflict, StateRefused, WorkRefused) as error:
                self._take_back(marks, head, message)
                self._batch.heads[message.timeline] = before
                self._refuse(before, message, ordinal, error)
                return

    def _record(
        self, head: Head, message: Message, ordinal: int, record: EventIn | SnapshotIn
    ) -> None:
        match record:
            case EventIn():
                self._event(head, message, ordinal, record)
            case SnapshotIn():
                self._snapshot(head, message, ordinal, record)
            case _:
                assert_never(record)

    def _take_back(self, marks: Marks, head: Head, message: Message) -> None:
        """Forget what a refused message had added."""
        batch, known = self._batch, self._known
        ids = {row[9] for row in batch.events[marks.events :]}
        for key in ((message.space, id_) for id_ in ids):
            if known.new_causes[key].place.stream_seq == message.stream_seq:
                del known.new_causes[key]
        for id_ in ids | {row[12] for row in batch.versions[marks.versions :] if row[12]}:
            known.new_ids.discard((head.agent_id, id_))
        for _, _, path in batch.paths[marks.paths :]:
            # The only part of a head that is changed in place.
            assert head.paths is not None
            del head.paths[path]
        for rows, mark in zip(_tables(batch), marks, strict=True):
            del rows[mark:]

    def _pass_over(self, message: Message, verdict: Rejection) -> None:
        """Refuse a message that was refused before the fold and leaves the state in doubt."""
        self._batch.rejections.append(verdict)
        self._taint(self._head(message.timeline), message.stream_seq, verdict.ordinal or 0)

    def _taint(self, head: Head, stream_seq: int, ordinal: int, gap: str | None = None) -> None:
        """Distrust the state from here on; `gap` is what the event there says."""
        self._batch.taints.append((head.agent_id, stream_seq, ordinal, head.next_event - 1, gap))

    def _refuse(
        self,
        head: Head,
        message: Message,
        ordinal: int,
        error: PatchConflict | StateRefused | WorkRefused,
    ) -> None:
        self._batch.rejections.append(judge_patch(message.stream_seq, ordinal, error))
        self._taint(head, message.stream_seq, ordinal)

    def _id(self, head: Head, message: Message, ordinal: int, id_: UUID | None) -> UUID | None:
        """The record's id, made from its place where it has none; None where it is taken."""
        if id_ is None:
            id_ = place_id(self._stream, message.stream_seq, ordinal)
        key = (head.agent_id, id_)
        if self._known.has(key):
            head.duplicates += 1
            return None
        self._known.new_ids.add(key)
        return id_

    def _tick(self, head: Head, occurred: datetime | None, message: Message) -> datetime | None:
        """Move the head's clocks; give back the time to store beside the clock, if any."""
        occurred = occurred or message.recorded_at
        head.clock, head.recorded_at = tick(
            head.clock, head.recorded_at, occurred, message.recorded_at
        )
        if head.first_at is None:
            head.first_at = head.clock
        return None if occurred == head.clock else occurred

    def _event(self, head: Head, message: Message, ordinal: int, event: EventIn) -> None:
        id_ = self._id(head, message, ordinal, event.id)
        if id_ is None:
            self._batch.duplicates.append("event")
            return
        place = Place(message.stream_seq, ordinal)
        occurred = self._tick(head, event.occurred_at, message)
        causes = event.causes
        depth, is_closed = (
            standing(message.space, place, causes, self._known) if causes else (1, True)
        )
        index = head.next_event
        head.next_event += 1
        self._batch.events.append(
            (
                index,
                place.stream_seq,
                head.clock,
                head.recorded_at,
                occurred,
                head.agent_id,
                self._types[event.type],
                ordinal,
                depth,
                id_,
                event.data,
                event.metadata,
                event.causes or None,
                event.patch_json,
                message.traceparent,
            )
        )
        if self._known.add((message.space, id_), Cause(place, depth)):
            self._batch.twins.append(id_)
        for cause in causes if len(causes) < 2 else dict.fromkeys(causes):
            self._batch.edges.append((cause, head.agent_id, index))
        if not is_closed:
            self._batch.open_causes.append((place.stream_seq, index, head.agent_id, ordinal))
        if event.gap:
            self._taint(head, place.stream_seq, ordinal, event.gap)
        if event.patch:
            self._fold_patch(head, message, ordinal, event.patch)

    def _snapshot(self, head: Head, message: Message, ordinal: int, snapshot: SnapshotIn) -> None:
        id_ = self._id(head, message, ordinal, snapshot.id)
        if id_ is None:
            self._batch.duplicates.append("snapshot")
            return
        occurred = self._tick(head, snapshot.occurred_at, message)
        head.snapshots += 1
        # Capped, or two snapshots that claim the most would be a sum that no column can hold.
        head.memory_usage = min(
            head.memory_usage + (snapshot.memory_usage or 0), words.MAX_MEMORY_USAGE
        )
        head.last_snapshot = head.next_version
        newest = _group(head).newest or b"" if head.next_version else b""
        self._index(head, snapshot.state, whole=is_many(newest, snapshot.raw))
        head.state = snapshot.state
        described = (snapshot.memory_usage, snapshot.metadata, snapshot.label)
        self._version(head, message, ordinal, snapshot.raw, (id_, occurred, *described))

    def _fold_patch(
        self, head: Head, message: Message, ordinal: int, patch: Sequence[Mapping[str, Any]]
    ) -> None:
        self._charge(message, patch_work(len(_group(head).newest or b""), len(patch)))
        state = apply_to_state(_state(head), patch)
        raw = canonical(state)
        if len(raw) > self._limits.state_bytes:
            raise StateRefused(
                f"the patched state has {len(raw)} bytes, more than {self._limits.state_bytes}"
            )
        # A copy is a few bytes in a patch, and many values once the state is decoded anew.
        if has_too_many_values(raw):
            raise StateRefused(
                f"the patched state has more than {words.MAX_JSON_VALUES} JSON values"
            )
        head.patches += 1
        self._index(head, state)
        head.state = state
        self._version(head, message, ordinal, raw, (None, None, None, None, None))

    def _charge(self, message: Message, work: int) -> None:
        """Count what a patch costs: the state is copied, written, compared and compressed."""
        self._work += work
        self._batch_work += work
        if self._batch_work > self._limits.batch_work_bytes:
            raise Overload([message.partition])
        if self._work > self._limits.work_bytes:
            raise WorkRefused(
                f"the message's patches are applied to more than {self._limits.work_bytes} bytes"
                " of states: record fewer of them together, or a smaller state"
            )

    def _index(self, head: Head, state: Any, *, whole: bool = False) -> None:
        """Add to the field index what the version that comes next changes.

        As a `whole` means that the root counts as changed, and nothing is compared.
        """
        if not self._limits.field_index:
            head.indexed_from = head.next_version + 1
            return
        if head.paths is None:
            head.paths = {}
        changed: tuple[Segments, ...] = ((),) if whole else changed_paths(_state(head), state)
        found = numbered(changed, head.paths)
        agent_id, version = head.agent_id, head.next_version
        self._batch.changed[agent_id, version] = changed
        self._batch.paths.extend((agent_id, number, path) for number, path in found.new)
        self._batch.changes.extend((agent_id, number, version) for number in found.numbers)

    def _version(
        self,
        head: Head,
        message: Message,
        ordinal: int,
        raw: bytes,
        described: tuple[UUID | None, datetime | None, int | None, str | None, str | None],
    ) -> None:
        id_, occurred, memory_usage, metadata, label = described
        assert head.recorded_at is not None
        mark = delta.Mark(head.next_event - 1, head.recorded_at, id_ is not None)
        head.group, slot, blob = delta.append(_group(head), raw, self._limits.closing, mark)
        version = head.next_version
        head.next_version += 1
        head.next_slot = slot + 1
        head.keyframes += slot == 0
        head.raw_bytes += len(raw)
        head.stored_bytes += len(blob)
        self._batch.versions.append(
            (
                head.next_event - 1,
                message.stream_seq,
                head.clock,
                head.recorded_at,
                occurred,
                memory_usage,
                head.agent_id,
                version,
                len(raw),
                ordinal,
                None if head.last_snapshot is None else version - head.last_snapshot,
                slot,
                id_,
                digest(raw),
                blob,
                metadata,
                label,
                message.traceparent,
            )
        )


def is_many(*raws: bytes) -> bool:
    """Whether documents together hold so many values that decoding all of them is too much."""
    if sum(map(len, raws)) < _MANY_VALUES:
        return False
    return sum(map(count_values, raws)) > _MANY_VALUES


def _may_be_refused(message: Message) -> bool:
    """Whether it holds a patch: nothing else can fail any more, and need a way back."""
    # A loop, since this is asked of every message: a generator costs three times as much.
    for record in message.records:  # noqa: SIM110
        if isinstance(record, EventIn) and record.patch:
            return True
    return False


def _tables(batch: Batch) -> tuple[list[Any], ...]:
    return (
        *(batch.events, batch.versions, batch.edges),
        *(batch.paths, batch.changes, batch.open_causes, batch.duplicates),
        batch.taints,
    )


def _marks(batch: Batch) -> Marks:
    return Marks(*map(len, _tables(batch)))


def _state(head: Head) -> Any:
    """The newest state, decoded and kept."""
    if head.state is None:
        head.state = decoded(_group(head).newest or b"{}")
    return head.state


def _group(head: Head) -> delta.Group:
    """The open group, which the caller must have loaded for an agent that has states."""
    if head.group is None and head.next_version:
        raise LookupError(f"the open group of agent {head.agent_id} was not loaded")
    return head.group or delta.Group()
