"""Which breakpoints the records of a batch meet: the index narrows, the one evaluator decides."""

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Collection,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final
from uuid import UUID

import asyncpg

from stratoscope.broker.feed import Committed, Recorded
from stratoscope.domain.conditions.seen import Before, Seen
from stratoscope.domain.expressions.rules import Expression
from stratoscope.domain.watching.armed import Armed, Record
from stratoscope.domain.watching.index import Index
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
# So long a batch waits for depths before others have turns.
_DEPTHS_SECONDS: Final = 0.1
_STATES: Final = frozenset({"state", "changes"})
# What is judged together: so many records, and so many bytes of states that they have set.
_RECORDS: Final = 500
_STATE_BYTES: Final = 8 << 20
# So many pairs of a record and a breakpoint at a time.
_PAIRS: Final = 20_000
# So many matches are kept before more is judged; a record's stay together. Of one message at most.
_MATCHES: Final = 1_000
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

    A part has some of what the message behind it meets, of which more is to come. `flooded` are the
    breakpoints that one message met too often to be judged to its end.
    """

    through: int
    matches: list[Match] = field(default_factory=list)
    stopped: dict[UUID, Stopped] = field(default_factory=dict)
    flooded: set[UUID] = field(default_factory=set)
    is_part: bool = False


class Outcome:
    """What was found and not taken yet; `sources` are the expressions that had to be stopped."""

    def __init__(self) -> None:
        self.matches: list[Match] = []
        self.stopped: dict[UUID, Stopped] = {}
        self.sources: set[str] = set()
        self.flooded: set[UUID] = set()
        # How often the message met breakpoints of which a part was taken last, and which.
        self._parted = 0
        self._times = 0
        self._met: set[UUID] = set()

    def parts(self) -> Iterator[Judged]:
        """Take as much as can be kept now, in parts; what is left is less than one."""
        while len(self.matches) >= _MATCHES:
            seq = self.matches[0].line.record.place.stream_seq
            ends = (at for at in range(_MATCHES, 0, -1) if self._begins_message(at))
            end = next(ends, None)
            if end is not None:
                yield self._taken(end, self.matches[end].line.record.place.stream_seq - 1)
                continue
            end = _MATCHES
            while end < len(self.matches) and not self._begins_record(end):
                end += 1
            judged = self._taken(end, seq - 1)
            judged.is_part = True
            judged.flooded = self._flooding(seq, judged.matches)
            yield judged

    def rest(self, through: int) -> Judged:
        """Take all that is left."""
        return self._taken(len(self.matches), through)

    def _taken(self, end: int, through: int) -> Judged:
        judged = Judged(through, self.matches[:end], self.stopped)
        self.matches, self.stopped = self.matches[end:], {}
        return judged

    def _flooding(self, seq: int, matches: Sequence[Match]) -> set[UUID]:
        """The breakpoints that a message meets, where that is too often by now."""
        if seq != self._parted:
            self._parted, self._times, self._met = seq, 0, set()
        self._times += len(matches)
        self._met.update(one.armed.id for one in matches)
        if self._times < _MOST_MATCHES:
            return set()
        self.flooded |= self._met
        return self._met

    def _begins_message(self, at: int) -> bool:
        """Whether a match is the first one of its message; unknown of one that is not there yet."""
        if at >= len(self.matches):
            return False
        seqs = (self.matches[one].line.record.place.stream_seq for one in (at - 1, at))
        return next(seqs) != next(seqs)

    def _begins_record(self, at: int) -> bool:
        return self.matches[at].line is not self.matches[at - 1].line


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
    ) -> AsyncGenerator[Judged, None]:
        """What is met behind the message passed in each partition, in the order of the log.

        What many are met by comes in parts, so that it can be kept before more is found.
        """
        outcome = Outcome()
        found, unresolved = await self._lines(arming, committed, passed)
        async for _ in self._resolve(unresolved):
            yield Judged(min(passed.values()), is_part=True)
        # Of several agents, as they stand in the log: a part ends with a record.
        found.sort(key=lambda line: line.record.place)
        for number, lines in enumerate(_stretches(found)):
            if number:
                self._states.shrink()
                await asyncio.sleep(0)
            async for judged in self._meet(arming, lines, outcome):
                yield judged
        yield outcome.rest(committed.through)

    async def _meet(
        self, arming: Arming, lines: Sequence[Line], outcome: Outcome
    ) -> AsyncIterator[Judged]:
        """Judge some records by all that they could hit; what can be kept before more is found."""
        pairs: list[Pair] = []
        turn = 0
        told: Recorded | None = None
        indexes: list[Index] = []
        for number, line in enumerate(lines):
            if line.told is not told:
                told = line.told
                indexes = arming.indexes(told.space, told.agent)
            if met := candidates(indexes, line.record):
                pairs += self._pairs(met, number, line, outcome.flooded)
            if len(pairs) >= _PAIRS:
                await self._judge(arming, pairs, outcome)
                pairs, turn = [], 0
                for judged in outcome.parts():
                    yield judged
                    # Meanwhile others may have been armed.
                    told = None
            elif len(pairs) - turn >= _AT_A_STRETCH:
                turn = len(pairs)
                await asyncio.sleep(0)
        if pairs:
            await self._judge(arming, pairs, outcome)
            for judged in outcome.parts():
                yield judged

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
    ) -> tuple[list[Line], list[Line]]:
        """The records to judge, and those of them of which a depth is asked and not known yet."""
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
        return found, unresolved

    async def _resolve(self, lines: Sequence[Line]) -> AsyncIterator[None]:
        """Return once it is known how deep events stand whose causes other partitions have.

        Where that takes longer than a moment others have turns: a projector may lag.
        """
        patience = monotonic() + _DEPTHS_SECONDS
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
                if monotonic() > patience:
                    yield

    def _pairs(
        self, met: Sequence[Armed], number: int, line: Line, flooded: Collection[UUID]
    ) -> Iterator[Pair]:
        seen: Seen | None = None
        for armed in met:
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
