"""What changed between two documents, position by position.

Objects are compared by key, lists by index, so an element inserted at the front shows as a change
of every element behind it; what moved where is a question for comparisons with options. Values are
equal as JSON has it (1 is 1.0, true is not 1).

Most of two states is equal, and Python's `==` finds that out a dozen times faster than a walk; but
it also takes True for 1, at any depth. So what it calls equal is only set aside, and in the end
both sides of it are written out as JSON, where true is not 1: the same text proves them equal.
Another text (1 against 1.0, keys in another order, or indeed true against 1) proves nothing, and
the walk is done again leaf by leaf. Parts are set aside near the root only, because each level
compares again what lies below it.

A part that only one side has is one difference, however much stands under it. Differences come in
the order of their paths, keys by code point, indexes by number.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import compress
from operator import eq, is_, is_not, not_
from typing import Any, Final, Literal

import orjson

from stratoscope.domain.paths import MISSING, Segments, to_pointer

Op = Literal["added", "modified", "removed"]

_CONTAINERS: Final = frozenset({dict, list})
_LEVELS_SET_ASIDE: Final = 8


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two documents differ; the side that has nothing there is `MISSING`."""

    path: Segments
    op: Op
    old: object
    new: object


def diff(old: object, new: object) -> list[Difference]:
    """The differences that lead from the old document to the new one."""
    return diff_spelled(old, new)[0]


def diff_spelled(old: object, new: object) -> tuple[list[Difference], bool]:
    """The differences, and whether besides them a number is only spelled anew (1 as 1.0)."""
    walk = _walked(old, new)
    return _in_order(walk.found), walk.respelled


def diff_exactly(old: object, new: object) -> list[Difference]:
    """The same, where what is only spelled anew is a difference, too."""
    return _in_order(_walked(old, new, exact=True).found)


def to_json_patch(differences: Iterable[Difference]) -> list[dict[str, Any]]:
    """RFC 6902 operations that lead from the old document to the new one."""
    ordered = sorted(differences, key=lambda difference: difference.path)
    removed = [difference for difference in ordered if difference.op == "removed"]
    kept = [difference for difference in ordered if difference.op != "removed"]
    # Lists grow from the front and shrink from the back, so that every index is true in its turn.
    return [
        {
            "op": "add" if difference.op == "added" else "replace",
            "path": to_pointer(difference.path),
            "value": difference.new,
        }
        for difference in kept
    ] + [{"op": "remove", "path": to_pointer(difference.path)} for difference in reversed(removed)]


def _walked(old: object, new: object, *, exact: bool = False) -> "_Walk":
    walk = _Walk(old, new, _LEVELS_SET_ASIDE, exact=exact)
    if orjson.dumps(walk.aside_old) != orjson.dumps(walk.aside_new):
        walk = _Walk(old, new, 0, exact=exact)
    return walk


def _in_order(found: Iterable[Difference]) -> list[Difference]:
    # Two paths part inside one container, so a key is never compared with an index.
    return sorted(found, key=lambda difference: difference.path)


class _Walk:
    """A walk over two documents side by side, and what it set aside because it seems equal."""

    def __init__(self, old: object, new: object, levels_set_aside: int, *, exact: bool) -> None:
        self.found: list[Difference] = []
        self.respelled = False
        self.aside_old: list[object] = []
        self.aside_new: list[object] = []
        self._levels_set_aside = levels_set_aside
        self._exact = exact
        self._left: list[tuple[Segments, Any, Any]] = []
        self._meet((), old, new)
        while self._left:
            self._open(*self._left.pop())

    def _meet(self, path: Segments, a: object, b: object) -> None:
        if a is b:
            return
        if type(a) in _CONTAINERS and type(a) is type(b):
            self._left.append((path, a, b))
        elif a != b or isinstance(a, bool) is not isinstance(b, bool):
            self.found.append(Difference(path, "modified", a, b))
        elif type(a) is not type(b) or repr(a) != repr(b):
            self.respelled = True
            if self._exact:
                self.found.append(Difference(path, "modified", a, b))

    def _open(self, path: Segments, old: Any, new: Any) -> None:
        keys: Collection[Any]
        removed: Collection[Any]
        added: Collection[Any]
        olds: Iterable[Any]
        news: Iterable[Any]
        if not isinstance(old, dict):
            keys, olds, news = range(min(len(old), len(new))), old, new
            removed, added = range(len(new), len(old)), range(len(old), len(new))
        elif len(old) == len(new) and all(map(is_, old, new)):
            # A patched document has the keys of the one before it, in the same order.
            keys, olds, news, removed, added = old, old.values(), new.values(), (), ()
        else:
            keys = old.keys() & new.keys()
            olds, news = list(map(old.__getitem__, keys)), list(map(new.__getitem__, keys))
            removed, added = old.keys() - new.keys(), new.keys() - old.keys()
        for key in (
            self._set_aside(keys, olds, news) if len(path) < self._levels_set_aside else keys
        ):
            a, b = old[key], new[key]
            # Only a walk in doubt meets equal scalars here, thousands of them: spare their paths.
            # A zero may have got a sign.
            if type(a) in _CONTAINERS or type(a) is not type(b) or a != b or a == 0.0:
                self._meet((*path, key), a, b)
        for key in removed:
            self.found.append(Difference((*path, key), "removed", old[key], MISSING))
        for key in added:
            self.found.append(Difference((*path, key), "added", MISSING, new[key]))

    def _set_aside(
        self, keys: Iterable[Any], olds: Iterable[Any], news: Iterable[Any]
    ) -> list[Any]:
        """The keys that are left. All of it runs in C, a long list being the usual case."""
        # A patched document shares all but the patched path with the one before it: what is the
        # same object needs no proof.
        others = list(map(is_not, olds, news))
        keys, olds, news = (list(compress(each, others)) for each in (keys, olds, news))
        alike = list(map(eq, olds, news))
        self.aside_old.extend(compress(olds, alike))
        self.aside_new.extend(compress(news, alike))
        return list(compress(keys, map(not_, alike)))
