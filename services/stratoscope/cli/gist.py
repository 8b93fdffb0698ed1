"""What recorded data says in half a line: the few leaves that tell most, the rest left out.

Nothing is known of what an agent records, so a leaf is judged by the word it stands under and by
how deep it lies. Whatever is printed has been made harmless first: a recorded text may hold
anything, a terminal's control sequences too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

# What tells most stands first. The value of a speaking word is told without the word.
_SPEAKING: Final = ("name", "node", "tool", "error", "message", "reason", "content", "text")
_TELLING: Final = (
    *("decision", "action", "question", "query", "args", "goal", "finding", "findings", "value"),
    *("input", "result"),
)
_RANKS: Final = {word: rank for rank, word in enumerate((*_SPEAKING, *_TELLING))}
# What is long and for programs, and what says little in half a line.
_LONG: Final = frozenset({"traceback", "exception"})
_DULL: Final = _LONG | {"id", "type", "triggers", "metadata", "next"}
_DULL_ENDS: Final = ("_id", "_metadata", "_kwargs", "_from_state")
_LEAVES: Final = 4
_LONGEST: Final = 80
_LONGEST_FIELD: Final = 400
_LOOKED_AT: Final = 400
_DEEPEST: Final = 8
_Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value, and the word it stands under; empty where the value speaks for itself."""

    word: str
    text: str


def gist(data: Any) -> list[Leaf]:
    """The most telling leaves, the one that tells most first."""
    found: dict[Leaf, tuple[int, int]] = {}
    for path, value in _leaves(data):
        if _is_dull(path):
            continue
        word = "" if path[-1] in _SPEAKING else harmless(path[-1])
        found.setdefault(Leaf(word, cut(plain(value), _LONGEST)), _weight(path))
    return sorted(found, key=lambda leaf: found[leaf])[:_LEAVES]


def fields(data: Any) -> list[Leaf]:
    """All that a person may want to read, each value under its path."""
    return [
        Leaf(harmless(".".join(path)), cut(plain(value), _LONGEST_FIELD))
        for path, value in _leaves(data)
        if not any(word in _LONG or word.startswith(("$", "__")) for word in path)
    ]


def plain(value: Any) -> str:
    """A value on one line: text as it is, all else as JSON."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return harmless(" ".join(text.split()))


def spelled(value: Any) -> str:
    """A value as JSON on one line, keys sorted."""
    return harmless(orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode())


def pretty(value: Any) -> str:
    """A value as indented JSON, keys sorted."""
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2).decode()
    return "\n".join(harmless(line) for line in text.split("\n"))


def shortened(value: Any, longest: int) -> Any:
    """The value with its long texts cut."""
    match value:
        case dict():
            return {key: shortened(inner, longest) for key, inner in value.items()}
        case list():
            return [shortened(inner, longest) for inner in value]
        case str() if len(value) > longest:
            return f"{value[:longest]}… ({len(value):,} characters)"
        case _:
            return value


def cut(text: str, longest: int) -> str:
    """The text, or its beginning."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def harmless(text: str) -> str:
    """The text with what a terminal would obey spelled out."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def _leaves(data: Any) -> Iterator[tuple[_Path, Any]]:
    # Breadth first, so that what lies near comes first, and never more than a glance.
    level: list[tuple[_Path, Any]] = [((), data)]
    looked = 0
    for _ in range(_DEEPEST):
        below: list[tuple[_Path, Any]] = []
        for path, value in level:
            if looked >= _LOOKED_AT:
                return
            looked += 1
            inner = _inside(path, value)
            if inner is not None:
                below += inner
            elif path and value not in (None, "", [], {}):
                yield path, value
        level = below


def _inside(path: _Path, value: Any) -> list[tuple[_Path, Any]] | None:
    """What lies under a value; None where it is a leaf, as a list of plain values is."""
    if isinstance(value, dict):
        return [((*path, str(key)), inner) for key, inner in value.items()]
    if isinstance(value, list) and any(isinstance(inner, dict | list) for inner in value):
        return [(path, inner) for inner in value]
    return None


def _is_dull(path: _Path) -> bool:
    return any(
        word in _DULL or word.startswith(("$", "__")) or word.endswith(_DULL_ENDS) for word in path
    )


def _weight(path: _Path) -> tuple[int, int]:
    return min(_RANKS.get(word, len(_RANKS)) for word in path), len(path)
