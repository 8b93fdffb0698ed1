"""Whether a projection has what the log says: the log is folded again, and each row compared.

It is the projector's own reading and fold, over the messages up to the checkpoints that the
projection had when the comparison began. Memory holds a head for each agent, the states that were
needed last, and the ids of records that retention has dropped.
"""

import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import asyncpg

from stratoscope.admin.progress import Pace, Teller
from stratoscope.broker.connection import BrokerUnreachable, Connection
from stratoscope.broker.puller import Delivered, Doubt, Puller
from stratoscope.domain.records import (
    EVENT_COLUMNS,
    VERSION_COLUMNS,
    Batch,
    Head,
    Rejection,
    Timeline,
)
from stratoscope.projector.gathering import Gathering
from stratoscope.projector.log_check import LogReplaced, compare_log
from stratoscope.store.fold_reader import FoldReader, ProjectedLine
from stratoscope.store.leases import Held
from stratoscope.store.sql import queries
from stratoscope_contracts.words import STREAM_RECORD

_SQL = queries("log_comparison")
_BATCH: Final = 2000
_BATCH_BYTES: Final = 4 << 20
_CACHE_BYTES: Final = 64 << 20
_WAIT_SECONDS: Final = 1.0
_TELL_EVERY: Final = 0.1
_ATTEMPTS: Final = 5
# Depths count from the log's beginning, and are resolved behind the intake.
_LOOSE: Final = "depth"
# How deltas are grouped depends on settings, and counts of snapshots on retention.
_UNCOMPARED: Final = {"blob", "slot", "since_snapshot"}

# An agent, what is wrong, and where: `event_index`, `version`, `stream_seq`.
Fault = Callable[..., None]
Row = Mapping[str, Any]


@dataclass(slots=True)
class LogCompared:
    """What of the log was compared with the projection, and what could not be."""

    first_seq: int = 0
    through: int = 0
    messages: int = 0
    events: int = 0
    states: int = 0
    refused: int = 0
    # How the log differs from the one that was projected; then no message is compared.
    difference: str | None = None
    # What could not be compared, and why.
    uncompared: list[str] = field(default_factory=list)


