"""RFC 6902 on documents that nobody else sees change.

A document is never changed in place: `apply` copies the containers along the touched paths, each
once in a call, and shares everything beside them with the document it was given. A failing
operation therefore leaves nothing behind, and a small change to a large state costs its path.

The draft may write only into its own copies, those it made in this call. A container it owns stands
at one place, so writing shows nowhere else; `copy` of an owned container breaks that, and the draft
then disowns everything and copies again on touch. Values that come with operations are shared, too,
and never owned.

Two bounds keep a small message from growing a huge document: what one patch may copy, since copies
of copies double, and the levels it may reach.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson

from stratoscope.domain.equality import equal
from stratoscope.domain.paths import MISSING, PathSyntaxError, get, index_of, parse_pointer

MAX_COPIED_BYTES: Final = 32 * 1024 * 1024
MAX_LEVELS: Final = 64
# So many operations cost as much as writing the document once: each may move half of a list.
_OPERATIONS: Final = 64

Operation = Mapping[str, Any]
Container = dict[str, Any] | list[Any]
Tokens = tuple[str, ...]


class PatchConflict(ValueError):
    """Operation `index` of a patch does not apply, so none of them did."""

    def __init__(self, index: int, op: str, path: str, reason: str) -> None:
        super().__init__(f"operation {index} ({op:.20} {path!r:.120}): {reason}")
        self.index = index
        self.op = op
        self.path = path
        self.reason = reason


class _Refusal(Exception):
    """Why one operation does not apply, before it is known which one it was."""


def patch_work(document_bytes: int, operations: int) -> int:
    """What it costs to apply a patch, in bytes of documents that are written once."""
    return document_bytes + document_bytes * operations // _OPERATIONS


def apply(document: object, operations: Iterable[Operation]) -> object:
    """The document after all operations; raises `PatchConflict` and changes nothing.

    Operations are RFC 6902 objects: `op`, `path`, and `value` or `from`.
    """
    draft = _Draft(document)
    operation: Operation = {}
    try:
        for operation in operations:
            draft.perform(operation)
        draft.settle()
    except (_Refusal, PathSyntaxError) as refusal:
        op, path = operation.get("op"), operation.get("path")
        raise PatchConflict(draft.index, str(op), str(path), str(refusal)) from refusal
    return draft.root


def apply_to_state(state: dict[str, Any], operations: Iterable[Operation]) -> dict[str, Any]:
    """`apply` for an agent's state, whose root has to stay an object."""
    operations = list(operations)
    patched = apply(state, operations)
    if isinstance(patched, dict):
        return patched
    index = max(
        index
        for index, operation in enumerate(operations)
        if operation["path"] == "" and operation["op"] != "test"
    )
    raise PatchConflict(index, operations[index]["op"], "", "state must stay an object")


