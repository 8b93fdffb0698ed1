"""Looking through a whole export before anything of it is recorded."""

from collections.abc import Callable
from typing import IO, Final

import orjson

from stratoscope.broker.payload import PayloadRejected, decode_record_json
from stratoscope.domain.exchange.checking import Check, Survey
from stratoscope.domain.exchange.damage import Damaged
from stratoscope.navigator.exchange.formats import read
from stratoscope.navigator.exchange.formats.entries import Bounds, Entry
from stratoscope.navigator.exchange.packing import fits
from stratoscope_contracts.words import MIB

_OFTEN: Final = 500
# No record below this is too large for a message, whatever the broker takes.
_SURELY_FITS: Final = MIB // 2
Seen = Callable[[int], None]


def surveyed(file: IO[bytes], bounds: Bounds, message_limit: int, seen: Seen) -> Survey:
    """What is in an export. Raises Damaged; `seen` hears how many bytes of the file were read."""
    check = Check()
    for number, entry in enumerate(read(file, bounds)):
        if number % _OFTEN == 0:
            seen(file.tell())
        _take(check, entry, message_limit)
    return check.finish()


def _take(check: Check, entry: Entry, message_limit: int) -> None:
    member, raw = entry
    try:
        value = decode_record_json(raw)
    except PayloadRejected as rejected:
        raise Damaged(str(rejected), check.where(member)) from rejected
    where = check.where(member)
    check.take(member, value, len(raw))
    if member == "records" and len(raw) > _SURELY_FITS and not fits(_record(value), message_limit):
        raise Damaged("a record that is too large for a message", where)


def _record(value: object) -> bytes:
    return orjson.dumps(value)
