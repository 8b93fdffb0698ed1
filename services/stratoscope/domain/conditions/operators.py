"""What the operators of `on_state` say of a value.

Values compare as JSON does (1 is 1.0, true is not 1). A value that is not there, or of a type that
an operator does not know, is no match: only `exists` can hold of nothing, where it asks for that.
Order is among numbers and among texts (by code point). `matches` is not here: a regular expression
is evaluated where it can be stopped.
"""

from typing import Literal, assert_never

from stratoscope.domain.equality import equal
from stratoscope.domain.paths import MISSING

Op = Literal["eq", "ne", "lt", "le", "gt", "ge", "in", "contains", "exists"]
Order = Literal["lt", "le", "gt", "ge"]


def compares(op: Op, found: object, wanted: object) -> bool:
    """Whether a value in a state is what an operator wants."""
    if op == "exists":
        return (found is not MISSING) is (wanted is not False)
    if found is MISSING:
        return False
    match op:
        case "eq":
            return equal(found, wanted)
        case "ne":
            return not equal(found, wanted)
        case "in":
            return isinstance(wanted, list) and _has(wanted, found)
        case "contains":
            return _contains(found, wanted)
        case "lt" | "le" | "gt" | "ge":
            return _ordered(op, found, wanted)
        case _:
            assert_never(op)


def _contains(found: object, wanted: object) -> bool:
    match found:
        case list():
            return _has(found, wanted)
        case str() | dict():
            return isinstance(wanted, str) and wanted in found
        case _:
            return False


def _has(values: list[object], wanted: object) -> bool:
    return any(equal(value, wanted) for value in values)


def _ordered(op: Order, found: object, wanted: object) -> bool:
    if isinstance(found, str) and isinstance(wanted, str):
        sign = (found > wanted) - (found < wanted)
    elif _is_number(found) and _is_number(wanted):
        # Python compares an integer with a float by what both measure, however large.
        sign = (found > wanted) - (found < wanted)  # type: ignore[operator]  # numbers, both
    else:
        return False
    match op:
        case "lt":
            return sign < 0
        case "le":
            return sign <= 0
        case "gt":
            return sign > 0
        case "ge":
            return sign >= 0
        case _:
            assert_never(op)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