class _Draft:
    """A document while a patch is applied, and which of its containers may be written."""

    def __init__(self, document: object) -> None:
        self.root = document
        self.index = -1
        # By identity; holding the copies keeps their ids from being used again.
        self._owned: dict[int, Container] = {}
        self._copied_bytes = 0
        self._deepened = False

    def perform(self, operation: Operation) -> None:
        self.index += 1
        action = _ACTIONS.get(_text(operation, "op"))
        if action is None:
            raise _Refusal("no such operation")
        action(self, parse_pointer(_text(operation, "path")), operation)

    def settle(self) -> None:
        """Checks what `move` left unchecked, or a thousand moves would weigh a large value each."""
        if self._deepened:
            _check_levels((), self.root)

    def add(self, tokens: Tokens, operation: Operation) -> None:
        value = _value(operation)
        _check_levels(tokens, value)
        self._put(tokens, value)

    def remove(self, tokens: Tokens, _operation: Operation) -> None:
        self._take(tokens)

    def replace(self, tokens: Tokens, operation: Operation) -> None:
        value = _value(operation)
        _check_levels(tokens, value)
        if not tokens:
            self.root = value
            return
        container = self._own(tokens[:-1])
        if isinstance(container, dict):
            container[_key(container, tokens[-1])] = value
        else:
            container[_index(container, tokens[-1])] = value

    def move(self, tokens: Tokens, operation: Operation) -> None:
        source = parse_pointer(_text(operation, "from"))
        if len(source) < len(tokens) and tokens[: len(source)] == source:
            raise _Refusal("a value can't be moved into itself")
        if source == tokens:
            self._look(source)
        else:
            self._deepened |= len(tokens) > len(source)
            self._put(tokens, self._take(source))

    def copy(self, tokens: Tokens, operation: Operation) -> None:
        value = self._look(parse_pointer(_text(operation, "from")))
        if isinstance(value, str | list | dict):
            self._copied_bytes += _weight(value)
        if self._copied_bytes > MAX_COPIED_BYTES:
            raise _Refusal(f"the patch copies more than {MAX_COPIED_BYTES} bytes")
        _check_levels(tokens, value)
        # Nothing below an unowned container is owned, because paths are copied from the root.
        if id(value) in self._owned:
            self._owned.clear()
        self._put(tokens, value)

    def test(self, tokens: Tokens, operation: Operation) -> None:
        if not equal(self._look(tokens), _value(operation)):
            raise _Refusal("the value is another")

    def _look(self, tokens: Tokens) -> object:
        value = get(self.root, tokens)
        if value is MISSING:
            raise _Refusal("there is no such value")
        return value

    def _put(self, tokens: Tokens, value: object) -> None:
        if not tokens:
            self.root = value
            return
        container, last = self._own(tokens[:-1]), tokens[-1]
        if isinstance(container, dict):
            container[last] = value
        elif last == "-":
            container.append(value)
        else:
            container.insert(_index(container, last, len(container) + 1), value)

    def _take(self, tokens: Tokens) -> object:
        if not tokens:
            raise _Refusal("the root can't be removed")
        container, last = self._own(tokens[:-1]), tokens[-1]
        if isinstance(container, dict):
            return container.pop(_key(container, last))
        return container.pop(_index(container, last))

    def _own(self, tokens: Tokens) -> Container:
        """The container at the path, after every container on the way is the draft's own."""
        container = self.root = self._writable(self.root)
        for token in tokens:
            if isinstance(container, dict):
                key = _key(container, token)
                child = container[key] = self._writable(container[key])
            else:
                index = _index(container, token)
                child = container[index] = self._writable(container[index])
            container = child
        return container

    def _writable(self, value: object) -> Container:
        if not isinstance(value, dict | list):
            raise _Refusal("there is no container at the parent's path")
        if id(value) in self._owned:
            return value
        copied = value.copy()
        self._owned[id(copied)] = copied
        return copied


_ACTIONS: Final[dict[str, Callable[[_Draft, Tokens, Operation], None]]] = {
    "add": _Draft.add,
    "remove": _Draft.remove,
    "replace": _Draft.replace,
    "move": _Draft.move,
    "copy": _Draft.copy,
    "test": _Draft.test,
}


def _text(operation: Operation, member: str) -> str:
    text = operation.get(member)
    if not isinstance(text, str):
        raise _Refusal(f"{member!r} must be a text")
    return text


def _value(operation: Operation) -> object:
    if "value" not in operation:
        raise _Refusal("'value' is missing")
    return operation["value"]


def _key(container: dict[str, Any], token: str) -> str:
    if token not in container:
        raise _Refusal(f"there is no member {token!r:.120}")
    return token


def _index(container: list[Any], token: str, length: int | None = None) -> int:
    index = index_of(token)
    if index is None:
        raise _Refusal(f"{token!r:.120} is no index of a list")
    if index >= (len(container) if length is None else length):
        raise _Refusal(f"index {index} is outside the list")
    return index


def _weight(value: object) -> int:
    try:
        return len(orjson.dumps(value))
    except orjson.JSONEncodeError as error:
        raise _Refusal("the value is too deep to be copied") from error


def _check_levels(tokens: Tokens, value: object) -> None:
    """Refuses what would stand deeper than a document may go, a scalar taking no level."""
    left = MAX_LEVELS - len(tokens)
    level = [value]
    while level := [item for item in level if isinstance(item, (dict, list))]:
        left -= 1
        if left < 0:
            break
        level = [
            child for item in level for child in (item.values() if isinstance(item, dict) else item)
        ]
    if left < 0:
        raise _Refusal(f"the document would be deeper than {MAX_LEVELS} levels")
