"""What a message's body may be: the contract's rules for JSON, shared by both ends of the wire.

The recorder applies them before it sends and intake before it projects, so both agree byte for
byte on what is a dead letter. orjson is the gate; what it lets through although the contract does
not (a NUL, an integer it silently turned into a float, more levels than allowed) is first
suspected from the raw bytes, at the speed of `memchr`, and only then looked for exactly.

Levels are counted from each member of a record: the record itself and the batch around it are
none, so that the same state is taken alone and in a batch. Those of a patch are counted from each
member of an operation, since they end up in the state.
"""

from __future__ import annotations

import json
import marshal
import math
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from io import BytesIO
from typing import Any, Final, NoReturn

import orjson

from stratoscope_contracts.value_count import FEWEST_BYTES, has_too_many_values
from stratoscope_contracts.words import (
    ENCODING_ZSTD,
    HEADER_ENCODING,
    MAX_DEPTH,
    MAX_INTEGER,
    MAX_JSON_VALUES,
    MAX_METADATA_BYTES,
    MAX_UNPACKED_BYTES,
    MIN_INTEGER,
)

# 2**63 has nineteen digits: whatever holds no run of that many holds no integer out of range.
_DIGITS_TO_ZERO: Final = bytes.maketrans(b"123456789", b"000000000")
_LONG_RUN: Final = b"0" * 19
_LONGEST_INTEGER: Final = 20
_ALWAYS_FINITE: Final = frozenset({str, int, bool, type(None)})
_SQUARE_TO_CURLY: Final = bytes.maketrans(b"[]", b"{}")
_NEITHER_QUOTE_NOR_BRACKET: Final = bytes(set(range(256)) - set(b'"[]{}'))
_TEXT: Final = re.compile(rb'"[^"]*"')
_NON_FINITE: Final = re.compile(rb"[\xf0-\xff][\x7f\xff]")
_COPIED_BYTES: Final = 4 * 1024 * 1024
_CONTAINERS: Final = (dict, list, tuple)
_ENCODING: Final = HEADER_ENCODING.lower()
_READ_BYTES: Final = 1024 * 1024
# Of frames written as a stream, which do not say their size.
_GUESSED_RATIO: Final = 16
_Path = tuple[str | int, ...]
_CANONICAL: Final = (
    orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
)


class Reason(StrEnum):
    """Why a payload is not taken; the value of a dead letter's `Strato-Reason`."""

    NOT_JSON = "not_json"
    TOO_DEEP = "too_deep"
    NUL = "nul"
    LONE_SURROGATE = "lone_surrogate"
    NUMBER_OUT_OF_RANGE = "number_out_of_range"
    NOT_FINITE = "not_finite"
    TOO_LARGE = "too_large"
    WRONG_SHAPE = "wrong_shape"
    METADATA_TOO_LARGE = "metadata_too_large"
    UNKNOWN_ENCODING = "unknown_encoding"
    DAMAGED_ENCODING = "damaged_encoding"
    BAD_HEADERS = "bad_headers"
    TOO_MANY_VALUES = "too_many_values"


class PayloadRejected(ValueError):
    """A payload breaks a rule of the contract; `detail` says where, in words for a person."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def decode_record_json(body: bytes) -> Any:
    """The document in `body`, or PayloadRejected; a key twice in one object: the last counts."""
    if len(body) > FEWEST_BYTES:
        check_value_count(body)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as refusal:
        _classify(body, str(refusal))
    if _levels(body) > MAX_DEPTH:
        _check_levels(value)
    if _LONG_RUN in body.translate(_DIGITS_TO_ZERO):
        _parse_exactly(body)
    # The escape is only suspected: an escaped backslash may stand before "u0000".
    if b"\\u0000" in body:
        check_json(value, max_depth=None)
    return value


def check_value_count(body: bytes) -> None:
    """Refuse JSON text that holds more than the contract's number of values, before it is decoded.

    Each value takes some fifty times its text in memory. Members' names are no values.
    """
    if has_too_many_values(body):
        raise PayloadRejected(Reason.TOO_MANY_VALUES, f"more than {MAX_JSON_VALUES} JSON values")


def check_json(value: Any, *, at: str = "", max_depth: int | None = MAX_DEPTH) -> None:
    """Refuse, naming the path below `at`, whatever in `value` the contract's JSON cannot hold."""
    # Depth first and without recursion: a document may nest deeper than the interpreter's stack,
    # and one that contains itself is found out after `max_depth` steps, not after 2**max_depth.
    root: _Path = (at,) if at else ()
    stack: list[tuple[Any, _Path]] = [(value, root)]
    while stack:
        item, path = stack.pop()
        if not isinstance(item, _CONTAINERS):
            _check_scalar(item, path)
        elif max_depth is not None and len(path) - len(root) >= max_depth:
            raise PayloadRejected(Reason.TOO_DEEP, f"more than {max_depth} levels of nesting")
        else:
            stack.extend(_members(item, path))


