"""The cause of what follows, kept where asyncio keeps a task's own things.

A context variable is inherited by tasks, by `asyncio.to_thread` and by the threads that
LangGraph runs its nodes in, and what a task sets is unknown to its siblings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from typing import Final
from uuid import UUID

from stratoscope_contracts.words import MAX_CAUSES

CauseIds = str | UUID | Iterable[str | UUID]

# By space, since ids are only known within one.
_CAUSES: Final[ContextVar[Mapping[str, tuple[str, ...]]]] = ContextVar("stratoscope_causes")


def current(space: str) -> tuple[str, ...]:
    """The causes of an event recorded here and now without any of its own."""
    return _CAUSES.get({}).get(space, ())


@contextmanager
def causing(space: str, causes: CauseIds) -> Iterator[None]:
    """Make `causes` those of what is recorded within; nested ones take over until they end."""
    before = _CAUSES.get({})
    _CAUSES.set({**before, space: tuple(spelled(causes))})
    try:
        yield
    finally:
        # Not `reset`: a generator may be closed in another context than it was entered in.
        _CAUSES.set(before)


def spelled(causes: CauseIds) -> list[str]:
    """One id or several, as text: one more than an event takes, at most."""
    if isinstance(causes, str | UUID):
        return [str(causes)]
    return [str(cause) for cause in islice(causes, MAX_CAUSES + 1)]
