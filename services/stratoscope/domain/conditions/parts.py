"""What a condition is made of once it was read: paths parsed, expressions checked."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from stratoscope.domain.conditions.operators import Op
from stratoscope.domain.expressions.rules import Expression
from stratoscope.domain.paths import Segments


@dataclass(frozen=True, slots=True)
class TimeReached:
    """The clock has reached a time."""

    time: datetime


@dataclass(frozen=True, slots=True)
class AtIndex:
    """The event has an index."""

    index: int


@dataclass(frozen=True, slots=True)
class OfType:
    """The event has a type."""

    type: str


@dataclass(frozen=True, slots=True)
class AtDepth:
    """The event stands at a depth."""

    depth: int


@dataclass(frozen=True, slots=True)
class StateIs:
    """A value in the state."""

    path: Segments
    op: Op
    value: Any


@dataclass(frozen=True, slots=True)
class Changed:
    """The record changed a path or something below it."""

    path: Segments


@dataclass(frozen=True, slots=True)
class Expressed:
    """An expression, and the `field` that it came in.

    An `on_state` that `matches` is one, too: then `said` is how it was asked for, and `pattern` the
    regular expression as a literal.
    """

    expression: Expression
    field: str = ""
    said: str = ""
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one of them."""

    parts: tuple["Part", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of them."""

    parts: tuple["Part", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Its opposite."""

    part: "Part"


Leaf = TimeReached | AtIndex | OfType | AtDepth | StateIs | Changed | Expressed
Part = Leaf | AllOf | AnyOf | Not


def leaves(part: Part) -> Iterator[Leaf]:
    """What a condition comes down to, in order."""
    match part:
        case AllOf(parts) | AnyOf(parts):
            for one in parts:
                yield from leaves(one)
        case Not(one):
            yield from leaves(one)
        case TimeReached() | AtIndex() | OfType() | AtDepth() | StateIs() | Changed() | Expressed():
            yield part
        case _:
            assert_never(part)
