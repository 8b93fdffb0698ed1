"""Conditions as they come in requests: read, and their expressions tried by who evaluates them."""

from typing import Final
from uuid import UUID

import structlog
from pydantic import TypeAdapter, ValidationError

from stratoscope.domain.conditions.parts import Expressed, leaves
from stratoscope.domain.conditions.reading import ConditionRefused, watch
from stratoscope.domain.conditions.watch import Watch
from stratoscope.domain.expressions.rules import Expression
from stratoscope.navigator.expressions.evaluating import Document, Expressions, Verdict
from stratoscope.navigator.threads import work_on
from stratoscope_contracts.breakpoints import Condition
from stratoscope_contracts.errors import BadRequest, InvalidExpression, StratoError

_CONDITION: Final = TypeAdapter[Condition](Condition)
log = structlog.get_logger(__name__)
# A pattern is compiled where it is used: on a text of one letter it shows whether it is one.
_TRIAL_SECONDS = 0.25
# Reading a condition takes so many times as long as going through its text does.
_BYTES_A_LETTER = 256


async def watched(
    expressions: Expressions, condition: Condition, field: str = "condition"
) -> Watch:
    """A condition that can be judged. Raises BadRequest and InvalidExpression."""
    try:
        found = await work_on(_BYTES_A_LETTER * _letters(condition), watch, condition, field)
    except ConditionRefused as refused:
        raise _refused(refused) from refused
    for leaf in leaves(found.root):
        if isinstance(leaf, Expressed):
            await expressions.check(leaf.expression.source, leaf.field)
            if leaf.pattern is not None:
                await _try_pattern(expressions, leaf.pattern, leaf.field)
    return found


def stored_watch(breakpoint_id: UUID, condition: str) -> Watch | None:
    """A stored condition that can be judged; None where today's limits refuse it."""
    try:
        return watch(_CONDITION.validate_json(condition))
    except (ValidationError, ConditionRefused) as error:
        log.warning("a breakpoint is passed over", breakpoint=str(breakpoint_id), error=str(error))
        return None


def _letters(condition: Condition) -> int:
    return len(condition.model_dump_json())


async def _try_pattern(expressions: Expressions, pattern: str, field: str) -> None:
    trial = Expression(f"'x'.matches({pattern}) in [true, false]", (), ())
    verdicts = await expressions.evaluate(trial, [Document()], _TRIAL_SECONDS)
    if verdicts != [Verdict.HOLDS]:
        said = "this is no regular expression (RE2), or one that takes too long to be read"
        raise InvalidExpression(
            f"the condition is not taken: {said}", {"errors": [{"field": field, "message": said}]}
        )


def _refused(refused: ConditionRefused) -> StratoError:
    if refused.position is None:
        return BadRequest.of_fields((refused.field, refused.reason))
    said = f"{refused.reason}, at character {refused.position + 1}"
    return InvalidExpression(
        f"the expression is not taken: {said}",
        {
            "position": refused.position,
            "errors": [{"field": refused.field, "message": said}],
        },
    )