def check_metadata(metadata: Any) -> None:
    """Refuse metadata whose canonical JSON is over the contract's 16 KiB."""
    size = len(encode_canonical(metadata))
    if size > MAX_METADATA_BYTES:
        raise PayloadRejected(
            Reason.METADATA_TOO_LARGE, f"metadata of {size} bytes, at most {MAX_METADATA_BYTES}"
        )


def encode_canonical(value: Any, *, at: str = "", max_depth: int = MAX_DEPTH) -> bytes:
    """Canonical JSON: keys by code point, no spaces, shortest numbers.

    Raises PayloadRejected, naming the path below `at`, where `value` is not JSON.
    """
    try:
        encoded = orjson.dumps(value, option=_CANONICAL)
    except (TypeError, ValueError) as refusal:
        check_json(value, at=at, max_depth=max_depth)
        raise PayloadRejected(Reason.WRONG_SHAPE, f"cannot be written as JSON: {refusal}") from None
    if _breaks_a_rule(value, encoded):
        check_json(value, at=at, max_depth=max_depth)
    return encoded


def unpack(body: bytes, headers: Mapping[str, str] | None) -> bytes:
    """The JSON bytes of a message, its `Content-Encoding` undone, at most 32 MiB of them."""
    encoding = _content_encoding(headers)
    if encoding in ("", "identity"):
        unpacked = body
    elif encoding == ENCODING_ZSTD:
        unpacked = _unpack_zstd(body)
    else:
        raise PayloadRejected(Reason.UNKNOWN_ENCODING, f"Content-Encoding {encoding[:64]!r}")
    if len(unpacked) > MAX_UNPACKED_BYTES:
        raise PayloadRejected(Reason.TOO_LARGE, f"more than {MAX_UNPACKED_BYTES} bytes unpacked")
    return unpacked


def unpacked_size(body: bytes, headers: Mapping[str, str] | None) -> int:
    """About how many bytes `unpack` will give: what the frame says, else a guess."""
    if not headers or _content_encoding(headers) != ENCODING_ZSTD:
        return len(body)
    import zstandard  # as below

    try:
        said = zstandard.frame_content_size(body)
    except zstandard.ZstdError:
        return len(body)
    return min(said if said >= 0 else len(body) * _GUESSED_RATIO, MAX_UNPACKED_BYTES)


# ── suspicion and exact looks ─────────────────────────────────────────────────────────────────


def _breaks_a_rule(value: Any, encoded: bytes) -> bool:
    """Whether orjson wrote what the contract refuses: suspected from the bytes, then looked for."""
    # orjson writes null for nan and inf, so a null may be one of those.
    if b"null" in encoded and _may_hold_non_finite(value, encoded) and _holds_non_finite(value):
        return True
    return b"\\u0000" in encoded or _levels(encoded) > MAX_DEPTH


def _may_hold_non_finite(value: Any, encoded: bytes) -> bool:
    """Whether a double may be without a finite value, at the speed of `memchr` where there is none.

    Such a double ends in two bytes that no UTF-8 text has. What is large is not copied for it.
    """
    if len(encoded) > _COPIED_BYTES:
        return True
    try:
        packed = marshal.dumps(value, 2)
    except ValueError:  # subclasses of JSON's types
        return True
    return (b"\xff" in packed or b"\x7f" in packed) and _NON_FINITE.search(packed) is not None


def _holds_non_finite(value: Any) -> bool:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, float):
            if not math.isfinite(item):
                return True
        elif isinstance(item, _CONTAINERS):
            inner = item.values() if isinstance(item, dict) else item
            stack.extend([one for one in inner if type(one) not in _ALWAYS_FINITE])
    return False


def _levels(body: bytes) -> int:
    """How deep valid JSON nests, from its brackets alone; below the limit perhaps too high."""
    opened = body.count(b"{") + body.count(b"[")
    if opened <= MAX_DEPTH:
        return opened
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    skeleton = body.translate(_SQUARE_TO_CURLY, _NEITHER_QUOTE_NOR_BRACKET).replace(b'""', b"")
    if b'"' in skeleton:
        skeleton = _TEXT.sub(b"", skeleton)
    # Only brackets are left now, and each pass takes off the leaves.
    levels = 0
    while skeleton and levels <= MAX_DEPTH:
        skeleton = skeleton.replace(b"{}", b"")
        levels += 1
    return levels


def _members(container: Any, path: _Path) -> Iterator[tuple[Any, _Path]]:
    if not isinstance(container, dict):
        _refuse_named_tuple(container, path)
        yield from ((item, (*path, index)) for index, item in enumerate(container))
        return
    for key, item in container.items():
        if type(key) is not str:
            raise PayloadRejected(
                Reason.WRONG_SHAPE, f"{_at(path)}: key {key!r} is a {type(key).__name__}, not text"
            )
        _check_text(key, path)
        yield item, (*path, key)


def _refuse_named_tuple(container: Any, path: _Path) -> None:
    if isinstance(container, tuple) and type(container) is not tuple:
        raise _not_json(container, path)


