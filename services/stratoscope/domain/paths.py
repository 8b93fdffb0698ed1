"""Where a value stands in a document.

A path is a tuple of segments: a key is a `str`, a place in a list an `int`. Two spellings are read:

    dotted    position.x   inventory[1]   a["x.y"]   ["/odd"]   [0].name
    pointer   /position/x  /inventory/1   (RFC 6901; every text that starts with "/")

and `""` is the root in both. In the dotted form a name runs to the next `.`, `[`, `]` or `"`, so
blanks and dashes need no quotes; whatever else a key may hold stands in brackets as a JSON string.
Digits after a dot are a key, digits in brackets an index, without leading zeros. A pointer does not
tell an index from a key: its tokens stay `str`, and `get` lets "0" count as an index where it meets
a list. NUL and lone surrogates are refused, since no recorded key can hold them.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Final

Segment = str | int
Segments = tuple[Segment, ...]


class Missing(Enum):
    """The type of `MISSING`, an enum so that `is MISSING` narrows."""

    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing.MISSING


class PathSyntaxError(ValueError):
    """A text that is no path; `position` is the character at which reading stopped."""

    def __init__(self, text: str, position: int, reason: str) -> None:
        super().__init__(f"{reason} at character {position} of path {text!r:.120}")
        self.text = text
        self.position = position
        self.reason = reason


# Eighteen digits fit into 64 bits, and int() never meets its own limit on digits.
_INDEX = re.compile(r"0|[1-9][0-9]{0,17}")
_NAME = re.compile(r'[^.\[\]"]+')
_BARE = re.compile(r"(?!\d)[\w:$@+-]+")
_UNRECORDABLE = re.compile("[\x00\ud800-\udfff]")
_BAD_ESCAPE = re.compile(r"~(?![01])")
_DECODER = json.JSONDecoder()


def parse(text: str) -> Segments:
    """Reads either spelling; raises `PathSyntaxError`."""
    if refused := _UNRECORDABLE.search(text):
        raise PathSyntaxError(text, refused.start(), "a character that no key can hold")
    return parse_pointer(text) if text.startswith("/") else _parse_dotted(text)


def parse_pointer(text: str) -> tuple[str, ...]:
    """Reads an RFC 6901 pointer into its tokens, unescaped; raises `PathSyntaxError`."""
    if not text:
        return ()
    if text[0] != "/":
        raise PathSyntaxError(text, 0, "a pointer starts with '/'")
    tokens = text[1:].split("/")
    if "~" not in text:
        return tuple(tokens)
    if bad := _BAD_ESCAPE.search(text):
        raise PathSyntaxError(text, bad.start(), "'~' stands only before 0 or 1")
    # "~1" first: the other way round "~01" would become "/" instead of "~1".
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in tokens)


def format(segments: Iterable[Segment]) -> str:
    """Writes the dotted form; `parse` gives back the same segments."""
    return "".join(_pieces(segments))


def format_prefixes(segments: Iterable[Segment], most_bytes: int) -> Iterator[str]:
    """Write the root, the first segment, the first two and so on, each in the dotted form.

    It ends before the first text of more than `most_bytes`, so that keys of any length cost no
    more than that.
    """
    text = ""
    yield text
    for piece in _pieces(segments):
        if len(text) + len(piece) > most_bytes:
            return
        text += piece
        if len(text.encode()) > most_bytes:
            return
        yield text


def _pieces(segments: Iterable[Segment]) -> Iterator[str]:
    is_first = True
    for segment in segments:
        if isinstance(segment, int):
            yield f"[{segment}]"
        elif _BARE.fullmatch(segment):
            yield segment if is_first else f".{segment}"
        else:
            yield f"[{json.dumps(segment, ensure_ascii=False)}]"
        is_first = False


def to_pointer(segments: Iterable[Segment]) -> str:
    """Writes an RFC 6901 pointer."""
    return "".join("/" + str(s).replace("~", "~0").replace("/", "~1") for s in segments)


def index_of(token: str) -> int | None:
    """The list index that a pointer's token spells, or None."""
    return int(token) if _INDEX.fullmatch(token) else None


def get(document: object, path: Sequence[Segment]) -> object:
    """The value at the path, or `MISSING`."""
    value = document
    for segment in path:
        value = _child(value, segment)
        if value is MISSING:
            break
    return value


def resolve(document: object, path: Sequence[Segment]) -> Segments:
    """The path with a pointer's tokens as indexes where they meet lists; it leads to a value."""
    found: list[Segment] = []
    value = document
    for segment in path:
        index = index_of(segment) if isinstance(segment, str) else segment
        found.append(segment if index is None or isinstance(value, dict) else index)
        value = _child(value, segment)
    return tuple(found)


def _child(container: object, segment: Segment) -> object:
    if isinstance(container, dict):
        return container.get(segment, MISSING)
    if not isinstance(container, list):
        return MISSING
    index = index_of(segment) if isinstance(segment, str) else segment
    # Python would read a negative index from the end.
    return container[index] if index is not None and 0 <= index < len(container) else MISSING


def _parse_dotted(text: str) -> Segments:
    segments: list[Segment] = []
    position = 0
    while position < len(text):
        if text[position] == "[":
            segment, position = _bracket(text, position + 1)
        else:
            segment, position = _name(text, position)
        segments.append(segment)
    return tuple(segments)


def _name(text: str, position: int) -> tuple[str, int]:
    if position and text[position] != ".":
        raise PathSyntaxError(text, position, "expected '.' or '['")
    found = _NAME.match(text, position + 1 if position else 0)
    if found is None:
        raise PathSyntaxError(text, position, "a name is missing")
    return found.group(), found.end()


def _bracket(text: str, position: int) -> tuple[Segment, int]:
    segment: Segment
    if text.startswith('"', position):
        segment, end = _quoted(text, position)
    elif found := _INDEX.match(text, position):
        segment, end = int(found.group()), found.end()
    else:
        raise PathSyntaxError(text, position, "expected an index or a quoted key")
    if not text.startswith("]", end):
        raise PathSyntaxError(text, end, "expected ']'")
    return segment, end + 1


def _quoted(text: str, position: int) -> tuple[str, int]:
    try:
        key, end = _DECODER.raw_decode(text, position)
    except json.JSONDecodeError as error:
        raise PathSyntaxError(text, error.pos, "a key in quotes is no JSON string") from error
    # An escape may still spell what `parse` refuses in the plain text.
    if _UNRECORDABLE.search(key):
        raise PathSyntaxError(text, position, "a character that no key can hold")
    return key, end
