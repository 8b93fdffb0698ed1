"""Whose trace it is that something belongs to, as W3C's `traceparent` tells it.

What is done for a request is done in its task and in tasks that it starts, so its trace is a
context variable; so is the field that each line of the log carries.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from structlog.contextvars import bind_contextvars, bound_contextvars, unbind_contextvars

from stratoscope_contracts.words import HEADER_TRACEPARENT

# What follows the flags belongs to versions to come; ff is no version.
_FORM: Final = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_FIELD: Final = "trace_id"


@dataclass(frozen=True, slots=True)
class Parent:
    """A span of somebody else's."""

    trace_id: str
    span_id: str
    is_sampled: bool


_current: ContextVar[Parent | None] = ContextVar("parent", default=None)


def parent_in(headers: Mapping[str, str] | None) -> Parent | None:
    """Whose trace a message belongs to; None where it says nothing that can be read."""
    return parent_of(headers.get(HEADER_TRACEPARENT)) if headers else None


def parent_of(traceparent: str | None) -> Parent | None:
    """The span that a `traceparent` names; ids of zeros alone name none."""
    found = _FORM.fullmatch(traceparent) if traceparent else None
    if found is None or not int(found[1], 16) or not int(found[2], 16):
        return None
    return Parent(found[1], found[2], bool(int(found[3], 16) & 1))


def arrived(headers: Mapping[str, str] | None) -> None:
    """A request was taken over: all that follows in this task is done for it."""
    parent = parent_in(headers)
    _current.set(parent)
    if parent is None:
        unbind_contextvars(_FIELD)
    else:
        bind_contextvars(**{_FIELD: parent.trace_id})


def current() -> Parent | None:
    """Whose trace the request belongs to that is being answered."""
    return _current.get()


@contextmanager
def about(headers: Mapping[str, str] | None) -> Iterator[None]:
    """Lines of the log that are written meanwhile are about this message."""
    parent = parent_in(headers)
    if parent is None:
        yield
    else:
        with bound_contextvars(**{_FIELD: parent.trace_id}):
            yield