def _check_scalar(item: Any, path: _Path) -> None:
    if item is None or item is True or item is False:
        return
    if isinstance(item, str):
        _check_text(item, path)
    elif isinstance(item, int):
        _check_integer(item, path)
    elif isinstance(item, float):
        if not math.isfinite(item):
            raise PayloadRejected(Reason.NOT_FINITE, f"{_at(path)}: {item!r} is no finite number")
    elif not _orjson_writes(item):
        raise _not_json(item, path)


def _orjson_writes(item: Any) -> bool:
    """Whether orjson has a text of its own for `item`: UUIDs and enumerations of JSON values."""
    try:
        orjson.dumps(item, option=_CANONICAL)
    except TypeError:
        return False
    return True


def _check_text(text: str, path: _Path) -> None:
    if "\x00" in text:
        raise PayloadRejected(Reason.NUL, f"{_at(path)}: text with a NUL character")
    # Most text is ASCII, which is known without looking; only the rest can hold a surrogate.
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise PayloadRejected(Reason.LONE_SURROGATE, f"{_at(path)}: text with a lone surrogate")


def _check_integer(number: int, path: _Path) -> None:
    if not MIN_INTEGER <= number <= MAX_INTEGER:
        raise PayloadRejected(
            Reason.NUMBER_OUT_OF_RANGE, f"{_at(path)}: an integer outside -2^63..2^64-1"
        )


def _not_json(item: Any, path: _Path) -> PayloadRejected:
    return PayloadRejected(
        Reason.WRONG_SHAPE, f"{_at(path)}: a {type(item).__name__} is not a JSON value"
    )


def _at(path: _Path) -> str:
    if not path:
        return "at the root"
    # The path of a record is short; one this long would only drown the message.
    shown = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path[:16])
    return f"at {shown.removeprefix('.')[:256]!r}"


def _check_levels(value: Any) -> None:
    for member in _record_members(value):
        if _deeper_than(member, MAX_DEPTH):
            raise PayloadRejected(Reason.TOO_DEEP, f"more than {MAX_DEPTH} levels of nesting")


def _record_members(value: Any) -> Iterator[Any]:
    """What levels are counted from: the members of a record, and of the operations of its patch.

    A value of a patch may have the levels of a state; the fold counts those that it comes under.
    """
    if not isinstance(value, dict):
        yield value
        return
    for key, member in value.items():
        if key == "records" and isinstance(member, list):
            for record in member:
                yield from _record_members(record)
        elif key == "patch" and isinstance(member, list):
            for operation in member:
                yield from operation.values() if isinstance(operation, dict) else (operation,)
        else:
            yield member


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value] if isinstance(value, _CONTAINERS) else []
    for _ in range(limit):
        level = [
            item
            for container in level
            for item in (container.values() if isinstance(container, dict) else container)
            if isinstance(item, _CONTAINERS)
        ]
        if not level:
            return False
    return True


def _parse_exactly(body: bytes) -> Any:
    return json.loads(body, parse_int=_integer_from, parse_constant=_refuse_constant)


def _integer_from(digits: str) -> int:
    # Twenty digits and a sign are the most an integer in range has: never parse a longer one.
    if len(digits) <= _LONGEST_INTEGER and MIN_INTEGER <= int(digits) <= MAX_INTEGER:
        return int(digits)
    raise PayloadRejected(Reason.NUMBER_OUT_OF_RANGE, f"integer {digits[:24]} is over 64 bits")


def _refuse_constant(name: str) -> NoReturn:
    raise PayloadRejected(Reason.NOT_JSON, f"{name} is not JSON")


def _classify(body: bytes, refusal: str) -> NoReturn:
    """Say which rule a body that orjson refused has broken."""
    try:
        value = _parse_exactly(body)
        check_json(value, max_depth=None)
    except RecursionError:
        raise PayloadRejected(Reason.TOO_DEEP, f"more than {MAX_DEPTH} levels of nesting") from None
    except PayloadRejected:
        raise
    except ValueError:
        raise PayloadRejected(Reason.NOT_JSON, refusal) from None
    _check_levels(value)
    raise PayloadRejected(Reason.NOT_JSON, refusal)


# ── encodings ─────────────────────────────────────────────────────────────────────────────────


def _content_encoding(headers: Mapping[str, str] | None) -> str:
    for name, value in (headers or {}).items():
        if name.lower() == _ENCODING:
            return value.strip().lower()
    return ""


def _unpack_zstd(body: bytes) -> bytes:
    # Imported here: an agent that neither compresses nor reads needs no zstandard. A reader
    # without it must fail loudly, so the ImportError is not turned into a dead letter.
    import zstandard

    out = BytesIO()
    try:
        # Read by bounded pieces: `decompress` believes the frame, and 327 bytes gave 10 MB.
        with zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True) as reader:
            while out.tell() <= MAX_UNPACKED_BYTES and (piece := reader.read(_READ_BYTES)):
                out.write(piece)
    except zstandard.ZstdError as error:
        raise PayloadRejected(Reason.DAMAGED_ENCODING, f"not a zstd frame: {error}") from None
    return out.getvalue()
