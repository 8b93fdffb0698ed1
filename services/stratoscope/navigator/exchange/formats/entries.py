"""What writers take and readers give: entries, each a value of one of an export's members."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from stratoscope_contracts.exchange import Member
from stratoscope_contracts.words import MAX_UNPACKED_BYTES, MIB

# Those that are one object; the others are lists.
ALONE: Final[frozenset[Member]] = frozenset({"head", "session", "end"})


class Entry(NamedTuple):
    """A value of a member, as JSON."""

    member: Member
    raw: bytes


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a reader takes: so many bytes in one entry, and so many in all, unpacked.

    `seconds` of processor time are what looking through all of it may take.
    """

    # As large as a message may be, with room for where it stood.
    entry_bytes: int = MAX_UNPACKED_BYTES + MIB
    all_bytes: int = 1 << 30
    seconds: float = 900.0


class Writer(Protocol):
    """Spells entries, a few at a time."""

    def write(self, entries: Iterable[Entry]) -> bytes:
        """The bytes that follow; perhaps none yet."""
        ...

    def finish(self) -> bytes:
        """The last bytes."""
        ...
