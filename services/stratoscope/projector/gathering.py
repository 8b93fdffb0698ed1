"""Before a batch is decided: its messages read, its names numbered, its past looked up.

Gathering runs while the batch before is being committed, so what that one adds is not in the
database yet: the caches here (heads, and what the last batches took) stand in for it.
"""

from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from stratoscope.broker.puller import Delivered
from stratoscope.domain.intake import decide
from stratoscope.domain.records import Batch, Head, Known, Message, Rejection
from stratoscope.projector.decode import Decoded, decode, spelled
from stratoscope.store.intake import AgentKey, IntakeReader
from stratoscope_contracts.records import EventRecord, SnapshotRecord

# A batch's probe may run while the batch before it is on its way to the database; one more is
# kept for safety's sake.
_IN_FLIGHT = 2


@dataclass(slots=True)
class Gathered:
    """A batch that can be decided without asking anybody."""

    through: int
    messages: list[Message | Rejection] = field(default_factory=list)
    known: Known = field(default_factory=Known)


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
    ) -> None:
        self._reader = reader
        self._stream = stream
        self._complete = complete
        self._cache_bytes = cache_bytes
        self._passed = passed
        self._furthest = max(passed.values())
        self._agents: dict[AgentKey, int] = {}
        self._types: dict[str, int] = {}
        self._heads: OrderedDict[int, Head] = OrderedDict()
        self._state_bytes = 0
        self._recent: deque[tuple[Known, frozenset[int]]] = deque(maxlen=_IN_FLIGHT)

    async def gather(self, delivered: Sequence[Delivered]) -> Gathered:
        """Read messages and look up what the fold must know."""
        decoded = [decode(message) for message in delivered if self._is_due(message)]
        readable = [message for message in decoded if isinstance(message, Decoded)]
        await self._number(readable)
        await self._load_states(readable)
        return Gathered(
            delivered[-1].stream_seq,
            [self._spelled(one) if isinstance(one, Decoded) else one for one in decoded],
            await self._probe(readable),
        )

    def _is_due(self, message: Delivered) -> bool:
        """Whether a message is past its partition's checkpoint: they need not start as one."""
        if message.stream_seq > self._furthest:
            return True
        return message.stream_seq > self._passed[int(message.subject.split(".")[3])]

    def decide(self, gathered: Gathered) -> Batch:
        """Fold a gathered batch, and remember what it took for those that follow."""
        known = gathered.known
        for earlier, _ in self._recent:
            known.learn(earlier)
        batch = decide(gathered.messages, self._heads, known, self._stream)
        for agent_id, head in batch.heads.items():
            self._remember(agent_id, head)
        self._recent.append((known, frozenset(batch.heads)))
        self._shrink()
        return batch

    async def _number(self, messages: Sequence[Decoded]) -> None:
        """Intern the names that are new here, and load the heads of their timelines."""
        wanted = {(one.partition, one.space, one.agent) for one in messages}
        new = [one for one in wanted if self._agents.get(one[1:]) not in self._heads]
        if new:
            await self._reader.intern_agents(new)
            heads = await self._reader.heads([(space, name) for _, space, name in new])
            for key, head in heads.items():
                self._agents[key] = head.agent_id
                self._heads[head.agent_id] = head
        types = {
            record.type
            for one in messages
            for record in one.records
            if isinstance(record, EventRecord) and record.type not in self._types
        }
        if types:
            self._types |= await self._reader.intern_types(types)

    async def _load_states(self, messages: Sequence[Decoded]) -> None:
        """Open the groups of state versions that this batch appends to."""
        touched = {self._agents[one.space, one.agent] for one in messages if _sets_state(one)}
        for agent_id in touched:
            head = self._heads[agent_id]
            if head.group is None:
                head.group = await self._reader.open_group(head)
                self._state_bytes += head.group.size

    async def _probe(self, messages: Sequence[Decoded]) -> Known:
        events: list[tuple[int, UUID]] = []
        snapshots: list[tuple[int, UUID]] = []
        causes: list[tuple[str, UUID]] = []
        for message in messages:
            agent_id = self._agents[message.space, message.agent]
            # A timeline without a record of a kind needs no look for its ids.
            has_events = self._heads[agent_id].next_event > 0
            has_snapshots = self._heads[agent_id].snapshots > 0
            for record in message.records:
                if record.id is not None:
                    if has_events:
                        events.append((agent_id, record.id))
                    if has_snapshots:
                        snapshots.append((agent_id, record.id))
                if isinstance(record, EventRecord):
                    causes.extend((message.space, cause) for cause in record.causes)
        known = Known(complete=self._complete)
        known.ids = await self._reader.known_ids(events, snapshots)
        await self._reader.known_causes(causes, known)
        return known

    def _spelled(self, decoded: Decoded) -> Message:
        return Message(
            decoded.stream_seq,
            decoded.recorded_at,
            self._agents[decoded.space, decoded.agent],
            decoded.space,
            [spelled(record, self._types) for record in decoded.records],
            decoded.traceparent,
        )

    def _remember(self, agent_id: int, head: Head) -> None:
        before = self._heads.pop(agent_id)
        self._state_bytes += _size(head) - _size(before)
        self._heads[agent_id] = head

    def _shrink(self) -> None:
        """Drop the states that were not needed for longest, none of a batch still in flight."""
        if self._state_bytes <= self._cache_bytes:
            return
        in_flight = frozenset[int]().union(*(touched for _, touched in self._recent))
        for agent_id, head in self._heads.items():
            if self._state_bytes <= self._cache_bytes:
                return
            if head.group is not None and agent_id not in in_flight:
                self._state_bytes -= head.group.size
                head.group = head.state = None


def _sets_state(message: Decoded) -> bool:
    return any(isinstance(one, SnapshotRecord) or one.patch for one in message.records)


def _size(head: Head) -> int:
    return head.group.size if head.group else 0
