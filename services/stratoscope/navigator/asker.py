"""Who asks, by the header of the request that is being answered.

It belongs to a request's whole way, also where a task of its own answers it, and is looked at by
the few verbs that are audited: so it is a context variable and no argument of every verb.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Final

from stratoscope_contracts.words import HEADER_OPERATOR, MAX_OPERATOR_LENGTH

UNNAMED: Final = "unnamed"
_asker: ContextVar[str] = ContextVar("asker", default=UNNAMED)


def heard(headers: Mapping[str, str] | None) -> None:
    """The request that is answered from here on."""
    named = (headers or {}).get(HEADER_OPERATOR, "")
    # A header may have megabytes, and leading blanks are none of the name.
    named = named.lstrip()[:MAX_OPERATOR_LENGTH]
    shown = "".join(character if character.isprintable() else "?" for character in named)
    _asker.set(shown.strip()[:MAX_OPERATOR_LENGTH] or UNNAMED)


def asker() -> str:
    """Who asks."""
    return _asker.get()
