"""What the services tell each other behind the wire.

`PROJECTED` says how far the log is projected, `COMMITTED` what a projector has just committed of
agents that somebody watches, and `WATCHED` who those are. All of it is news, not truth: a message
may be lost, and whoever needs to be sure reads the database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import orjson

PROJECTED: Final = "strato._projected"
COMMITTED: Final = "strato._committed"
WATCHED: Final = "strato._watched"
# Where a reader says how far it is with what it is sent; its last token is not to be guessed.
FLOW: Final = "strato._flow.{}"

# A row of a table, in the order of its columns.
Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Projected:
    """A projection has all of these partitions up to a message of the stream."""

    schema: str
    stream_seq: int
    partitions: Sequence[int]


@dataclass(frozen=True, slots=True)
class Watched:
    """Whose records one who watches wants to be told: all of some spaces, and some agents.

    The number is another one each time that he wants more than before.
    """

    owner: str
    spaces: Sequence[str] = ()
    agents: Sequence[tuple[str, str]] = ()
    number: int = 0


@dataclass(frozen=True, slots=True)
class Recorded:
    """An agent's records of one batch.

    `clock` is the agent's before them, None where there was no record yet; `version` is the last
    state version before them, -1 where there was none. The rows of versions end with the paths that
    each has changed, null where nobody knows.
    """

    agent_id: int
    space: str
    agent: str
    clock: Any
    version: int
    events: Sequence[Row] = field(default_factory=list)
    versions: Sequence[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Committed:
    """What was committed of partitions behind `after` of each, up to `through`.

    Not `whole` is one that would have been too large: what it is about is in the database only.
    `imported` are messages that came by an import. `heard` says of each who watches which of his
    wishes were known: one who wants more by now does not find it here.
    """

    schema: str
    through: int
    after: Mapping[int, int]
    agents: Sequence[Recorded] = ()
    types: Mapping[int, str] = field(default_factory=dict)
    imported: Sequence[int] = ()
    whole: bool = True
    heard: Mapping[str, int] = field(default_factory=dict)


def encode(message: Projected | Watched | Committed) -> bytes:
    """The body of a message."""
    return orjson.dumps(message, default=_spelled, option=orjson.OPT_NON_STR_KEYS)


def decode(body: bytes) -> Projected | None:
    """What a message on `PROJECTED` says; None where it says nothing that can be read."""
    try:
        found: Any = orjson.loads(body)
        return Projected(
            str(found["schema"]),
            int(found["stream_seq"]),
            tuple(int(number) for number in found["partitions"]),
        )
    except (ValueError, TypeError, KeyError):
        return None


def decode_watched(body: bytes) -> Watched | None:
    """What a message on `WATCHED` says; None where it says nothing that can be read."""
    try:
        found: Any = orjson.loads(body)
        return Watched(
            str(found["owner"]),
            tuple(str(space) for space in found["spaces"]),
            tuple((str(space), str(agent)) for space, agent in found["agents"]),
            int(found.get("number", 0)),
        )
    except (ValueError, TypeError, KeyError):
        return None


def decode_committed(body: bytes) -> Committed | None:
    """What a message on `COMMITTED` says; None where it says nothing that can be read."""
    try:
        found: Any = orjson.loads(body)
        return Committed(
            str(found["schema"]),
            int(found["through"]),
            {int(number): after for number, after in found["after"].items()},
            [Recorded(**one) for one in found["agents"]],
            {int(number): name for number, name in found["types"].items()},
            found["imported"],
            bool(found["whole"]),
            found.get("heard", {}),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _spelled(value: object) -> str:
    # Ids that come from the database are of a class that is derived from this one.
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} can't be told")
