"""A message that intake takes and Postgres does not.

Intake checks all that it knows can't be stored. Should something get past it, the whole batch is
refused with it, again and again: nothing would be projected any more. So the messages of a batch
that Postgres refused are tried again one by one, and the one that fails by itself is condemned: a
dead letter like any other, after which the timeline goes on.
"""

from dataclasses import dataclass, field

import asyncpg

from stratoscope.domain.records import Rejection

UNSTORABLE = "unstorable"

# Classes of SQLSTATE that speak of the data and not of the server: data exception, integrity
# constraint violation, program limit exceeded.
_OF_THE_DATA = ("22", "23", "54")


class Unstorable(Exception):
    """Postgres refused a batch for what is in it."""


@dataclass(slots=True)
class Quarantine:
    """What is known of such messages, from one term to the next."""

    suspected_through: int = 0
    condemned: dict[int, str] = field(default_factory=dict)

    def batch(self, after: int, usual: int) -> int:
        """How many messages to take at once behind a place."""
        return 1 if after < self.suspected_through else usual

    def blame(self, first: int, last: int, error: Exception) -> None:
        """Remember a batch, from one message to another, that could not be written."""
        if first == last:
            self.condemned[first] = f"the database refused it: {error}"[:500]
        else:
            self.suspected_through = max(self.suspected_through, last)

    def verdict(self, stream_seq: int) -> Rejection | None:
        """Why a message is not to be tried again."""
        detail = self.condemned.get(stream_seq)
        return None if detail is None else Rejection(stream_seq, None, UNSTORABLE, detail)


def of_the_data(error: Exception) -> bool:
    """Whether a failed write speaks of what was written."""
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate or "")[:2] in _OF_THE_DATA
    # What can't be put into Postgres's form does not even get there.
    return isinstance(error, ValueError | TypeError | OverflowError)
