"""A message that intake takes and that then fails: Postgres refuses it, or an error meets it.

Intake checks all that it knows can't be stored. Should something get past it, the whole batch
fails with it, again and again: nothing would be projected any more. So the messages of a batch
that failed are tried again one by one, and the one that fails by itself is condemned: a
dead letter like any other, after which the timeline goes on. An error that no rule foresees is
logged with an id, which the dead letter names.

A message may also end the process, by its size or in the code of a library. A large one is marked
in the database before it is read, and taken alone. Where the marks of `DEATHS` attempts are found,
the message is a dead letter unread.
"""

import secrets
from dataclasses import dataclass, field

import asyncpg
import structlog

from stratoscope.domain.records import Rejection
from stratoscope.projector.decode import UNREADABLE
from stratoscope.store.database import DATABASE_ERRORS

UNSTORABLE = "unstorable"
KILLED_PROJECTOR = "killed_projector"
# A process may be killed for other reasons, once: the second death is blamed on the message.
DEATHS = 2
# A message from so many bytes on, unpacked, is taken alone and marked before it is read.
MARKED_BYTES = 1 << 20

# Classes of SQLSTATE that speak of the data and not of the server: data exception, integrity
# constraint violation, program limit exceeded.
_OF_THE_DATA = ("22", "23", "54")


log = structlog.get_logger(__name__)


class Unstorable(Exception):
    """A batch failed for what is in it."""


@dataclass(slots=True)
class Quarantine:
    """What is known of such messages, from one term to the next."""

    suspected_through: int = 0
    condemned: dict[int, Rejection] = field(default_factory=dict)
    killers: set[int] = field(default_factory=set)
    # Attempts of this process that could not be given up: they count as one with the next.
    begun: set[int] = field(default_factory=set)
    # Messages for which memory did not suffice, alone, once: the caches are gone at the next try.
    starved: set[int] = field(default_factory=set)

    def batch(self, after: int, usual: int) -> int:
        """How many messages to take at once behind a place."""
        return 1 if after < self.suspected_through else usual

    def blame(self, first: int, last: int, error: Exception, *, writing: bool) -> None:
        """Remember a batch, from one message to another, that failed."""
        if of_the_data(error) and (writing or isinstance(error, DATABASE_ERRORS)):
            reason, detail = UNSTORABLE, f"the database refused it: {error}"[:500]
        else:
            number = secrets.token_hex(4)
            # Without the error's own text, which may have values of the message.
            detail = f"taking it failed: {type(error).__name__}; the projector's log has {number}"
            reason = UNREADABLE
            log.error("a batch failed", error_id=number, first=first, last=last, exc_info=error)
        if first != last or (isinstance(error, MemoryError) and first not in self.starved):
            self.suspected_through = max(self.suspected_through, last)
            if first == last:
                self.starved.add(first)
        else:
            self.condemned[first] = Rejection(first, None, reason, detail)

    @property
    def has_verdicts(self) -> bool:
        """Whether there is any message that is not to be tried again."""
        return bool(self.condemned or self.killers)

    def verdict(self, stream_seq: int) -> Rejection | None:
        """Why a message is not to be tried again."""
        if stream_seq in self.killers:
            why = f"{DEATHS} projectors died while they read it; it was not tried again"
            return Rejection(stream_seq, None, KILLED_PROJECTOR, why)
        return self.condemned.get(stream_seq)


def of_the_data(error: Exception) -> bool:
    """Whether a failed query or write speaks of its values."""
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate or "")[:2] in _OF_THE_DATA
    # What can't be put into Postgres's form does not even get there.
    return isinstance(error, ValueError | TypeError | OverflowError)
