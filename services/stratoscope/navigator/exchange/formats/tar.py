"""Tar, as far as an export needs it: plain files in the POSIX format of 1988, nothing else.

Python's own module knows every extension that tar has had, and reads some of them into memory
before anybody can say no. Here a header that is not just what an export is written with is damage:
links, devices, folders, long names, sizes that do not fit into digits.
"""

from datetime import datetime
from typing import Final, NamedTuple

from stratoscope.domain.exchange.damage import Damaged

BLOCK: Final = 512
END: Final = bytes(2 * BLOCK)
_MAGIC: Final = b"ustar\x0000"
_PLAIN: Final = b"0"
_NAME, _SIZE, _SUM, _TYPE = slice(0, 100), slice(124, 136), slice(148, 156), slice(156, 157)
_LINK, _FORMAT, _PREFIX = slice(157, 257), slice(257, 265), slice(345, 500)


class Header(NamedTuple):
    """A file that follows."""

    name: str
    size: int


def header(name: str, size: int, modified: datetime) -> bytes:
    """The block before a file."""
    parts = (
        name.encode().ljust(100, b"\0"),
        b"0000644\0" + b"0000000\0" * 2,
        b"%011o\0%011o\0" % (size, int(modified.timestamp())),
        b" " * 8 + _PLAIN,
        bytes(100) + _MAGIC + bytes(BLOCK - 265),
    )
    block = b"".join(parts)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def padding(size: int) -> int:
    """How many bytes fill a file up to whole blocks."""
    return -size % BLOCK


def read_header(block: bytes) -> Header:
    """What a block says of the file that follows. Raises Damaged."""
    if block[_FORMAT] != _MAGIC:
        raise Damaged("no header of a tar file, or one of another format than POSIX 1988 (ustar)")
    without_sum = block[: _SUM.start] + b" " * 8 + block[_SUM.stop :]
    if _number(block[_SUM]) != sum(without_sum):
        raise Damaged("a tar header that is damaged")
    if block[_TYPE] != _PLAIN or any(block[_LINK]) or any(block[_PREFIX]):
        raise Damaged("a link, a folder, a device or an extension: an export has plain files only")
    name, _, rest = block[_NAME].partition(b"\0")
    if any(rest) or not name.isascii():
        raise Damaged("a name that no file of an export has")
    return Header(name.decode(), _number(block[_SIZE]))


def _number(field: bytes) -> int:
    digits = field.rstrip(b"\0 ")
    if not digits or digits.strip(b"01234567"):
        raise Damaged("a number in a tar header that is not written in octal digits")
    return int(digits, 8)
