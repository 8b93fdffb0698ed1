"""What a verb of the wire is, and the ways in which sorts of verbs can fail.

`COMMON` can come from any verb and is repeated nowhere else.
"""

from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from stratoscope_contracts.envelopes import Reply, Request
from stratoscope_contracts.errors import Code

COMMON: Final = frozenset(
    {Code.BAD_REQUEST, Code.NOT_PROJECTED_YET, Code.OVER_BUDGET, Code.INTERNAL}
)
# What resolving an `At` in an agent's timeline can meet.
PLACE: Final = (
    Code.AGENT_NOT_FOUND,
    Code.EVENT_NOT_FOUND,
    Code.SNAPSHOT_NOT_FOUND,
    Code.NAVIGATION_OUT_OF_BOUNDS,
)


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb; `stream` is the model of the messages before the last where there are many."""

    name: str
    request: type[Request]
    reply: type[Reply]
    errors: frozenset[Code]
    summary: str
    stream: type[BaseModel] | None = None

    @property
    def all_errors(self) -> frozenset[Code]:
        """Every code it may answer, the common ones included."""
        return self.errors | COMMON


def verb(
    name: str,
    request: type[Request],
    reply: type[Reply],
    errors: tuple[Code, ...],
    summary: str,
    stream: type[BaseModel] | None = None,
) -> Verb:
    """A row of the tables."""
    return Verb(name, request, reply, frozenset(errors), summary, stream)
