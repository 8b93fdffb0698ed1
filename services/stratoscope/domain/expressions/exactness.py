"""Comparing integers with doubles exactly, which the evaluator does by rounding to a double.

From 2^53 on a double is a whole number and may be said as an integer, and integers are compared
exactly. That changes its type, which arithmetic, conversions and `type()` would see: an expression
that has any of them is left alone.
"""

from typing import Final

from stratoscope.domain.expressions.tokens import Token, tokens

FIRST_INEXACT: Final = 2.0**53
_MIN, _MAX, _LIMIT = -(2.0**63), 2.0**63, 2.0**64
# No integer is as large, but the largest ones would be rounded to the limit.
_ABOVE: Final = 18446744073709555712.0
_ARITHMETIC: Final = frozenset("+*/%")
_TYPED: Final = frozenset(("bool", "double", "int", "string", "type", "uint"))


def exact_number(number: float) -> int | float:
    """A double as something that compares exactly with integers."""
    if abs(number) < FIRST_INEXACT or not _MIN <= number <= _LIMIT:
        return number
    return _ABOVE if number == _LIMIT else int(number)


def exact_source(source: str) -> str | None:
    """A checked source with exact literals; None where it can tell a double from an integer."""
    read = list(tokens(source))[:-1]
    if any(_tells_types(read, place) for place in range(len(read))):
        return None
    for place in reversed(range(len(read))):
        token = read[place]
        if _is_double(token):
            is_negative = place > 0 and read[place - 1].text == "-"
            source = (
                source[: token.position] + _spelled(token, is_negative) + _behind(source, token)
            )
    return source


def _tells_types(read: list[Token], place: int) -> bool:
    token = read[place]
    if token.kind == "name":
        return token.text in _TYPED and not (place and read[place - 1].text == ".")
    if token.kind != "sign":
        return False
    if token.text == "-":
        # A sign of a literal is a part of it.
        return _ends_operand(read, place) or read[place + 1].kind != "number"
    return token.text in _ARITHMETIC


def _ends_operand(read: list[Token], place: int) -> bool:
    """Whether what stands before a place is something to subtract from."""
    if not place:
        return False
    before = read[place - 1]
    return (before.kind != "sign" and before.text != "in") or before.text in (")", "]", "}")


def _is_double(token: Token) -> bool:
    return (
        token.kind == "number"
        and not token.text.startswith("0x")
        and any(letter in ".eE" for letter in token.text)
    )


def _spelled(token: Token, is_negative: bool) -> str:
    number = exact_number(-float(token.text) if is_negative else float(token.text))
    if isinstance(number, float):
        return repr(_ABOVE) if number == _ABOVE else token.text
    return f"{abs(number)}u" if number >= _MAX else str(abs(number))


def _behind(source: str, token: Token) -> str:
    return source[token.position + len(token.text) :]
