"""A hit in words: what of a condition was true, and of which values."""

import json
from typing import Final, assert_never

from stratoscope.domain import paths
from stratoscope.domain.conditions.judging import NO_TRUTHS, Truths, changed, holds
from stratoscope.domain.conditions.parts import (
    AllOf,
    AnyOf,
    AtDepth,
    AtIndex,
    Changed,
    Expressed,
    Leaf,
    Not,
    OfType,
    Part,
    StateIs,
    TimeReached,
)
from stratoscope.domain.conditions.seen import Seen
from stratoscope.domain.conditions.watch import Watch
from stratoscope.domain.paths import Segments
from stratoscope_contracts.words import render_time

_VALUE_LETTERS: Final = 60
_EXPRESSION_LETTERS: Final = 200
_REASON_LETTERS: Final = 500


def reason(watch: Watch, seen: Seen, truths: Truths = NO_TRUTHS) -> str:
    """Why a record is a hit, as in "health: 3 → 0 (on_state health eq 0)"."""
    return _cut("; ".join(_reasons(watch.root, seen, truths)), _REASON_LETTERS)


def described(part: Part) -> str:
    """A condition in a line."""
    match part:
        case AllOf(parts):
            return " and ".join(_grouped(one) for one in parts)
        case AnyOf(parts):
            return " or ".join(_grouped(one) for one in parts)
        case Not(one):
            return f"not {_grouped(one)}"
        case _:
            return _leaf(part)


def _leaf(leaf: Leaf) -> str:
    match leaf:
        case TimeReached(time):
            return f"at_time {render_time(time)}"
        case AtIndex(index):
            return f"at_event_index {index}"
        case OfType(type):
            return f"on_event_type {type}"
        case AtDepth(depth):
            return f"on_causality_depth {depth}"
        case StateIs(path, op, value):
            wanted = "" if value is None and op == "exists" else f" {_value(value)}"
            return f"on_state {paths.format(path)} {op}{wanted}"
        case Changed(path):
            return f"on_change {paths.format(path)}".rstrip()
        case Expressed(expression=expression, said=said):
            return _cut(said or f"expression {expression.source}", _EXPRESSION_LETTERS)
        case _:
            assert_never(leaf)


def _grouped(part: Part) -> str:
    said = described(part)
    return f"({said})" if isinstance(part, AllOf | AnyOf) else said


def _reasons(part: Part, seen: Seen, truths: Truths) -> list[str]:
    match part:
        case AllOf(parts):
            return [said for one in parts for said in _reasons(one, seen, truths)]
        case AnyOf(parts):
            return [
                said
                for one in parts
                if holds(one, seen, truths)
                for said in _reasons(one, seen, truths)
            ]
        case Not():
            return [described(part)]
        case _:
            return [_of_leaf(part, seen)]


def _of_leaf(leaf: Leaf, seen: Seen) -> str:
    match leaf:
        case TimeReached():
            clock = "" if seen.clock is None else f"{render_time(seen.clock)} "
            return f"clock {clock}({described(leaf)})"
        case AtIndex(index):
            return f"event {index} ({described(leaf)})"
        case OfType():
            return f"event {seen.event_index} is {seen.type} ({described(leaf)})"
        case AtDepth():
            return f"event {seen.event_index} is {seen.depth} deep ({described(leaf)})"
        case StateIs(path=path) | Changed(path=path):
            return f"{paths.format(path) or 'state'}: {_change(seen, path)} ({described(leaf)})"
        case Expressed():
            return described(leaf)
        case _:
            assert_never(leaf)


def _change(seen: Seen, path: Segments) -> str:
    """The value at a path, with the one before where the record changed it."""
    now = _value(paths.get(seen.state(), path))
    if not changed(seen, path):
        return now
    old: object = {} if seen.before is None else seen.before.state()
    return f"{_value(paths.get(old, path))} → {now}"


def _value(value: object) -> str:
    """A value in brief, whatever its size."""
    match value:
        case paths.MISSING:
            return "nothing"
        case dict():
            return f"an object of {len(value)}"
        case list():
            return f"a list of {len(value)}"
        case str():
            return json.dumps(_cut(value, _VALUE_LETTERS), ensure_ascii=False)
        case _:
            return json.dumps(value)


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"
