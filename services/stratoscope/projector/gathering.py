"""Before a batch is decided: its messages read, its names numbered, its past looked up.

Gathering runs while the batch before is being committed, so what that one adds is not in the
database yet: the caches here (heads, and what the last batches took) stand in for it.
"""

import asyncio
from collections import ChainMap, OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from uuid import UUID

from stratoscope.broker.puller import Delivered
from stratoscope.domain.delta import Closing
from stratoscope.domain.intake import decide, is_many, place_id
from stratoscope.domain.overload import Overload
from stratoscope.domain.records import (
    Batch,
    EventIn,
    Head,
    Known,
    Limits,
    Message,
    Rejection,
    Timeline,
)
from stratoscope.domain.verdicts import apply_verdict
from stratoscope.projector.decode import decode, refuse
from stratoscope.projector.quarantine import Quarantine
from stratoscope.projector.quotas import Holding
from stratoscope.projector.recent import MAX_EVENTS, RecentEvents
from stratoscope.projector.sieve import Sieve
from stratoscope.projector.state_cost import (
    LIGHT_FOLD_BYTES,
    BatchBudget,
    head_bytes,
    sets_state,
)
from stratoscope.store.past import Ids, IntakeReader

# A batch's probe may run while the batch before it is on its way to the database; one more is
# kept for safety's sake.
_IN_FLIGHT = 2
# Heads kept in memory, about a kilobyte each, and numbers of types: agents name their own.
_MAX_HEADS, _MAX_TYPES = 100_000, 100_000
# From so many bytes on a message is read, and of so much work a batch decided, beside the loop.
_LARGE_BYTES = 256 << 10
_LARGE_WORK = 1 << 20


@dataclass(slots=True)
class Gathered:
    """A batch that can be decided without asking anybody."""

    through: int
    messages: list[Message | Rejection] = field(default_factory=list)
    known: Known = field(default_factory=Known)
    # What was taken to be new without a look: the commit finds out.
    unasked: Ids = field(default_factory=Ids)
    # The first message that is too much for this batch; None where all are in it.
    left_from: int | None = None
    # Bytes of states that are to be written.
    work: int = 0


