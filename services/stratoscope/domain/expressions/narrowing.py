"""Which events an expression can be true of, as far as that can be read off it.

Of conditions joined by `&&` each must hold: where one of them says `event.type == 'x'` and nothing
else, no other event needs to be looked at. What is joined by `||` or `?` anywhere outside brackets
is left alone.
"""

from collections.abc import Sequence
from itertools import accumulate

from stratoscope.domain.expressions.tokens import Token, key_in, tokens

_OPEN, _CLOSED = frozenset("([{"), frozenset(")]}")
_TYPE = ("event", ".", "type")


def types_in(source: str) -> frozenset[str] | None:
    """The event types that it can be true of; None where it may be any. For a checked source."""
    return _types(list(tokens(source))[:-1])


def _types(read: Sequence[Token]) -> frozenset[str] | None:
    found: frozenset[str] | None = None
    for part in _conjuncts(read):
        named = _named(part)
        if named is not None:
            found = named if found is None else found & named
    return found


def _conjuncts(read: Sequence[Token]) -> list[Sequence[Token]]:
    parts: list[Sequence[Token]] = []
    depth = start = 0
    for place, token in enumerate(read):
        text = token.text if token.kind == "sign" else ""
        depth += (text in _OPEN) - (text in _CLOSED)
        if depth == 0 and text in ("||", "?"):
            return []
        if depth == 0 and text == "&&":
            parts.append(read[start:place])
            start = place + 1
    return [*parts, read[start:]]


def _named(part: Sequence[Token]) -> frozenset[str] | None:
    """The types that one condition allows, where it is about nothing else."""
    texts = tuple(token.text for token in part)
    if texts[:1] == ("(",) and _closes(texts) == len(texts) - 1:
        return _types(part[1:-1])
    if len(part) == 5 and texts[:4] == (*_TYPE, "=="):
        return _one(part[4])
    if len(part) == 5 and texts[1:] == ("==", *_TYPE):
        return _one(part[0])
    if texts[:5] == (*_TYPE, "in", "[") and texts[-1] == "]":
        return _several(part[5:-1])
    return None


def _closes(texts: Sequence[str]) -> int:
    """Where the bracket that opens a text closes; in what was checked it does."""
    return list(accumulate((text in _OPEN) - (text in _CLOSED) for text in texts)).index(0)


def _one(token: Token) -> frozenset[str] | None:
    key = key_in(token.text) if token.kind == "text" else None
    return None if key is None else frozenset((key,))


def _several(read: Sequence[Token]) -> frozenset[str] | None:
    names = [_one(token) for token in read[::2]]
    commas = all(token.text == "," for token in read[1::2])
    known = [name for name in names if name is not None]
    return frozenset().union(*known) if commas and known and len(known) == len(names) else None
