"""What a recorder dropped, and how the record that comes next says so.

An event carries the gap itself. A snapshot, which can't, is sent with an event before it that
does: the state is tainted between the two, and no longer. What has no room for either, being
packed or as large as a message may be, leaves the gap to the record after it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import orjson

from stratoscope.recorder.ids import new_id
from stratoscope.recorder.preparing import Prepared

# The type of the event that only says what is missing.
RECORDS_DROPPED: Final = "records_dropped"


@dataclass(frozen=True, slots=True)
class Gap:
    """How many records were dropped, and the agent's clock at the first and the last of them."""

    records: int
    first_at: str
    last_at: str

    def followed_by(self, later: Gap) -> Gap:
        """Both as one."""
        return Gap(self.records + later.records, self.first_at, later.last_at)

    @property
    def json(self) -> bytes:
        """As the contract has it."""
        return b'{"records":%d,"first_at":%b,"last_at":%b}' % (
            self.records,
            orjson.dumps(self.first_at),
            orjson.dumps(self.last_at),
        )


def join(first: Gap | None, later: Gap | None) -> Gap | None:
    """Both as one, where there are two."""
    if first is None or later is None:
        return first or later
    return first.followed_by(later)


def gap_of(record: Prepared) -> Gap | None:
    """The gap that dropping a record leaves, with the one that it tells of."""
    own = None if record.is_notice else Gap(1, record.occurred_at, record.occurred_at)
    return join(record.gap, own)


def notice(gap: Gap) -> Prepared:
    """An event that says nothing but what was dropped before it."""
    id_ = new_id()
    body = b'{"id":"%b","type":"%b","occurred_at":%b,"gap":%b}' % (
        id_.encode(),
        RECORDS_DROPPED.encode(),
        orjson.dumps(gap.last_at),
        gap.json,
    )
    return Prepared("event", id_, body, occurred_at=gap.last_at, gap=gap, is_notice=True)


def carry(record: Prepared, gap: Gap, most_bytes: int) -> Prepared | None:
    """The record that says what was dropped before it; None where it has no room for that."""
    if record.packed or record.is_notice:
        return None
    if record.kind == "event":
        carrying = replace(record, body=b'%b,"gap":%b}' % (record.body[:-1], gap.json), gap=gap)
    else:
        carrying = replace(record, before=notice(gap).member, gap=gap)
    return carrying if carrying.size <= most_bytes else None
