"""From a condition as it came to one that can be judged.

What can't be judged is refused here: a path that is none, an expression against the rules, more
parts or levels than anybody means. Whether an expression is CEL, and the pattern of a `matches` a
regular expression, only who evaluates them can say.
"""

import json
from dataclasses import replace
from typing import Final, assert_never

from stratoscope.domain import paths
from stratoscope.domain.conditions.parts import (
    AllOf,
    AnyOf,
    AtDepth,
    AtIndex,
    Changed,
    Expressed,
    Not,
    OfType,
    Part,
    StateIs,
    TimeReached,
)
from stratoscope.domain.conditions.watch import Watch
from stratoscope.domain.expressions.refusal import ExpressionRefused
from stratoscope.domain.expressions.rules import checked
from stratoscope.domain.paths import Segments, index_of
from stratoscope_contracts.breakpoints import (
    AllOfCondition,
    AnyOfCondition,
    AtEventIndexCondition,
    AtTimeCondition,
    Condition,
    ExpressionCondition,
    NotCondition,
    OnCausalityDepthCondition,
    OnChangeCondition,
    OnEventTypeCondition,
    OnStateCondition,
)

MAX_LEAVES: Final = 100
MAX_LEVELS: Final = 16


class ConditionRefused(ValueError):
    """A condition that is not taken; `field` is the part of it that this is about.

    `position` is the character of an expression that is to blame, None for any other fault.
    """

    def __init__(self, field: str, reason: str, position: int | None = None) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
        self.position = position


def watch(condition: Condition, field: str = "condition") -> Watch:
    """A condition ready to be judged. Raises ConditionRefused."""
    reader = _Reader(field)
    return Watch(reader.part(condition, field, 1))


class _Reader:
    """One walk through a condition, counting."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._leaves = 0

    def part(self, condition: Condition, field: str, level: int) -> Part:
        if level > MAX_LEVELS:
            raise ConditionRefused(self._field, f"nested deeper than {MAX_LEVELS} levels")
        match condition:
            case AllOfCondition():
                return AllOf(self._all(condition.conditions, field, level))
            case AnyOfCondition():
                return AnyOf(self._all(condition.conditions, field, level))
            case NotCondition():
                return Not(self.part(condition.condition, f"{field}.condition", level + 1))
            case _:
                return self._leaf(condition, field)

    def _all(self, conditions: list[Condition], field: str, level: int) -> tuple[Part, ...]:
        return tuple(
            self.part(one, f"{field}.conditions[{number}]", level + 1)
            for number, one in enumerate(conditions)
        )

    def _leaf(
        self,
        condition: AtTimeCondition
        | AtEventIndexCondition
        | OnEventTypeCondition
        | OnStateCondition
        | OnChangeCondition
        | OnCausalityDepthCondition
        | ExpressionCondition,
        field: str,
    ) -> Part:
        self._leaves += 1
        if self._leaves > MAX_LEAVES:
            raise ConditionRefused(self._field, f"more than {MAX_LEAVES} conditions in one")
        match condition:
            case AtTimeCondition():
                return TimeReached(condition.time)
            case AtEventIndexCondition():
                return AtIndex(condition.index)
            case OnEventTypeCondition():
                return OfType(condition.type)
            case OnCausalityDepthCondition():
                return AtDepth(condition.depth)
            case OnChangeCondition():
                return Changed(_path(condition.path, field))
            case OnStateCondition():
                return _state(condition, field)
            case ExpressionCondition():
                return _expressed(condition.source, f"{field}.source")
            case _:
                assert_never(condition)


def _state(condition: OnStateCondition, field: str) -> Part:
    path, op, value = _path(condition.path, field), condition.op, condition.value
    if op != "matches":
        return StateIs(path, op, value)
    pattern = json.dumps(value, ensure_ascii=False)
    if condition.path.startswith("/") and any(index_of(str(one)) is not None for one in path):
        # Elsewhere the document tells one from the other; CEL must be told.
        raise ConditionRefused(
            f"{field}.path", "a pointer does not tell an index from a key: write it dotted"
        )
    said = f"on_state {paths.format(path)} matches {pattern}"
    source = f"{_spelled(path)}.matches({pattern})"
    return replace(_expressed(source, f"{field}.value"), said=said, pattern=pattern)


def _expressed(source: str, field: str) -> Expressed:
    try:
        return Expressed(checked(source), field)
    except ExpressionRefused as refused:
        raise ConditionRefused(field, refused.reason, refused.position) from refused


def _path(text: str, field: str) -> Segments:
    try:
        return paths.parse(text)
    except paths.PathSyntaxError as error:
        reason = f"{error.reason} at character {error.position}"
        raise ConditionRefused(f"{field}.path", reason) from error


def _spelled(path: Segments) -> str:
    """A path of the state in CEL."""
    return "state" + "".join(f"[{json.dumps(one, ensure_ascii=False)}]" for one in path)
