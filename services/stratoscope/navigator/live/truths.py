"""What expressions say of records: asked of the workers, for a whole batch at once.

An expression that takes too long is stopped. That is no match, and a strike against each breakpoint
that asked; what it was still to be asked in this batch is no match either, so that nobody waits for
it again before the next one.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from stratoscope.domain.conditions.judging import holds
from stratoscope.domain.conditions.parts import AllOf, AnyOf, Expressed, Not, Part
from stratoscope.domain.conditions.seen import Seen
from stratoscope.domain.expressions.rules import Expression
from stratoscope.navigator.expressions.evaluating import Document, Expressions, Verdict
from stratoscope.store.filling import Version

# What one expression may take for a batch, and for each record of it: ten times what most take.
SECONDS: Final = 0.1
SECONDS_A_RECORD: Final = 0.00025
# More than are evaluated at once; all of them at once would begin in one turn of the loop.
_ASKED_AT_ONCE: Final = 64

# The source, the line of the batch whose event it looks at, and the state that it looks at.
Question = tuple[str, int | None, Version | None]


@dataclass(slots=True)
class Questions:
    """What is to be asked in a batch, each once."""

    asked: dict[str, tuple[Expression, dict[Question, Document]]] = field(default_factory=dict)

    def ask(self, expression: Expression, question: Question, document: Document) -> None:
        """Ask one more."""
        # By source: hashing a whole expression takes longer than judging a record.
        if expression.source not in self.asked:
            self.asked[expression.source] = (expression, {})
        self.asked[expression.source][1][question] = document


@dataclass(slots=True)
class Answers:
    """What was found; `stopped` are the sources of expressions that were."""

    truths: dict[Question, bool] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)


async def answered(expressions: Expressions, questions: Questions) -> Answers:
    """Ask all of them."""
    answers = Answers()
    asked = iter(questions.asked.values())
    while some := [*islice(asked, _ASKED_AT_ONCE)]:
        await asyncio.gather(*(_ask(expressions, one, of, answers) for one, of in some))
    return answers


async def _ask(
    expressions: Expressions,
    expression: Expression,
    questions: Mapping[Question, Document],
    answers: Answers,
) -> None:
    seconds = SECONDS + len(questions) * SECONDS_A_RECORD
    verdicts = await expressions.evaluate(expression, list(questions.values()), seconds)
    if len(verdicts) < len(questions) or Verdict.STOPPED in verdicts:
        answers.stopped.add(expression.source)
    for question, verdict in zip(questions, verdicts, strict=False):
        answers.truths[question] = verdict is Verdict.HOLDS


def settled(part: Part, seen: Seen) -> bool | None:
    """Whether a part is true or false whatever its expressions say; None where they decide."""
    match part:
        case Expressed():
            return None
        case Not(one):
            found = settled(one, seen)
            return None if found is None else not found
        case AllOf(parts):
            return _joined([settled(one, seen) for one in parts], decisive=False)
        case AnyOf(parts):
            return _joined([settled(one, seen) for one in parts], decisive=True)
        case _:
            return holds(part, seen, {})


def _joined(found: list[bool | None], *, decisive: bool) -> bool | None:
    if decisive in found:
        return decisive
    return None if None in found else not decisive
