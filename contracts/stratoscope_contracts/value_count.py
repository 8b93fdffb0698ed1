"""The number of values in JSON text, counted before the text is decoded.

A decoded value takes some fifty times its text in memory.
"""

from typing import Final

from stratoscope_contracts.words import MAX_JSON_VALUES

# A value and what parts it from the next take two bytes.
FEWEST_BYTES: Final = 2 * MAX_JSON_VALUES
_PIECE_BYTES: Final = 1024 * 1024


def has_too_many_values(body: bytes, limit: int = MAX_JSON_VALUES) -> bool:
    """Whether JSON text holds more values than `limit`, at most the contract's of a message."""
    if len(body) <= 2 * limit:
        return False
    # At most what follows an opening bracket or a comma: counted at the speed of `memchr`.
    most = 1 + sum(map(body.count, (b"{", b"[", b",")))
    return most > limit and count_json_values(body) > limit


def count_json_values(body: bytes) -> int:
    """How many values valid JSON text holds; of other text some number.

    By pieces, so that no more than a few megabytes are taken for it.
    """
    count, is_in_text, last = 1, False, b""
    start = 0
    while start < len(body) and count <= MAX_JSON_VALUES + 1:
        piece = body[start : start + _PIECE_BYTES]
        if (len(piece) - len(piece.rstrip(b"\\"))) % 2:
            # No escape is cut in two.
            piece = body[start : start + _PIECE_BYTES + 1]
        start += len(piece)
        piece = piece.replace(b"\\\\", b"").replace(b'\\"', b"")
        parts = piece.translate(None, b" \t\r\n").split(b'"')
        # A text counts as a digit: brackets around it are not empty.
        outside = last + b"0".join(parts[is_in_text::2])
        count += sum(map(outside.count, (b"{", b"[", b","))) - len(last)
        count -= outside.count(b"{}") + outside.count(b"[]")
        is_in_text ^= not len(parts) % 2
        # Whether a bracket is closed at once, the next piece says.
        last = outside[-1:] if outside.endswith((b"{", b"[")) and not is_in_text else b""
    return count