class LogComparison:
    """One comparison, in a session that sees the projection at one moment."""

    def __init__(
        self,
        session: asyncpg.Connection,
        broker: Connection,
        scope: tuple[str | None, str | None],
        fault: Fault,
        teller: Teller,
    ) -> None:
        self._session = session
        self._broker = broker
        self._space, self._agent = scope
        self._fault = fault
        self._teller = teller
        self._passed: dict[int, int] = {}
        self._depths = False
        self._heads: dict[Timeline, Head] = {}
        self._names: dict[int, Timeline] = {}
        self.done = LogCompared()

    async def run(self) -> LogCompared:
        """Compare; faults are told as they are found."""
        # In this order: what is projected from now on is in neither.
        held = [Held(*row) for row in await self._session.fetch(_SQL["checkpoints"])]
        self._passed = {one.partition: one.stream_seq for one in held}
        self.done.through = max(self._passed.values())
        try:
            await self._check(held)
        except LogReplaced as error:
            self.done.difference = str(error)
            return self.done
        state = (await self._broker.jetstream.stream_info(STREAM_RECORD)).state
        self.done.first_seq = state.first_seq
        rows = await self._session.fetch(_SQL["lines"], self._space, self._agent)
        lines = {
            (row["space"], row["name"]): ProjectedLine(
                *(row["agent_id"], row["first_event"], row["first_version"], row["base_seq"])
            )
            for row in rows
        }
        reader = FoldReader(self._session, lines, state.first_seq)
        self._depths = state.first_seq <= 1 and not any(
            line.has_horizon or line.base_seq is not None for line in lines.values()
        )
        await self._fold(reader)
        if await self._cut_meanwhile():
            return self.done
        await self._find_beyond(reader)
        self._tell_uncompared(reader)
        return self.done

    async def _check(self, held: Sequence[Held]) -> None:
        created = await self._session.fetchval(_SQL["log_created_at"], STREAM_RECORD)
        reached = [one for one in held if one.stream_seq]
        if created is not None and reached:
            await compare_log(self._broker.client, created, STREAM_RECORD, reached)

    async def _fold(self, reader: FoldReader) -> None:
        gathering = Gathering(
            *(reader, STREAM_RECORD),
            complete=True,
            cache_bytes=_CACHE_BYTES,
            passed=dict.fromkeys(self._passed, 0),
            field_index=False,
            max_heads=sys.maxsize,
        )
        pace, told = Pace(), 0.0
        async for delivered in self._messages():
            left = [one for one in delivered if self._is_projected(one)]
            while left:
                reader.before = left[0].stream_seq
                gathered = await gathering.gather(left)
                batch = await gathering.decide(gathered)
                await self._compare(reader, batch, left[0].stream_seq, gathered.through)
                await self._compare_refused(batch.rejections, left)
                left = [one for one in left if one.stream_seq > gathered.through]
            self.done.messages += len(delivered)
            if (now := time.monotonic()) - told > _TELL_EVERY:
                reached = delivered[-1].stream_seq
                self._teller.progress("messages", pace.estimate(now, reached, self.done.through))
                told = now

    async def _messages(self) -> AsyncIterator[list[Delivered]]:
        """The messages of the log up to the last checkpoint, in order."""
        reached, attempts = max(self.done.first_seq, 1) - 1, 0
        while reached < self.done.through:
            puller = Puller(
                *(self._broker.client, STREAM_RECORD),
                start_seq=reached + 1,
                subjects=self._subjects(),
                batch=_BATCH,
            )
            try:
                async with puller:
                    while reached < self.done.through:
                        taken = await puller.take(_BATCH, _WAIT_SECONDS, _BATCH_BYTES)
                        reached = taken[-1].stream_seq if taken else max(reached, puller.passed)
                        if taken:
                            attempts = 0
                            yield taken
            except Doubt as error:
                attempts += 1
                if attempts == _ATTEMPTS:
                    raise BrokerUnreachable(f"the log can't be read: {error}") from error

    def _subjects(self) -> tuple[str, ...]:
        if self._space is None and self._agent is None:
            return ()
        return (f"strato.{self._space or '*'}.part.*.{self._agent or '*'}.*",)

    def _is_projected(self, message: Delivered) -> bool:
        tokens = message.subject.split(".")
        # What is in no partition is refused by each projector.
        partition = int(tokens[3]) if tokens[2] == "part" else None
        passed = self.done.through if partition is None else self._passed[partition]
        return message.stream_seq <= passed

    async def _compare(self, reader: FoldReader, batch: Batch, first: int, last: int) -> None:
        for timeline, head in batch.heads.items():
            self._heads[timeline] = head
            self._names[head.agent_id] = timeline
        await self._compare_events(reader, batch)
        await self._compare_states(reader, batch)
        await self._compare_taints(reader, batch, first, last)

    async def _compare_events(self, reader: FoldReader, batch: Batch) -> None:
        rows = [dict(zip(EVENT_COLUMNS, row, strict=True)) for row in batch.events]
        self.done.events += len(rows)
        wanted = self._kept(reader, rows, "event_index", "id")
        found = await self._rows("events", wanted, "event_index")
        uncompared = _UNCOMPARED if self._depths else _UNCOMPARED | {_LOOSE}
        self._differ("event", "event_index", wanted, found, uncompared)

    async def _compare_states(self, reader: FoldReader, batch: Batch) -> None:
        rows = [dict(zip(VERSION_COLUMNS, row, strict=True)) for row in batch.versions]
        self.done.states += len(rows)
        wanted = self._kept(reader, rows, "version", "snapshot_id")
        found = await self._rows("versions", wanted, "version")
        self._differ("state", "version", wanted, found, _UNCOMPARED)

    def _kept(
        self, reader: FoldReader, rows: Sequence[Row], number: str, id_: str
    ) -> dict[tuple[int, int], Row]:
        """Those that the projection has to have, by agent and number."""
        kept = {}
        for row in rows:
            line = reader.lines[self._names[row["agent_id"]]]
            horizon = line.first_event if number == "event_index" else line.first_version
            if row[number] >= horizon:
                if line.unfolded is None:
                    kept[row["agent_id"], row[number]] = row
            elif row[id_] is not None:
                reader.drop(row["agent_id"], row[id_])
        return kept

    async def _rows(
        self, query: str, wanted: Mapping[tuple[int, int], Row], number: str
    ) -> dict[tuple[int, int], Row]:
        spans: dict[int, list[int]] = defaultdict(list)
        for agent_id, index in wanted:
            spans[agent_id].append(index)
        columns = [
            list(spans),
            [min(one) for one in spans.values()],
            list(map(max, spans.values())),
        ]
        found = await self._session.fetch(_SQL[query], *columns)
        return {(row["agent_id"], row[number]): row for row in found}

    def _differ(
        self,
        kind: str,
        number: str,
        wanted: Mapping[tuple[int, int], Row],
        found: Mapping[tuple[int, int], Row],
        uncompared: set[str],
    ) -> None:
        for key, row in wanted.items():
            timeline, seq = self._names[key[0]], row["stream_seq"]
            there = found.get(key)
            where = {number: key[1], "stream_seq": seq}
            if there is None:
                self._fault(timeline, f"this {kind} of message {seq} is not projected", **where)
            elif (there["stream_seq"], there["ordinal"]) != (seq, row["ordinal"]):
                other = there["stream_seq"]
                what = f"it stands at message {other}; by the log it is of {seq}"
                self._fault(timeline, what, **where)
            elif names := _differing(row, there, uncompared):
                self._fault(timeline, f"by message {seq} it has other values: {names}", **where)

    async def _compare_taints(
        self, reader: FoldReader, batch: Batch, first: int, last: int
    ) -> None:
        agents = [head.agent_id for head in batch.heads.values()]
        rows = await self._session.fetch(_SQL["taints"], agents, first, last)
        there = {(row["agent_id"], row["stream_seq"], row["ordinal"]) for row in rows}
        given = {(agent_id, seq, ordinal) for agent_id, seq, ordinal, *_ in batch.taints}
        for agent_id, seq, ordinal in sorted(there ^ given):
            line = reader.lines[self._names[agent_id]]
            if line.unfolded is None and not line.has_horizon:
                what = "is not marked" if (agent_id, seq, ordinal) in given else "is marked"
                self._fault(
                    self._names[agent_id],
                    f"the state {what} as in doubt from message {seq} on; by the log it is not so",
                    stream_seq=seq,
                )

    async def _compare_refused(
        self, rejections: Sequence[Rejection], messages: Sequence[Delivered]
    ) -> None:
        if not rejections:
            return
        self.done.refused += len(rejections)
        seqs = [one.stream_seq for one in rejections]
        rows = await self._session.fetch(_SQL["letters"], seqs)
        buried = {row["stream_seq"] for row in rows}
        reasons = {one.stream_seq: one.reason for one in rejections}
        for message in messages:
            seq = message.stream_seq
            if seq in reasons and seq not in buried:
                tokens = message.subject.split(".")
                what = f"message {seq} has to be refused ({reasons[seq]}) and is no dead letter"
                self._fault((tokens[1], tokens[-2]), what, stream_seq=seq)

    async def _cut_meanwhile(self) -> bool:
        """Whether the log lost messages while it was read: which of them were read is not known."""
        first = (await self._broker.jetstream.stream_info(STREAM_RECORD)).state.first_seq
        if first <= self.done.first_seq:
            return False
        self.done.uncompared.append(
            f"the log lost messages {self.done.first_seq} to {first - 1} while it was read: what is"
            " projected and not in the log was not looked for; run it again"
        )
        return True

    async def _find_beyond(self, reader: FoldReader) -> None:
        """Rows of the projection that the log does not give."""
        for timeline, line in reader.lines.items():
            self._names.setdefault(line.agent_id, timeline)
        wanted = [
            self._end(reader, timeline, line)
            for timeline, line in reader.lines.items()
            if line.agent_id >= 0 and line.unfolded is None
        ]
        columns = [list(column) for column in zip(*wanted, strict=True)] or [[], [], [], []]
        for row in await self._session.fetch(_SQL["beyond"], *columns):
            timeline = self._names[row["agent_id"]]
            for kind, number in (("event", "event_index"), ("version", "version")):
                if count := row[f"{kind}s"]:
                    what = f"{count} {kind}s from here on are projected and not in the log"
                    self._fault(timeline, what, **{number: row[f"first_{kind}"]})

    def _end(
        self, reader: FoldReader, timeline: Timeline, line: ProjectedLine
    ) -> tuple[int, int, int, int]:
        head = self._heads.get(timeline)
        if head is not None:
            return line.agent_id, head.next_event, head.next_version, line.from_seq
        from_seq = max(reader.log_first if reader.log_first > 1 else 0, (line.base_seq or -1) + 1)
        return line.agent_id, 0, 0, from_seq

    def _tell_uncompared(self, reader: FoldReader) -> None:
        if self.done.first_seq > 1:
            self.done.uncompared.append(
                f"the log begins with message {self.done.first_seq}: records before it are in the"
                " projection alone"
            )
        dropped = sum(line.has_horizon for line in reader.lines.values())
        if dropped:
            self.done.uncompared.append(f"retention dropped the beginnings of {dropped} agents")
        if not self._depths:
            self.done.uncompared.append("depths, which count from the log's beginning")
        for (space, name), line in reader.lines.items():
            if line.unfolded is not None:
                self.done.uncompared.append(f"{name} in {space}: {line.unfolded}")


def _differing(row: Row, there: Row, uncompared: set[str]) -> str:
    """The names of the columns in which a row is not what the log gives."""
    return ", ".join(
        name
        for name in cast(dict[str, Any], row)
        if name not in uncompared
        and _listed(row[name]) != there[name]
        # A depth that is not known yet is no other depth.
        and not (name == _LOOSE and (row[name] is None or there[name] is None))
    )


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
