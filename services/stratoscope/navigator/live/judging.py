"""Which breakpoints the records of a batch meet: the index narrows, the one evaluator decides."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import asyncpg

from stratoscope.broker.feed import Committed
from stratoscope.domain.conditions.seen import Before, Seen
from stratoscope.domain.expressions.rules import Expression
from stratoscope.domain.watching.armed import Record
from stratoscope.navigator import spelling
from stratoscope.navigator.expressions.evaluating import Document, Expressions
from stratoscope.navigator.live.arming import Arming, candidates
from stratoscope.navigator.live.deciding import Deciding, Match, Pair, question_of, tells_state
from stratoscope.navigator.live.lines import Line, lines_of
from stratoscope.navigator.live.states import States
from stratoscope.navigator.live.truths import Answers, Questions, answered, settled
from stratoscope.navigator.spelling import Json
from stratoscope.navigator.threads import LARGE
from stratoscope.store.filling import Filling, Version
from stratoscope_contracts.subjects import partition_of

_LOOK_AGAIN_SECONDS: Final = 0.02
_STATES: Final = frozenset({"state", "changes"})
# What is judged together: so many records, and so many bytes of states that they have set.
_RECORDS: Final = 500
_STATE_BYTES: Final = 8 << 20
# So many pairs of a record and a breakpoint at a time.
_PAIRS: Final = 50_000
# So many matches, and what was judged is kept before more of a batch is; of one message at most.
_MATCHES: Final = 10_000
_MOST_MATCHES: Final = 50_000
# Going through so many of either takes some milliseconds; between them others have a turn.
_AT_A_STRETCH: Final = 500


@dataclass(frozen=True, slots=True)
class Stopped:
    """A breakpoint of which an expression took too long, first at a record."""

    breakpoint_id: UUID
    line: Line


@dataclass(slots=True)
class Judged:
    """What was found in a batch up to and with a message.

    `flooded` are the breakpoints that one message met too often to be judged to its end.
    """

    through: int
    matches: list[Match] = field(default_factory=list)
    stopped: dict[UUID, Stopped] = field(default_factory=dict)
    flooded: set[UUID] = field(default_factory=set)


class Outcome(Judged):
    """The same on the way; `sources` are the expressions that had to be stopped."""

    __slots__ = ("sources",)

    def __init__(self, through: int) -> None:
        super().__init__(through)
        self.sources: set[str] = set()

    def taken(self, through: int) -> Judged:
        """What was found since the last time, which was up to a message."""
        found = Judged(through, self.matches, self.stopped, self.flooded)
        self.matches, self.stopped, self.flooded = [], {}, set()
        return found


class Judge:
    """Judges the records of batches."""

    def __init__(
        self, session: asyncpg.Connection, states: States, expressions: Expressions
    ) -> None:
        self._filling = Filling(session)
        self._states = states
        self._expressions = expressions
        self.evaluations = 0

    async def matches(
        self, arming: Arming, committed: Committed, passed: Mapping[int, int]
    ) -> AsyncIterator[Judged]:
        """What is met behind the message passed in each partition, in the order of the log.

        What many are met by comes in parts, so that it can be kept before more is found.
        """
        outcome = Outcome(committed.through)
        found = await self._lines(arming, committed, passed)
        # Of several agents, as they stand in the log: a part ends with a message.
        found.sort(key=lambda line: line.record.place)
        for number, lines in enumerate(_stretches(found)):
            if number:
                self._states.shrink()
                await asyncio.sleep(0)
            async for through in self._meet(arming, lines, outcome):
                yield outcome.taken(through)
        yield outcome.taken(committed.through)

    async def _meet(
        self, arming: Arming, lines: Sequence[Line], outcome: Outcome
    ) -> AsyncIterator[int]:
        """Judge some records by all that they could hit; up to which messages much was found."""
        pairs: list[Pair] = []
        turn = 0
        for number, line in enumerate(lines):
            pairs += self._pairs(arming, number, line, outcome.flooded)
            if len(pairs) >= _PAIRS:
                await self._judge(arming, pairs, outcome)
                pairs, turn = [], 0
                if len(outcome.matches) >= _MATCHES and _ends_message(lines, number):
                    yield line.record.place.stream_seq
                elif len(outcome.matches) >= _MOST_MATCHES:
                    outcome.flooded |= _flooded(outcome.matches, line.record.place.stream_seq)
            elif len(pairs) - turn >= _AT_A_STRETCH:
                turn = len(pairs)
                await asyncio.sleep(0)
        if pairs:
            await self._judge(arming, pairs, outcome)

    async def _judge(self, arming: Arming, pairs: list[Pair], outcome: Outcome) -> None:
        pairs, read_bytes = await self._with_states(arming, pairs)
        questions = await self._questions(pairs, outcome.sources)
        answers = await answered(self._expressions, questions) if questions.asked else Answers()
        self.evaluations += len(pairs)
        outcome.stopped = _stopped(pairs, answers) | outcome.stopped
        outcome.sources |= answers.stopped
        deciding = Deciding(answers, arming.messages, self._states)
        if read_bytes > LARGE:
            # Comparing documents of megabytes takes long, and other requests are not to wait.
            outcome.matches += await asyncio.to_thread(deciding.matches, pairs)
            return
        async for some in _in_turns(pairs):
            outcome.matches += deciding.matches(some)

    async def _lines(
        self, arming: Arming, committed: Committed, passed: Mapping[int, int]
    ) -> list[Line]:
        imported = frozenset(committed.imported)
        found: list[Line] = []
        unresolved: list[Line] = []
        for told in committed.agents:
            after = passed.get(partition_of(told.space, told.agent))
            if after is None or not arming.concerns(told.space, told.agent):
                continue
            asks_depth = arming.asks_depth(told.space, told.agent)
            for number, line in enumerate(lines_of(committed, told), 1):
                if not number % _AT_A_STRETCH:
                    await asyncio.sleep(0)
                record = line.record
                if record.place.stream_seq <= after or record.place.stream_seq in imported:
                    continue
                found.append(line)
                if asks_depth and record.is_event and record.depth is None:
                    unresolved.append(line)
        await self._resolve(unresolved)
        return found

    async def _resolve(self, lines: Sequence[Line]) -> None:
        """Wait until it is known how deep events stand whose causes other partitions have."""
        waiting = {(line.told.agent_id, line.record.event_index): line for line in lines}
        while waiting:
            depths = await self._filling.depths(waiting.keys())
            for event in [*waiting]:
                # One that is not there any more was erased, or dropped: nobody will ever know.
                depth = depths.get(event)
                if depth is not None or event not in depths:
                    waiting.pop(event).record.depth = depth
            if waiting:
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    def _pairs(
        self, arming: Arming, number: int, line: Line, flooded: Collection[UUID]
    ) -> Iterator[Pair]:
        seen: Seen | None = None
        for armed in candidates(arming.indexes(line.told.space, line.told.agent), line.record):
            if armed.watch.judged == "event" and not line.record.is_event:
                continue
            if armed.id in flooded:
                continue
            if seen is None:
                seen = _seen(line.record, line.told.agent_id, self._states.look)
            yield Pair(number, line, armed, seen)

    async def _with_states(self, arming: Arming, pairs: list[Pair]) -> tuple[list[Pair], int]:
        """Those whose states are there, loaded, and how many bytes of them will be looked into.

        What retention dropped meanwhile is passed over.
        """
        wanted: dict[Version, bool] = {}
        async for some in _in_turns(pairs):
            for pair in some:
                watch = pair.armed.watch
                reads = watch.reads_state or tells_state(arming.messages, pair.armed)
                if reads or watch.needs & _STATES:
                    for version in (pair.version, pair.version_before):
                        wanted[version] = reads or wanted.get(version, False)
        gone = await self._states.load(wanted)
        read_bytes = sum(self._states.size(one) for one, reads in wanted.items() if reads)
        if gone:
            pairs = [one for one in pairs if not gone & {one.version, one.version_before}]
        return pairs, read_bytes

    async def _questions(self, pairs: Sequence[Pair], stopped: Collection[str]) -> Questions:
        """What is to be asked; of what had to be stopped in this batch, nothing any more."""
        questions = Questions()
        events: dict[int, Json] = {}
        async for some in _in_turns(pairs):
            for pair in some:
                watch = pair.armed.watch
                if not watch.expressions or settled(watch.root, pair.seen) is False:
                    continue
                for expression in watch.expressions:
                    if expression.source not in stopped:
                        self._ask_of(questions, pair, expression, events)
        return questions

    def _ask_of(
        self, questions: Questions, pair: Pair, expression: Expression, events: dict[int, Json]
    ) -> None:
        event = None
        if "event" in expression.variables and pair.line.event is not None:
            if pair.number not in events:
                row = pair.line.event_row()
                assert row is not None
                events[pair.number] = spelling.event(row)
            event = events[pair.number]
        self._ask(questions, pair, expression, pair.version, event)
        if pair.armed.watch.judged == "state" and pair.armed.trigger == "edge":
            self._ask(questions, pair, expression, pair.version_before, None)

    def _ask(
        self,
        questions: Questions,
        pair: Pair,
        expression: Expression,
        version: Version,
        event: Json | None,
    ) -> None:
        state = self._states.raw(version) if "state" in expression.variables else None
        question = question_of(pair, expression, version)
        questions.ask(expression, question, Document(event, state))


def _ends_message(lines: Sequence[Line], number: int) -> bool:
    """Whether a line is surely the last one of its message."""
    if number + 1 == len(lines):
        return False
    seqs = (lines[at].record.place.stream_seq for at in (number, number + 1))
    return next(seqs) != next(seqs)


def _flooded(matches: Sequence[Match], stream_seq: int) -> set[UUID]:
    """The breakpoints that a message meets, where that is too often."""
    met = [one.armed.id for one in matches if one.line.record.place.stream_seq == stream_seq]
    return set(met) if len(met) >= _MOST_MATCHES else set()


def _stretches(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    """Records that are judged together."""
    start = size = 0
    for number, line in enumerate(lines):
        is_full = number - start >= _RECORDS or size + line.size > _STATE_BYTES
        if is_full and number > start:
            yield lines[start:number]
            start, size = number, 0
        size += line.size
    if start < len(lines):
        yield lines[start:]


async def _in_turns(pairs: Sequence[Pair]) -> AsyncIterator[Sequence[Pair]]:
    """Some at a time."""
    for start in range(0, len(pairs), _AT_A_STRETCH):
        if start:
            await asyncio.sleep(0)
        yield pairs[start : start + _AT_A_STRETCH]


def _stopped(pairs: Sequence[Pair], answers: Answers) -> dict[UUID, Stopped]:
    found: dict[UUID, Stopped] = {}
    for pair in pairs if answers.stopped else ():
        if any(one.source in answers.stopped for one in pair.armed.watch.expressions):
            found.setdefault(pair.armed.id, Stopped(pair.armed.id, pair.line))
    return found


def _seen(record: Record, agent_id: int, look: Callable[[Version], Callable[[], Any]]) -> Seen:
    before = None
    if record.clock_before is not None:
        before = Before(record.clock_before, look((agent_id, record.version_before)))
    return Seen(
        record.place,
        record.event_index,
        record.clock,
        record.is_event,
        record.type,
        record.depth,
        record.sets_state,
        look((agent_id, record.version)),
        before,
    )
