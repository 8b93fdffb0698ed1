"""A record and a breakpoint that it could hit, and whether the condition is met there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from stratoscope.domain.conditions.judging import Truths, is_hit
from stratoscope.domain.conditions.reasons import reason
from stratoscope.domain.conditions.seen import Seen
from stratoscope.domain.expressions.rules import Expression
from stratoscope.domain.watching.armed import Armed
from stratoscope.domain.watching.templates import Template
from stratoscope.navigator import spelling
from stratoscope.navigator.live.lines import Line
from stratoscope.navigator.live.messages import message_of
from stratoscope.navigator.live.states import States
from stratoscope.navigator.live.truths import Answers, Question
from stratoscope.store.filling import Version


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
    """A record at which a breakpoint's condition is met, and why.

    The message is there already where it tells of the state.
    """

    line: Line
    armed: Armed
    reason: str
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Deciding:
    """What it takes to decide: all expressions are answered, all states are at hand."""

    answers: Answers
    messages: Mapping[UUID, Template]
    states: States

    def matches(self, pairs: Sequence[Pair]) -> list[Match]:
        """Those of which the condition is met."""
        found: list[Match] = []
        for pair in pairs:
            armed, seen = pair.armed, pair.seen
            truths = _truths(pair, self.answers, pair.version)
            before = _truths(pair, self.answers, pair.version_before)
            if is_hit(armed.watch, seen, truths, before, armed.trigger):
                why = reason(armed.watch, seen, truths)
                found.append(Match(pair.line, armed, why, self._message(pair)))
        return found

    def _message(self, pair: Pair) -> str | None:
        """Told now, as long as the state is at hand."""
        if not tells_state(self.messages, pair.armed):
            return None
        row = pair.line.event_row()
        event = None if row is None else spelling.event(row)
        state = self.states.document(pair.version)
        return message_of(self.messages[pair.armed.id], event, state)


def question_of(pair: Pair, expression: Expression, version: Version) -> Question:
    """What an expression is asked of a record: of those that see the same, it is asked once."""
    return (
        expression.source,
        pair.number if "event" in expression.variables else None,
        version if "state" in expression.variables else None,
    )


def tells_state(messages: Mapping[UUID, Template], armed: Armed) -> bool:
    """Whether a breakpoint's message has a place for something of the state."""
    template = messages.get(armed.id)
    return template is not None and "state" in template.roots


def _truths(pair: Pair, answers: Answers, version: Version) -> Truths:
    expressions = pair.armed.watch.expressions
    if not expressions:
        return {}
    return {
        one.source: answers.truths.get(question_of(pair, one, version), False)
        for one in expressions
    }
