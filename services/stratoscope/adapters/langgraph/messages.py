"""The JSON of messages, remembered by what is in them.

A conversation's state holds every message of it, and each checkpoint streams the whole state. So
that a checkpoint costs little more than what it changes, a message is mapped once. It is known
again by its content: a node may change a message in place, and a saver makes new objects of it.
"""

import marshal
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from langchain_core.messages import BaseMessage

# About what the contents of the remembered messages take.
MAX_BYTES: Final = 32 * 1024 * 1024
# So many messages are looked up at once.
_RUN: Final = 32

_Key = tuple[tuple[type, ...], bytes]


class KnownMessages:
    """Remembers the JSON of the messages that were used last; shared by threads."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._half = max_bytes // 2
        self._lock = threading.Lock()
        self._young: dict[_Key, list[Any]] = {}
        self._old: dict[_Key, list[Any]] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def __bool__(self) -> bool:
        return True

    def json_of(
        self, messages: Sequence[BaseMessage], mapped: Callable[[BaseMessage], Any]
    ) -> list[Any]:
        """What `mapped` gives for each message, or gave for an equal one: not to be changed."""
        found: list[Any] = []
        for first in range(0, len(messages), _RUN):
            run = messages[first : first + _RUN]
            if len(run) == _RUN:
                found += self._known(run, lambda run: self._each(run, mapped))
            else:
                found += self._each(run, mapped)
        return found

    def _each(
        self, messages: Sequence[BaseMessage], mapped: Callable[[BaseMessage], Any]
    ) -> list[Any]:
        return [self._known((message,), lambda one: [mapped(one[0])])[0] for message in messages]

    def _known(
        self,
        messages: Sequence[BaseMessage],
        mapped: Callable[[Sequence[BaseMessage]], list[Any]],
    ) -> list[Any]:
        try:
            # The parts that the mapping reads; version 2 writes equal values alike.
            content = marshal.dumps([(m.__dict__, m.__pydantic_extra__) for m in messages], 2)
        except ValueError:  # other objects are in them, whose changes are not seen
            return mapped(messages)
        key = (tuple(map(type, messages)), content)
        known = self._young.get(key)
        if known is None:
            known = self._old.get(key)
            known = mapped(messages) if known is None else known
            self._keep(key, known)
        return known

    def _keep(self, key: _Key, known: list[Any]) -> None:
        with self._lock:
            self._young[key] = known
            self._bytes += len(key[1])
            if self._bytes > self._half:
                self._old, self._young, self._bytes = self._young, {}, 0
