"""Looking through a whole export before anything of it is recorded."""

from collections.abc import Iterable, Iterator
from time import process_time
from typing import IO, Any, Final

import orjson
from pydantic import BaseModel

from stratoscope.broker.payload import PayloadRejected, decode_record_json
from stratoscope.domain.exchange.checking import Check, Survey
from stratoscope.domain.exchange.damage import Damaged
from stratoscope.navigator.exchange.formats import read
from stratoscope.navigator.exchange.formats.entries import Bounds, Entry
from stratoscope.navigator.exchange.packing import fits, surely_fits
from stratoscope_contracts.exchange import (
    ExportEnd,
    ExportHead,
    ExportMark,
    ExportPlace,
    ExportSession,
)

_OFTEN: Final = 1000
_KEPT: Final[dict[str, type[BaseModel]]] = {
    "heads": ExportHead,
    "sessions": ExportSession,
    "history": ExportPlace,
    "marks": ExportMark,
    "ends": ExportEnd,
}
# Decoded where they are used, one at a time.
_TEXTS: Final = ("breakpoints", "data")
_COUNTS: Final = ("events", "snapshots", "bases")


def surveying(file: IO[bytes], bounds: Bounds, message_limit: int) -> Iterator[int | Survey]:
    """What is in an export; before that now and then how many of its bytes were read.

    Raises Damaged.
    """
    check, began = Check(), process_time()
    for number, entry in enumerate(read(file, bounds)):
        if number % _OFTEN == 0:
            yield file.tell()
        _take(check, entry, message_limit)
        if process_time() - began > bounds.seconds:
            raise Damaged(f"it takes more than {bounds.seconds} s of processor time to read")
    yield check.finish()


def told_texts(survey: Survey) -> Iterator[bytes]:
    """The values of a survey that are kept as JSON, each behind the name of its member."""
    for name in _TEXTS:
        for text in getattr(survey, name).texts:
            yield b"%b %b" % (name.encode(), text)


def spelled(survey: Survey) -> bytes:
    """A survey as JSON, without the ids, which stay where the records are read, and the texts."""
    told: dict[str, Any] = {
        name: [one.model_dump(mode="json", by_alias=True) for one in getattr(survey, name)]
        for name in _KEPT
    }
    return orjson.dumps(told | {name: getattr(survey, name) for name in _COUNTS})


def survey_in(told: bytes, texts: Iterable[bytes] = ()) -> Survey:
    """The survey that was spelled so, and its texts."""
    found = orjson.loads(told)
    survey = Survey()
    for name, model in _KEPT.items():
        setattr(survey, name, [model.model_validate(one) for one in found[name]])
    for name in _COUNTS:
        setattr(survey, name, found[name])
    for one in texts:
        member, _, text = one.partition(b" ")
        getattr(survey, member.decode()).texts.append(text)
    return survey


def _take(check: Check, entry: Entry, message_limit: int) -> None:
    member, raw = entry
    where = check.where(member)
    try:
        value = decode_record_json(raw)
    except PayloadRejected as rejected:
        raise Damaged(str(rejected), where) from rejected
    check.take(member, value, len(raw))
    is_large = member == "records" and not surely_fits(len(raw), message_limit)
    if is_large and not fits(orjson.dumps(value), message_limit):
        raise Damaged("a record that is too large for a message", where)
