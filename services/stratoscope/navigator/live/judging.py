"""Which breakpoints the records of a batch meet: the index narrows, the one evaluator decides."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from stratoscope.broker.feed import Committed
from stratoscope.domain.conditions.judging import Truths, is_hit
from stratoscope.domain.conditions.reasons import reason
from stratoscope.domain.conditions.seen import Before, Seen
from stratoscope.domain.expressions.rules import Expression
from stratoscope.domain.watching.armed import Armed, Record
from stratoscope.navigator import spelling
from stratoscope.navigator.expressions.evaluating import Document, Expressions
from stratoscope.navigator.live.arming import Arming, candidates
from stratoscope.navigator.live.lines import Line, lines_of
from stratoscope.navigator.live.states import States
from stratoscope.navigator.live.truths import Answers, Question, Questions, answered, settled
from stratoscope.navigator.serving import Serving
from stratoscope.navigator.spelling import Json
from stratoscope.navigator.threads import LARGE
from stratoscope.store.filling import Filling, Version
from stratoscope_contracts.subjects import partition_of

_LOOK_AGAIN_SECONDS: Final = 0.02
_STATES: Final = frozenset({"state", "changes"})
# Judging so many records at a stretch takes some milliseconds; between them others have a turn.
_AT_A_STRETCH: Final = 500


@dataclass(slots=True)
class Pair:
    """A record and a breakpoint that it could hit."""

    number: int
    line: Line
    armed: Armed
    seen: Seen

    @property
    def version(self) -> Version:
        """The state after the record."""
        return self.line.told.agent_id, self.line.record.version

    @property
    def version_before(self) -> Version:
        """The state before it."""
        return self.line.told.agent_id, self.line.record.version_before


@dataclass(frozen=True, slots=True)
class Match:
    """A record at which a breakpoint's condition is met, and why."""

    line: Line
    armed: Armed
    reason: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """A breakpoint of which an expression took too long, first at a record."""

    breakpoint_id: UUID
    line: Line


class Judge:
    """Judges the records of batches."""

    def __init__(self, pool: Serving, states: States, expressions: Expressions) -> None:
        self._pool = pool
        self._states = states
        self._expressions = expressions
        self.evaluations = 0

    async def matches(
        self, arming: Arming, committed: Committed, passed: Mapping[int, int]
    ) -> tuple[list[Match], list[Stopped]]:
        """What is met behind the message passed in each partition, and what had to be stopped."""
        lines = await self._lines(arming, committed, passed)
        matches: list[Match] = []
        stopped: dict[UUID, Stopped] = {}
        for start in range(0, len(lines), _AT_A_STRETCH):
            pairs = [*self._pairs(arming, lines[start : start + _AT_A_STRETCH])]
            if not pairs:
                continue
            pairs = await self._with_states(arming, pairs)
            questions = self._questions(pairs)
            answers = await answered(self._expressions, questions) if questions.asked else Answers()
            self.evaluations += len(pairs)
            matches += await self._judged(pairs, answers)
            stopped = _stopped(pairs, answers) | stopped
            await asyncio.sleep(0)
        return matches, list(stopped.values())

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
            async with self._pool.acquire() as session:
                depths = await Filling(session).depths(waiting.keys())
            for event, depth in depths.items():
                if depth is not None:
                    waiting.pop(event).record.depth = depth
            if waiting:
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    def _pairs(self, arming: Arming, lines: Sequence[Line]) -> Iterator[Pair]:
        for number, line in enumerate(lines):
            seen: Seen | None = None
            for armed in candidates(arming.indexes(line.told.space, line.told.agent), line.record):
                if armed.watch.judged == "event" and not line.record.is_event:
                    continue
                if seen is None:
                    seen = _seen(line.record, line.told.agent_id, self._states.look)
                yield Pair(number, line, armed, seen)

    async def _with_states(self, arming: Arming, pairs: list[Pair]) -> list[Pair]:
        """Those whose states are there, loaded; what retention dropped meanwhile is passed over."""
        wanted: dict[Version, None] = {}
        for pair in pairs:
            template = arming.messages.get(pair.armed.id)
            if pair.armed.watch.needs & _STATES or (template and "state" in template.roots):
                wanted[pair.version] = wanted[pair.version_before] = None
        gone = await self._states.load(wanted)
        if not gone:
            return pairs
        return [one for one in pairs if not gone & {one.version, one.version_before}]

    def _questions(self, pairs: Sequence[Pair]) -> Questions:
        questions = Questions()
        events: dict[int, Json] = {}
        for pair in pairs:
            watch = pair.armed.watch
            if not watch.expressions or settled(watch.root, pair.seen) is False:
                continue
            for expression in watch.expressions:
                event = None
                if "event" in expression.variables and pair.line.event is not None:
                    if pair.number not in events:
                        row = pair.line.event_row()
                        assert row is not None
                        events[pair.number] = spelling.event(row)
                    event = events[pair.number]
                self._ask(questions, pair, expression, pair.version, event)
                if watch.judged == "state" and pair.armed.trigger == "edge":
                    self._ask(questions, pair, expression, pair.version_before, None)
        return questions

    def _ask(
        self,
        questions: Questions,
        pair: Pair,
        expression: Expression,
        version: Version,
        event: Json | None,
    ) -> None:
        state = self._states.raw(version) if "state" in expression.variables else None
        question = _question(pair, expression, version)
        questions.ask(expression, question, Document(event, state))

    async def _judged(self, pairs: Sequence[Pair], answers: Answers) -> list[Match]:
        if any(self._states.size(pair.version) > LARGE for pair in pairs):
            # Comparing documents of megabytes takes long, and other requests are not to wait.
            return await asyncio.to_thread(_judge_all, pairs, answers)
        return _judge_all(pairs, answers)


def _judge_all(pairs: Sequence[Pair], answers: Answers) -> list[Match]:
    found: list[Match] = []
    for pair in pairs:
        armed, seen = pair.armed, pair.seen
        truths = _truths(pair, answers, pair.version)
        before = _truths(pair, answers, pair.version_before)
        if is_hit(armed.watch, seen, truths, before, armed.trigger):
            found.append(Match(pair.line, armed, reason(armed.watch, seen, truths)))
    return found


def _stopped(pairs: Sequence[Pair], answers: Answers) -> dict[UUID, Stopped]:
    found: dict[UUID, Stopped] = {}
    for pair in pairs if answers.stopped else ():
        if any(one.source in answers.stopped for one in pair.armed.watch.expressions):
            found.setdefault(pair.armed.id, Stopped(pair.armed.id, pair.line))
    return found


def _truths(pair: Pair, answers: Answers, version: Version) -> Truths:
    expressions = pair.armed.watch.expressions
    if not expressions:
        return {}
    return {
        one.source: answers.truths.get(_question(pair, one, version), False) for one in expressions
    }


def _question(pair: Pair, expression: Expression, version: Version) -> Question:
    return (
        expression.source,
        pair.number if "event" in expression.variables else None,
        version if "state" in expression.variables else None,
    )


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
