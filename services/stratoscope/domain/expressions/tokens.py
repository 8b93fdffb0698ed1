"""From the text of an expression to its tokens, as CEL spells them."""

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from stratoscope.domain.expressions.refusal import ExpressionRefused

TokenKind = Literal["name", "number", "text", "sign", "end"]

_TOKEN: Final = re.compile(
    r"""
    (?P<blank>[ \t\r\n\f]+|//[^\n]*)
  | (?P<text>
        [bB]?[rR](?:\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"\r\n]*"|'[^'\r\n]*')
      | [bB]?(?:\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}
               |"(?:\\.|[^"\\\r\n])*"|'(?:\\.|[^'\\\r\n])*')
    )
  | (?P<number>0x[0-9a-fA-F]+[uU]?|[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?
      |[0-9]+(?:[eE][+-]?[0-9]+|[uU])?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<sign>==|!=|<=|>=|&&|\|\||[-<>+*/%!?:.,()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)
_SINGLES: Final = {
    "=": "'=' alone compares nothing: write '=='",
    "&": "'&' alone joins nothing: write '&&'",
    "|": "'|' alone joins nothing: write '||'",
    '"': "a text is not closed",
    "'": "a text is not closed",
}


class Token(NamedTuple):
    """A word of an expression and where it stands."""

    kind: TokenKind
    text: str
    position: int


def tokens(source: str) -> Iterator[Token]:
    """The tokens of an expression, with an `end` behind them. Raises ExpressionRefused."""
    position = 0
    while position < len(source):
        found = _TOKEN.match(source, position)
        if found is None:
            reason = _SINGLES.get(source[position], "a character that stands in no expression")
            raise ExpressionRefused(position, reason)
        position = found.end()
        match found.lastgroup:
            case "text" | "number" | "name" | "sign" as kind:
                yield Token(kind, found.group(), found.start())
            case _:
                continue
    yield Token("end", "", len(source))


def key_in(text: str) -> str | None:
    """What a text literal says; None where that takes more than leaving its quotes off."""
    quoted = text.startswith(("'", '"')) and not text.startswith(("'''", '"""'))
    return text[1:-1] if quoted and "\\" not in text else None


def integer_in(text: str) -> int | None:
    """What an int or uint literal says; None for any other literal."""
    digits = text.rstrip("uU")
    if digits.startswith("0x"):
        return int(digits, 16)
    return int(digits) if digits.isascii() and digits.isdigit() else None
