"""A naive evaluator of CEL over its own small syntax trees, to compare the real one with.

A tree is a tuple: an operator and its parts. Values are Python's, but a `uint` is a `Uint`, so that
the three types of numbers are told apart. Numbers are compared as fractions.
"""

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any, Final

Tree = tuple[Any, ...]
Document = dict[str, Any]

_ORDERS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Uint:
    """An unsigned integer."""

    value: int


class CelError(Exception):
    """The error that an expression evaluates to."""


def written(tree: Tree) -> str:
    """A tree as CEL."""
    match tree:
        case ("value", value):
            return _literal(value)
        case ("path", *keys):
            return ".".join(("state", *keys))
        case ("has", *keys):
            return f"has({'.'.join(('state', *keys))})"
        case ("loop",):
            return "x"
        case ("macro", name, over, body):
            return f"{written(over)}.{name}(x, {written(body)})"
        case ("call", name, part):
            return f"{name}({written(part)})"
    return _written_sign(tree[0], [written(part) for part in tree[1:]])


def _written_sign(sign: str, parts: list[str]) -> str:
    match sign, parts:
        case "not", [part]:
            return f"!({part})"
        case "if", [condition, this, that]:
            return f"({condition} ? {this} : {that})"
        case "list", _:
            return f"[{', '.join(parts)}]"
        case "index", [part, key]:
            return f"{part}[{key}]"
        case _, [left, right]:
            return f"({left} {sign} {right})"
    raise AssertionError(sign)


def _literal(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Uint(number):
            return f"{number}u"
        case str():
            return f"'{value}'"
        case _:
            return repr(value)


def typed(value: Any) -> Any:
    """A document as CEL sees it: integers that no `int` holds are of type `uint`."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 2**63:
        return Uint(value)
    if isinstance(value, dict):
        return {key: typed(one) for key, one in value.items()}
    return [typed(one) for one in value] if isinstance(value, list) else value


def evaluate(tree: Tree, state: Document, loop: Any = None) -> Any:
    """The value of a tree. Raises CelError."""
    match tree:
        case ("value", value):
            return value
        case ("loop",):
            return loop
        case ("path", *keys):
            return _at(state, keys)
        case ("has", *keys):
            return keys[-1] in _expect(_at(state, keys[:-1]), dict)
        case ("macro", name, over, body):
            return _macro(name, evaluate(over, state), lambda one: evaluate(body, state, one))
    return _operated(tree, lambda part: evaluate(part, state, loop))


def _operated(tree: Tree, of: Callable[[Tree], Any]) -> Any:
    match tree:
        case ("not", part):
            return not _expect(of(part), bool)
        case ("&&" | "||" as sign, left, right):
            return _absorbed([lambda: of(left), lambda: of(right)], sign == "||")
        case ("if", condition, this, that):
            return of(this) if _expect(of(condition), bool) else of(that)
        case ("list", *parts):
            return [of(part) for part in parts]
        case ("call", name, part):
            return _called(name, of(part))
    return _strict(tree[0], [of(part) for part in tree[1:]])


def _at(state: Document, keys: list[str]) -> Any:
    value: Any = state
    for key in keys:
        if key not in _expect(value, dict):
            raise CelError(key)
        value = value[key]
    return value


def _expect(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise CelError(value)
    return value


def _absorbed(parts: Sequence[Callable[[], Any]], decides: bool) -> bool:
    failed: CelError | None = None
    for part in parts:
        try:
            value: bool = _expect(part(), bool)
            if value is decides:
                return decides
        except CelError as error:
            failed = error
    if failed is not None:
        raise failed
    return not decides


def _macro(name: str, over: Any, body: Callable[[Any], Any]) -> Any:
    if not isinstance(over, list | dict):
        raise CelError(over)
    elements = list(over)
    bodies = [partial(body, one) for one in elements]
    match name:
        case "exists" | "all":
            return _absorbed(bodies, name == "exists")
        case "exists_one":
            return sum(_expect(one(), bool) for one in bodies) == 1
        case "filter":
            pairs = zip(elements, bodies, strict=True)
            return [each for each, one in pairs if _expect(one(), bool)]
        case _:
            return [one() for one in bodies]


def _strict(sign: str, parts: list[Any]) -> Any:
    match sign, parts:
        case "==", [left, right]:
            return _equal(left, right)
        case "!=", [left, right]:
            return not _equal(left, right)
        case (("<" | "<=" | ">" | ">="), [left, right]):
            return _ordered(sign, left, right)
        case "in", [left, right]:
            if not isinstance(right, list | dict):
                raise CelError(right)
            return any(_equal(left, one) for one in right)
        case "index", [value, key]:
            return _indexed(value, key)
        case _, [left, right]:
            return _calculated(sign, left, right)
    raise AssertionError(sign)


def _number(value: Any) -> Fraction | float | None:
    if isinstance(value, Uint):
        return Fraction(value.value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Fraction(value) if math.isfinite(value) else value


def _equal(left: Any, right: Any) -> bool:
    numbers = (_number(left), _number(right))
    if None not in numbers:
        return numbers[0] == numbers[1]
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    return bool(left == right)


def _ordered(sign: str, left: Any, right: Any) -> bool:
    numbers = (_number(left), _number(right))
    if None not in numbers:
        return bool(_ORDERS[sign](*numbers))
    if type(left) is not type(right) or not isinstance(left, str | bool):
        raise CelError(sign)
    return bool(_ORDERS[sign](left, right))


def _indexed(value: Any, key: Any) -> Any:
    if isinstance(value, list):
        number = _number(key)
        if number is None or number != number // 1 or not 0 <= number < len(value):
            raise CelError(key)
        return value[int(number)]
    if isinstance(value, dict) and isinstance(key, str) and key in value:
        return value[key]
    raise CelError(key)


def _called(name: str, value: Any) -> Any:
    if name == "size":
        if isinstance(value, str | list | dict):
            return len(value)
        raise CelError(value)
    assert name == "dyn"
    return value


def _calculated(sign: str, left: Any, right: Any) -> Any:
    if type(left) is not type(right):
        raise CelError(sign)
    if sign == "+" and isinstance(left, str | list):
        return left + right
    if isinstance(left, Uint):
        return Uint(_fitting(_whole(sign, left.value, right.value), 0, 2**64))
    if isinstance(left, int) and not isinstance(left, bool):
        return _fitting(_whole(sign, left, right), -(2**63), 2**63)
    if isinstance(left, float) and sign != "%":
        return _real(sign, left, right)
    raise CelError(sign)


def _whole(sign: str, left: int, right: int) -> int:
    if sign in "/%":
        if right == 0:
            raise CelError(sign)
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return quotient if sign == "/" else left - quotient * right
    return int({"+": operator.add, "-": operator.sub, "*": operator.mul}[sign](left, right))


def _fitting(number: int, low: int, high: int) -> int:
    if not low <= number < high:
        raise CelError(number)
    return number


def _real(sign: str, left: float, right: float) -> float:
    if sign != "/":
        return float({"+": operator.add, "-": operator.sub, "*": operator.mul}[sign](left, right))
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1, right)
