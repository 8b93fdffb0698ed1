"""`binary`: a CBOR sequence (RFC 8742) within a zstd frame.

Each item is a byte string that holds encoded CBOR (tag 24), so that its length is known before it
is read; the first is marked as CBOR (tag 55799). It holds an array of two: the name of a member,
and a value of it, without anything that JSON has not: a tag makes a decoder do things.
"""

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any, Final, NoReturn, get_args

import cbor2
import orjson

from stratoscope.broker.payload import check_json
from stratoscope.domain.exchange.damage import Damaged
from stratoscope.navigator.exchange.formats.entries import Bounds, Entry
from stratoscope.navigator.exchange.formats.frames import Packing, Unpacked
from stratoscope_contracts.exchange import Member
from stratoscope_contracts.value_count import FEWEST_BYTES
from stratoscope_contracts.words import MAX_DEPTH, MAX_JSON_VALUES

SELF_DESCRIBED: Final = b"\xd9\xd9\xf7"
_EMBEDDED: Final = b"\xd8\x18"
_FOUR_BYTES: Final = 26
_BYTE_STRING: Final = 2
_TEXT_STRING: Final = 3
# Each value may have a name.
_MOST_ITEMS: Final = 2 * MAX_JSON_VALUES
_MEMBERS: Final[frozenset[Member]] = frozenset(get_args(Member))
# Every tag that the decoder would act on; it asks about all others.
_KNOWN_TAGS: Final = (
    *(0, 1, 2, 3, 4, 5, 24, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004),
    *(43000, 55799),
)
# The array around a value is one level, the value itself none of its own.
_LEVELS: Final = MAX_DEPTH + 2


class SequenceWriter:
    """Writes a packed CBOR sequence."""

    def __init__(self) -> None:
        self._packing = Packing()
        self._mark = SELF_DESCRIBED

    def write(self, entries: Iterable[Entry]) -> bytes:
        """The bytes of some entries, as far as they are packed."""
        items: list[bytes] = []
        for member, raw in entries:
            content = cbor2.dumps([member, orjson.loads(raw)])
            items += (self._mark, _EMBEDDED, b"\x5a", len(content).to_bytes(4, "big"), content)
            self._mark = b""
        return self._packing.pack(b"".join(items))

    def finish(self) -> bytes:
        """The end of the frame."""
        return self._packing.finish()


def read_sequence(source: Unpacked, bounds: Bounds) -> Iterator[Entry]:
    """The entries of a sequence. Raises Damaged."""
    source.exactly(len(SELF_DESCRIBED), "the mark")
    while head := source.take(len(_EMBEDDED)):
        where = f"byte {source.taken}"
        if head != _EMBEDDED:
            raise Damaged("an item that is no embedded CBOR", where)
        length = _length(source)
        if length > bounds.entry_bytes:
            raise Damaged(f"an entry of {length} bytes, at most {bounds.entry_bytes}", where)
        try:
            yield _entry(source.exactly(length, "an item"), bounds)
        except Damaged as damage:
            raise damage.within(where) from damage


def _length(source: Unpacked) -> int:
    first = source.exactly(1, "an item")[0]
    major, info = first >> 5, first & 31
    if major != _BYTE_STRING or info > _FOUR_BYTES:
        raise Damaged("an item that is no byte string of known length", f"byte {source.taken}")
    if info < 24:
        return info
    return int.from_bytes(source.exactly(1 << (info - 24), "an item"), "big")


def _entry(content: bytes, bounds: Bounds) -> Entry:
    match _decoded(content):
        case [str() as member, dict() as value] if member in _MEMBERS:
            return Entry(member, _as_json(value, bounds))
        case _:
            raise Damaged("an item that is not the name of a member and a value")


def _count_items(content: bytes) -> int:
    """How many items the head bytes of CBOR announce, up to one over the limit.

    Of what is no CBOR of an export, some number: the decoder refuses it.
    """
    at = count = 0
    while at < len(content) and count <= _MOST_ITEMS:
        first = content[at]
        major, info = first >> 5, first & 31
        width = 1 << (info - 24) if 24 <= info <= 27 else 0
        is_text = major in (_BYTE_STRING, _TEXT_STRING)
        length = int.from_bytes(content[at + 1 : at + 1 + width], "big") if width else info
        at += 1 + width + (length if is_text else 0)
        count += 1
    return count


def _decoded(content: bytes) -> Any:
    # Fewer bytes can't hold too much, whatever they are: an item takes some fifty times its text.
    if len(content) > FEWEST_BYTES and _count_items(content) > _MOST_ITEMS:
        raise Damaged(f"an entry of more than {MAX_JSON_VALUES} JSON values")
    decoder = cbor2.CBORDecoder(
        BytesIO(content),
        tag_hook=_refuse,
        semantic_decoders=dict.fromkeys(_KNOWN_TAGS, _refuse),
        max_depth=_LEVELS,
        allow_indefinite=False,
        allow_duplicate_keys=False,
        strict_hashable_types=True,
    )
    try:
        found = decoder.decode()
    except (cbor2.CBORError, ValueError, TypeError) as error:
        raise Damaged(f"no CBOR of an export: {_first_line(error)}") from error
    try:
        decoder.read(1)
    except cbor2.CBORDecodeEOF:
        return found
    raise Damaged("something follows behind the value of an item")


def _as_json(value: Any, bounds: Bounds) -> bytes:
    try:
        raw = orjson.dumps(value)
        if b"null" in raw:
            # What is no finite number is spelled so, too.
            check_json(value, max_depth=None)
    except (TypeError, ValueError) as error:
        raise Damaged(f"a value that JSON does not have: {_first_line(error)}") from error
    if len(raw) > bounds.entry_bytes:
        raise Damaged(f"an entry of {len(raw)} bytes as JSON, at most {bounds.entry_bytes}")
    return raw


def _refuse(_: object, __: bool) -> NoReturn:
    raise ValueError("a tag within a value")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
