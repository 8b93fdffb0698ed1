"""What an event of one run has in common with its like in another: type and data, less chance.

Two runs of a program name things anew and take their time. So what looks like an id or a time does
not count: a text that is a UUID, a time or a long hexadecimal number, and a member whose name says
so (`id`, `task_id`, `createdAt`, `elapsed`, `wait_ms`). Numbers are equal by what they measure.
"""

import re
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final

from stratoscope.domain.canonical import canonical
from stratoscope.domain.compare import Difference
from stratoscope.domain.comparison.numbers import whole
from stratoscope.domain.comparison.options import Options
from stratoscope.domain.comparison.reducing import reduced

BYTES: Final = 8
_NAME: Final = re.compile(
    r"""
    (?:.*_)? (?:ids?|uuids?|at|ts|time|timestamp|date|duration|elapsed|latency|seconds|ms|us|ns)
    | .+ (?:Ids?|At|Time|Timestamp|Date|Duration|Ms)
    """,
    re.VERBOSE,
)
# Short names that say nothing where they stand alone.
_SAID_ONLY_BEHIND: Final = frozenset(("at", "ms", "us", "ns", "seconds", "date"))
_TEXT: Final = re.compile(
    r"""
    [0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}
    | (?=[0-9a-fA-F]*[0-9]) [0-9a-fA-F]{16,}
    | [0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?
      (?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?
    """,
    re.VERBOSE,
)
_SHORTEST: Final = 16
_LONGEST: Final = 128


def fingerprint(kind: str, data: Any, options: Options, *, exact: bool) -> bytes:
    """The same for events that count as the same; `options` reduce the data."""
    plain = _measured if exact else _without_chance
    spelled = canonical([kind, plain(reduced(data, options))])
    return blake2b(spelled, digest_size=BYTES).digest()


def is_chance(difference: Difference) -> bool:
    """Whether a difference between two states is one of ids or times."""
    if difference.op != "modified":
        return False
    names = [segment for segment in difference.path if isinstance(segment, str)]
    scalars = not isinstance(difference.old, dict | list) and not isinstance(
        difference.new, dict | list
    )
    if scalars and names and _names_chance(names[-1]):
        return True
    return _is_chance(difference.old) and _is_chance(difference.new)


def _without_chance(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_chance(inner) for key, inner in value.items() if not _names_chance(key)
        }
    if isinstance(value, list):
        return list(map(_without_chance, value))
    return None if _is_chance(value) else _number(value)


def _measured(value: Any) -> Any:
    return _each(value, _measured) if isinstance(value, dict | list) else _number(value)


def _each(value: Any, what: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return {key: what(inner) for key, inner in value.items()}
    return list(map(what, value))


def _number(value: Any) -> Any:
    return whole(value) if isinstance(value, float) else value


def _names_chance(name: str) -> bool:
    return name not in _SAID_ONLY_BEHIND and _NAME.fullmatch(name) is not None


def _is_chance(value: object) -> bool:
    return (
        isinstance(value, str)
        and _SHORTEST <= len(value) <= _LONGEST
        and _TEXT.fullmatch(value) is not None
    )