class Gathering:
    """The reading side of intake, with its caches. It is thrown away after any failure."""

    def __init__(
        self,
        reader: IntakeReader,
        stream: str,
        *,
        complete: bool,
        cache_bytes: int,
        passed: Mapping[int, int],
        field_index: bool = True,
        max_heads: int = _MAX_HEADS,
        max_recent: int = MAX_EVENTS,
        quarantine: Quarantine | None = None,
        closing: Closing | None = None,
        quotas: Holding | None = None,
        light: bool = False,
    ) -> None:
        self._reader = reader
        self._stream = stream
        self._complete = complete
        self._cache_bytes = cache_bytes
        self._max_heads = max_heads
        self._quarantine = quarantine or Quarantine()
        self._quotas = quotas
        self._passed = passed
        self._light = light
        self._limits = Limits(
            field_index=field_index,
            closing=closing or Closing(),
            batch_work_bytes=LIGHT_FOLD_BYTES if light else inf,
        )
        self._furthest = max(passed.values())
        self._types: dict[str, int] = {}
        self._type_names: dict[int, str] = {}
        # Of types that were forgotten: a batch in flight may still have to be told.
        self._older_names: dict[int, str] = {}
        self._heads: OrderedDict[Timeline, Head] = OrderedDict()
        self._sizes: dict[Timeline, int] = {}
        self._state_bytes = 0
        self._judged_through: int | None = None
        self._in_flight: deque[tuple[Known, frozenset[Timeline]]] = deque(maxlen=_IN_FLIGHT)
        self._max_recent = max_recent
        self._recent = RecentEvents(max_recent)
        self._sieve: Sieve | None = None
        self._partitions: dict[Timeline, int] = {}

    def serve(self, passed: Mapping[int, int], *, complete: bool) -> None:
        """Go on with other partitions than so far; all that was decided must be committed."""
        self._passed, self._complete = passed, complete
        self._furthest = max(passed.values())
        for timeline in [*self._heads]:
            if self._partitions[timeline] not in passed:
                self._forget(timeline)
        self._in_flight.clear()
        # What others record meanwhile is not among them.
        self._recent = RecentEvents(self._max_recent)

    def sift(self) -> None:
        """From here on, with nothing recorded yet, ask only for ids that may be taken."""
        self._sieve = Sieve()

    @property
    def type_names(self) -> Mapping[int, str]:
        """The event types met lately, by number; those of a batch in flight are among them."""
        if len(self._type_names) != len(self._types):
            self._type_names = {number: name for name, number in self._types.items()}
        return ChainMap(self._type_names, self._older_names)

    async def gather(
        self, delivered: Sequence[Delivered], *, trusting: bool = False, whole: bool = False
    ) -> Gathered:
        """Read messages and look up what the fold must know.

        A caller who is `trusting` has nothing on its way to the database, and tells by `forget` if
        an id was taken after all: then ids of records that come from nowhere are not looked up.
        Messages from `left_from` on are left for the next batch, unless it is to be `whole`.
        Raises Overload where a `light` lane would have too much to do for one partition.
        """
        # Looked up for each message only while there is somebody to find.
        read = self._read if self._quarantine.has_verdicts else decode
        due = [message for message in delivered if self._is_due(message)]
        if max((message.size for message in due), default=0) < _LARGE_BYTES:
            decoded = [read(message) for message in due]
        else:
            decoded = await asyncio.to_thread(lambda: [read(message) for message in due])
        if decoded:
            decoded = await self._judged(decoded)
        if self._quotas is not None:
            decoded = await self._quotas.hold(decoded, self._heads)
        readable = [one for one in decoded if isinstance(one, Message)]
        await self._number(readable)
        if any(self._heads[one.timeline].base_seq is not None for one in readable):
            readable = [one for one in readable if not self._is_in_base(one)]
            decoded = [one for one in decoded if not self._is_in_base(one)]
        kept, work = await self._load_states(decoded, whole=whole)
        through, left_from = delivered[-1].stream_seq, None
        if kept < len(decoded):
            left_from = decoded[kept].stream_seq
            through = max(one.stream_seq for one in delivered if one.stream_seq < left_from)
            decoded = decoded[:kept]
            readable = [one for one in decoded if isinstance(one, Message)]
        known, unasked = await self._probe(readable, trusting=trusting)
        return Gathered(through, decoded, known, unasked, left_from, work)

    def forget(self, batch: Batch) -> None:
        """The last batch was decided on a wrong assumption, and is not to be."""
        for timeline in batch.heads:
            self._forget(timeline)
        self._in_flight.clear()
        self._recent = RecentEvents(self._max_recent)

    def release(self) -> None:
        """Forget large states, to make room for a large message; all must be committed."""
        for timeline, head in self._heads.items():
            if head.group is not None and head.group.size >= _LARGE_WORK:
                head.group = head.state = head.paths = None
                self._count(timeline, head)

    async def decide(self, gathered: Gathered) -> Batch:
        """Fold a gathered batch, and remember what it took for those that follow.

        Much work is done beside the event loop, which renews leases and answers health meanwhile.
        """
        known = gathered.known
        known.follow([earlier for earlier, _ in self._in_flight], self._recent.causes)
        arguments = gathered.messages, self._heads, self._types, known, self._stream, self._limits
        try:
            if gathered.work < _LARGE_WORK:
                batch = decide(*arguments)
            else:
                batch = await asyncio.to_thread(decide, *arguments)
        except Overload:
            # The fold numbers paths in place.
            for timeline in [*self._heads]:
                self._forget(timeline)
            raise
        for timeline, head in batch.heads.items():
            if gathered.work >= _LARGE_WORK and head.group and is_many(head.group.newest or b""):
                # Decoded it would take more memory than it is worth.
                head.state = None
            self._remember(timeline, head)
        self._in_flight.append((known, frozenset(batch.heads)))
        self._recent.add(known)
        self._recent.shrink(_IN_FLIGHT)
        self._shrink()
        return batch

    def _read(self, message: Delivered) -> Message | Rejection:
        seq = message.stream_seq
        verdict = self._quarantine.verdict(seq)
        if verdict is None:
            return decode(message)
        if seq not in self._quarantine.killers and seq not in self._quarantine.starved:
            # A rebuild reads it and finds the verdict: both have to come to the same.
            with suppress(Exception):
                return _stand(decode(message), verdict)
        return refuse(message, verdict)

    async def _judged(self, decoded: list[Message | Rejection]) -> list[Message | Rejection]:
        """The same, with what an earlier projection of this log refused marked as refused."""
        if self._judged_through is None:
            # What is refused from here on is refused by us, or by the same rules.
            self._judged_through = await self._reader.last_verdict()
        first, last = decoded[0].stream_seq, decoded[-1].stream_seq
        if first > self._judged_through:
            return decoded
        verdicts = await self._reader.verdicts(first, last)
        return [_stand(message, verdicts.get(message.stream_seq)) for message in decoded]

    def _is_due(self, message: Delivered) -> bool:
        """Whether a message is past its partition's checkpoint: they need not start as one."""
        if message.stream_seq > self._furthest:
            return True
        _, _, room, number, *_ = message.subject.split(".")
        if room != "part":
            # A wildcard stands where a name should: the stream keeps it as it came, in no
            # partition. Buried already it is buried again, which changes nothing.
            return True
        return message.stream_seq > self._passed[int(number)]

    def _is_in_base(self, message: Message | Rejection) -> bool:
        """Whether a timeline was taken over from behind a message: it is in there already."""
        if isinstance(message, Rejection):
            return False
        base_seq = self._heads[message.timeline].base_seq
        return base_seq is not None and message.stream_seq <= base_seq

    async def _number(self, messages: Sequence[Message]) -> None:
        """Intern the names that are new here, and load the heads of their timelines."""
        new = {
            (one.partition, one.space, one.agent)
            for one in messages
            if one.timeline not in self._heads
        }
        if new:
            await self._reader.intern_agents(new)
            self._partitions |= {(space, name): number for number, space, name in new}
            self._heads |= await self._reader.heads([(space, name) for _, space, name in new])
        if len(self._types) > _MAX_TYPES:
            self._older_names = {number: name for name, number in self._types.items()}
            self._types, self._type_names = {}, {}
        types = {
            record.type
            for one in messages
            for record in one.records
            if isinstance(record, EventIn) and record.type not in self._types
        }
        if types:
            self._types |= await self._reader.intern_types(types)

    async def _load_states(
        self, decoded: Sequence[Message | Rejection], *, whole: bool
    ) -> tuple[int, int]:
        """Open the groups of state versions that this batch appends to.

        Gives how many of the messages are not too much at once, and the bytes of states that those
        write.
        """
        budget = BatchBudget(light=self._light, whole=whole)
        for index, message in enumerate(decoded):
            if not isinstance(message, Message) or not sets_state(message):
                continue
            timeline = message.timeline
            if not budget.knows(timeline):
                if not budget.has_room:
                    return index, budget.work
                budget.load(timeline, await self._load(timeline, self._heads[timeline]))
            if not budget.take(message, is_first=not index):
                return index, budget.work
        return len(decoded), budget.work

    async def _load(self, timeline: Timeline, head: Head) -> bytes:
        """Open a timeline's group, if it is not open; the newest state."""
        if head.group is None:
            head.group = await self._reader.open_group(head)
            head.paths = await self._reader.paths(head) if head.next_version else {}
            self._count(timeline, head)
        return head.group.newest or b""

    async def _probe(self, messages: Sequence[Message], *, trusting: bool) -> tuple[Known, Ids]:
        own: dict[UUID, None] = {}
        snapshots: list[tuple[int, UUID]] = []
        causes: dict[str, list[UUID]] = {}
        for message in messages:
            head = self._heads[message.timeline]
            for ordinal, record in enumerate(message.records):
                # Looked up too where it is made from the place: anybody may have sent it before.
                id_ = record.id or place_id(self._stream, message.stream_seq, ordinal)
                record.id = id_
                own[id_] = None
                # A timeline without a snapshot needs no look for their ids.
                if head.snapshots:
                    snapshots.append((head.agent_id, id_))
                if isinstance(record, EventIn) and record.causes:
                    causes.setdefault(message.space, []).extend(record.causes)
        unknown = self._unknown(causes, own)
        known = Known(complete=self._complete)
        is_new = trusting and self._sieve is None and not unknown
        if is_new and not self._are_recent(messages, own):
            return known, Ids(own.keys(), snapshots)
        asked = [*own, *unknown]
        if self._sieve is not None:
            asked = self._sieve.may_be_taken(asked)
            possible = set(asked)
            snapshots = [one for one in snapshots if one[1] in possible]
        await self._reader.look_up(Ids(asked, snapshots), known)
        return known, Ids()

    def _are_recent(self, messages: Sequence[Message], own: Iterable[UUID]) -> bool:
        """Whether one has an id of the newest: of an agent that sends again what it has sent."""
        recent, spaces = self._recent.causes, {one.space for one in messages}
        return bool(recent) and any((space, id_) in recent for id_ in own for space in spaces)

    def _unknown(self, causes: Mapping[str, Sequence[UUID]], own: Mapping[UUID, None]) -> set[UUID]:
        """The causes that have to be looked up besides the events of the batch itself."""
        if causes and self._complete:
            self._recent.begin([known for known, _ in self._in_flight])
        recent = self._recent.causes
        return {
            cause
            for space, named in causes.items()
            for cause in set(named) - own.keys()
            if (space, cause) not in recent
        }

    def _remember(self, timeline: Timeline, head: Head) -> None:
        del self._heads[timeline]
        self._heads[timeline] = head
        self._count(timeline, head)

    def _count(self, timeline: Timeline, head: Head) -> None:
        before, now = self._sizes.get(timeline, 0), head_bytes(head)
        if now != before:
            self._sizes[timeline] = now
            self._state_bytes += now - before

    def _shrink(self) -> None:
        """Forget what was not needed for longest: states over a size, heads over a number."""
        if self._state_bytes <= self._cache_bytes and len(self._heads) <= self._max_heads:
            return
        # What a batch in flight has moved is not in the database yet.
        in_flight = frozenset[Timeline]().union(*(touched for _, touched in self._in_flight))
        idle = [timeline for timeline in self._heads if timeline not in in_flight]
        if len(self._heads) > self._max_heads:
            # More than there need to go, so that not every batch has to look.
            for timeline in idle[: len(self._heads) - self._max_heads * 9 // 10]:
                self._forget(timeline)
        for timeline in idle:
            if self._state_bytes <= self._cache_bytes:
                return
            head = self._heads.get(timeline)
            if head is not None and head.group is not None:
                head.group = head.state = head.paths = None
                self._count(timeline, head)

    def _forget(self, timeline: Timeline) -> None:
        del self._heads[timeline], self._partitions[timeline]
        self._state_bytes -= self._sizes.pop(timeline, 0)


def _stand(message: Message | Rejection, verdict: Rejection | None) -> Message | Rejection:
    """A message as an earlier verdict leaves it, whatever the rules say today."""
    if verdict is None:
        return message
    return apply_verdict(message, verdict) if isinstance(message, Message) else verdict
