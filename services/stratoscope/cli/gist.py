"""What an event's data says in half a line: the few leaves that tell most, the rest left out.

Nothing is known of what an agent records, so a leaf is judged by the word it stands under and by
how deep it lies. Whatever is printed has been made harmless first: a recorded text may hold
anything, a terminal's control sequences too.
"""

from collections.abc import Iterator
from typing import Any, Final

import orjson

# What tells most stands first.
_TELLING: Final = (
    *("error", "exception", "message", "reason", "name", "node", "tool", "decision", "action"),
    *("question", "query", "content", "text", "args", "result", "status", "goal", "value"),
)
_RANKS: Final = {word: rank for rank, word in enumerate(_TELLING)}
_DULL: Final = frozenset({"id", "type", "traceback", "triggers", "metadata", "usage", "version"})
_LEAVES: Final = 4
_LOOKED_AT: Final = 400
_DEEPEST: Final = 8


def gist(data: dict[str, Any]) -> str:
    """The most telling leaves, as in `name plan · content look into the notes`."""
    leaves = list(_leaves(data))
    chosen = sorted(leaves, key=lambda leaf: _weight(leaf[0]))[:_LEAVES]
    return " · ".join(_told(path, value) for path, value in leaves if (path, value) in chosen)


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


def harmless(text: str) -> str:
    """The text with what a terminal would obey spelled out."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def _leaves(data: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    # Breadth first, so that what lies near comes first, and never more than a glance.
    level: list[tuple[tuple[str, ...], Any]] = [((), data)]
    looked = 0
    for _ in range(_DEEPEST):
        below: list[tuple[tuple[str, ...], Any]] = []
        for path, value in level:
            if looked >= _LOOKED_AT:
                return
            looked += 1
            if isinstance(value, dict):
                below += [((*path, str(key)), inner) for key, inner in value.items()]
            elif isinstance(value, list):
                below += [(path, inner) for inner in value]
            elif path and value not in (None, "") and not _is_dull(path):
                yield path, value
        level = below


def _is_dull(path: tuple[str, ...]) -> bool:
    return any(
        word in _DULL or word.startswith("$") or word.endswith(("_id", "_metadata", "_kwargs"))
        for word in path
    )


def _weight(path: tuple[str, ...]) -> tuple[int, int]:
    return min(_RANKS.get(word, len(_RANKS)) for word in path), len(path)


def _told(path: tuple[str, ...], value: Any) -> str:
    return f"{harmless(path[-1])} {plain(value)}"
