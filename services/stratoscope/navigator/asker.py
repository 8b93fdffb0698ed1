"""Who asks, by the header of the request that is being answered.

It belongs to a request's whole way, also where a task of its own answers it, and is looked at by
the few verbs that are audited: so it is a context variable and no argument of every verb.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Final

from stratoscope_contracts.words import HEADER_OPERATOR

UNNAMED: Final = "unnamed"
_LONGEST: Final = 200
_asker: ContextVar[str] = ContextVar("asker", default=UNNAMED)


def heard(headers: Mapping[str, str] | None) -> None:
    """The request that is answered from here on."""
    named = (headers or {}).get(HEADER_OPERATOR, "")
    shown = "".join(character if character.isprintable() else "?" for character in named)
    _asker.set(shown.strip()[:_LONGEST] or UNNAMED)


def asker() -> str:
    """Who asks."""
    return _asker.get()
