"""Which fields a new state version changed: the rows of the field index.

A row says: at or below this path, something differs from the version before. So for a field F a
row at F or below it is a change of F for certain, one above it (`inventory` for `inventory[3]`)
may be one and has to be looked at. That leaves room to be brief: where a version changes more
paths than a bound, the deepest are cut to the parents they share, at worst to the root; where an
agent has had more different paths than a bound, new ones are counted to the nearest known parent;
one whose text is over a bound (keys may be of any length) to the nearest that is not.
The index is then coarser and its answers stay right. A version that only spells a number anew (1 as
1.0) has a row at the root: it may be a change of any field, and is one of none. So between two
versions with a row at, below or above F, the field F stays as it is to the letter.
"""

from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from itertools import takewhile

from stratoscope.domain.compare import diff_spelled
from stratoscope.domain.paths import Segment, Segments, format, format_prefixes, index_of

# Rows a version adds at most.
MAX_PATHS_A_VERSION = 32
# Different paths an agent has at most; a list that grows for ever would else fill the index.
MAX_PATHS_AN_AGENT = 4096
# Bytes of a path's text at most: the database's index takes no entry over some 2,700.
MAX_PATH_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Numbered:
    """The numbers of the paths that changed, and the paths that were new with theirs."""

    numbers: tuple[int, ...]
    new: tuple[tuple[int, str], ...]


def changed_paths(
    old: object, new: object, limit: int = MAX_PATHS_A_VERSION
) -> tuple[Segments, ...]:
    """The paths at or below which two states differ, at most `limit`, in order."""
    differences, respelled = diff_spelled(old, new)
    paths = [difference.path for difference in differences]
    return shortened([(), *paths] if respelled else paths, limit)


def shortened(paths: Iterable[Segments], limit: int) -> tuple[Segments, ...]:
    """Cut the deepest paths to their parents until at most `limit` different ones are left."""
    kept = dict.fromkeys(paths)
    depth = max(map(len, kept), default=0)
    while len(kept) > limit:
        depth -= 1
        kept = dict.fromkeys(path[:depth] for path in kept)
    return tuple(kept)


def numbered(
    paths: Iterable[Segments], numbers: MutableMapping[str, int], limit: int = MAX_PATHS_AN_AGENT
) -> Numbered:
    """Give paths their numbers in an agent's index; `numbers` grows by those that are new.

    Once there are `limit` of them, a path without a number counts as its nearest parent that has
    one. The root always has.
    """
    found: dict[int, None] = {}
    new: list[tuple[int, str]] = []
    for whole in paths:
        path, text = _fitting(whole)
        if text not in numbers and len(numbers) < limit:
            number = numbers[text] = len(numbers)
            new.append((number, text))
        found[_nearest(path, text, numbers, new)] = None
    return Numbered(tuple(found), tuple(new))


def _fitting(path: Segments) -> tuple[Segments, str]:
    """The path, or its nearest parent whose text is not over the bound; with that text."""
    text = format(path)
    if len(text) <= MAX_PATH_BYTES and len(text.encode()) <= MAX_PATH_BYTES:
        return path, text
    texts = tuple(format_prefixes(path, MAX_PATH_BYTES))
    return path[: len(texts) - 1], texts[-1]


def _nearest(
    path: Segments, text: str, numbers: MutableMapping[str, int], new: list[tuple[int, str]]
) -> int:
    if text not in numbers:
        texts = tuple(format_prefixes(path, MAX_PATH_BYTES))
        text = next((one for one in reversed(texts) if one in numbers), "")
    if text not in numbers:
        # The root is past the limit only if it was never needed before: it may exceed it by one.
        numbers[text] = len(numbers)
        new.append((numbers[text], text))
    return numbers[text]


def in_index(path: Segments) -> Segments:
    """A path as the index has it: a pointer does not tell an index from a key.

    Where it could be either, what stands above is looked up: that is touched, too.
    """
    return tuple(takewhile(_is_sure, path))


def _is_sure(segment: Segment) -> bool:
    return isinstance(segment, int) or index_of(segment) is None


def parents(path: Segments) -> tuple[str, ...]:
    """The texts of a path's parents that the index can have, the root first, without itself."""
    return tuple(format_prefixes(path[:-1], MAX_PATH_BYTES)) if path else ()
