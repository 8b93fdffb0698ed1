"""Bytes within zstd frames, unpacked no faster than somebody takes them.

A frame of a few bytes can unpack to gigabytes: so it is read by pieces, which are counted, and its
window may not be larger than what the format recommends every reader to take.
"""

from typing import IO, Final

import zstandard

from stratoscope.domain.exchange.damage import Damaged
from stratoscope.navigator.exchange.formats.entries import Bounds

MAGIC: Final = b"\x28\xb5\x2f\xfd"
_LEVEL: Final = 3
_WINDOW: Final = 8 << 20
_PIECE: Final = 256 * 1024


class Packing:
    """Packs bytes as they come."""

    def __init__(self) -> None:
        packer = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        self._packer = packer.compressobj()

    def pack(self, data: bytes) -> bytes:
        """What can be sent already."""
        return self._packer.compress(data)

    def finish(self, data: bytes = b"") -> bytes:
        """The last of it."""
        return self._packer.compress(data) + self._packer.flush()


class Unpacked:
    """What is within, as far as it was read and not yet taken."""

    def __init__(self, file: IO[bytes], bounds: Bounds) -> None:
        unpacker = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
        self._reader = unpacker.stream_reader(file, read_across_frames=True, closefd=False)
        self._bounds = bounds
        self._left = b""
        self._read = 0

    @property
    def taken(self) -> int:
        """How many bytes were taken."""
        return self._read - len(self._left)

    def peek(self, length: int) -> bytes:
        """The next bytes, which stay; fewer at the end."""
        while len(self._left) < length and (piece := self._piece()):
            self._left += piece
        return self._left[:length]

    def take(self, length: int) -> bytes:
        """The next bytes, fewer at the end. The caller has checked that they are not too many."""
        parts, missing = [], length
        while missing:
            if not self._left:
                self._left = self._piece()
                if not self._left:
                    break
            part, self._left = self._left[:missing], self._left[missing:]
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def exactly(self, length: int, what: str) -> bytes:
        """The next bytes, all of them. Raises Damaged."""
        found = self.take(length)
        if len(found) < length:
            raise Damaged(f"it ends within {what}", f"byte {self.taken}")
        return found

    def _piece(self) -> bytes:
        try:
            piece = self._reader.read(_PIECE)
        except zstandard.ZstdError as error:
            raise Damaged(
                f"no zstd frame, or a damaged one: {error}", f"byte {self.taken}"
            ) from error
        self._read += len(piece)
        if self._read > self._bounds.all_bytes:
            raise Damaged(f"more than {self._bounds.all_bytes} bytes unpacked")
        return piece


def unpacked(file: IO[bytes], bounds: Bounds) -> Unpacked:
    """What is within the frames of a file."""
    return Unpacked(file, bounds)
