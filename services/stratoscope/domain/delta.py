"""State versions as skip-deltas: any version of a group is at most nine blobs away.

Versions come in groups of up to 256. Version 0 of a group is a keyframe, compressed by itself;
version j is compressed with the raw bytes of version ``j & (j - 1)`` (j without its lowest set
bit) as dictionary. Following parents clears one bit at a time, so a chain is as long as j has
set bits, plus the keyframe. To append version j + 1 only the ancestors of version j are needed,
since each is an ancestor of, or equal to, what j + 1 has for a parent: a group that is open for
writing is a stack of at most nine documents.

Retention drops whole groups, so a group also closes before it spans more than a share of what a
limit keeps; and where a delta is hardly smaller than the document, a keyframe takes its place,
since all versions behind it are then nearer to what they are compressed with.

Frames are written without zstd's magic number and without sizes, which the row knows. To be read
they get both back: a series of whole frames, each the dictionary of the next, is unpacked in one
go, while making an unpacker for one dictionary costs ten times what unpacking with it does.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

import zstandard

from stratoscope.domain.canonical import digest

GROUP = 256
LEVEL = 3
# In place of that level's own: where nearly all is a match in the dictionary, a lazy search gives
# a tenth less and is a quarter faster.
_SEARCH = {"strategy": zstandard.STRATEGY_LAZY, "search_log": 4}
# Below this a delta is small whatever it is compared with.
_SMALL = 512
# Of zstd's format (RFC 8878): what a frame begins with, and how its header is described: without
# a size, with one of four bytes, and with one that is the window's too. A block is 128 KiB at most.
_MAGIC = b"\x28\xb5\x2f\xfd"
_BARE, _SIZED, _SIZED_ALONE = b"\x00", b"\x80", b"\xa0"
_BLOCK = 1 << 17


class DamagedChain(ValueError):
    """A chain of blobs did not give the document that was stored."""


class Mark(NamedTuple):
    """Where a version stands, as far as groups close by it."""

    event_index: int
    recorded_at: datetime
    is_snapshot: bool


@dataclass(frozen=True, slots=True)
class Closing:
    """When a group is closed, and how its versions are compressed.

    `threshold` is the share of the whole that a delta may take; `events` and `age` are what a
    group may span, the others what it may hold.
    """

    versions: int = GROUP
    blob_bytes: int = 16 << 20
    threshold: float = 0.5
    level: int = LEVEL
    snapshots: int | None = None
    events: int | None = None
    age: timedelta | None = None
    # Of the documents that an open group keeps in memory: five megabytes each leave room for nine.
    held_bytes: int = 48 << 20

    def ends(self, span: "Span", slot: int, mark: Mark | None) -> bool:
        """Whether a version that would take a slot has to start the next group."""
        if slot >= self.versions or span.blob_bytes >= self.blob_bytes:
            return True
        if span.start is None or mark is None:
            return False
        events = mark.event_index - span.start.event_index
        return (
            (self.events is not None and events >= self.events)
            or (self.age is not None and mark.recorded_at - span.start.recorded_at >= self.age)
            or (self.snapshots is not None and span.snapshots + mark.is_snapshot > self.snapshots)
        )


@dataclass(frozen=True, slots=True)
class Span:
    """What a group holds: where its keyframe stands, and what has come in since."""

    start: Mark | None = None
    snapshots: int = 0
    blob_bytes: int = 0
    keyframe_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """A group open for writing: the newest version's chain, keyframe first."""

    slots: tuple[int, ...] = ()
    raws: tuple[bytes, ...] = ()
    span: Span = field(default=Span(), compare=False)

    @property
    def newest(self) -> bytes | None:
        """The newest version's canonical bytes."""
        return self.raws[-1] if self.raws else None

    @property
    def size(self) -> int:
        """Bytes held in memory."""
        return sum(map(len, self.raws))


class Frame(NamedTuple):
    """A stored version: its slot, the size and hash of its document, and its blob."""

    slot: int
    size: int
    digest: bytes
    blob: bytes


def parent(slot: int) -> int:
    """The slot whose raw bytes are the dictionary of this one (0 has none)."""
    return slot & (slot - 1)


@lru_cache(maxsize=GROUP)
def chain(slot: int) -> tuple[int, ...]:
    """The slots that rebuild this one, keyframe first."""
    slots = [slot]
    while slots[-1]:
        slots.append(parent(slots[-1]))
    return tuple(reversed(slots))


class Slotted(NamedTuple):
    """A version and its slot, which say what it takes to rebuild it."""

    version: int
    slot: int

    @property
    def chain(self) -> Iterator[int]:
        """The versions that rebuild it, keyframe first, itself last."""
        return map((self.version - self.slot).__add__, chain(self.slot))


def cheapest(first: Slotted, behind: Slotted) -> Slotted:
    """Of the versions from one up to another, one that takes few blobs to rebuild."""
    start = behind.version - behind.slot
    if first.version < start:
        # Groups of one version may lie between: all that is known is where the last one starts.
        return Slotted(start, 0) if start < behind.version else first
    if first.slot == 0:
        return first
    # In one group: the slot with the most zeros at its end, an ancestor of those behind it.
    last = behind.slot - 1
    zeros = (last ^ (first.slot - 1)).bit_length() - 1
    slot = last >> zeros << zeros
    return Slotted(start + slot, slot)


def append(
    group: Group, raw: bytes, closing: Closing = Closing(), mark: Mark | None = None
) -> tuple[Group, int, bytes]:
    """Add a version: the group after it, its slot, its blob."""
    slot = group.slots[-1] + 1 if group.slots else 0
    if slot == 0 or closing.ends(group.span, slot, mark):
        return _opened(raw, closing, mark)
    kept = group.slots.index(parent(slot)) + 1
    if sum(map(len, group.raws[:kept])) + len(raw) > closing.held_bytes:
        return _opened(raw, closing, mark)
    blob = _compress(raw, group.raws[kept - 1], closing.level)
    if len(blob) > max(_SMALL, closing.threshold * _expected(group, raw)):
        opened = _opened(raw, closing, mark)
        if len(blob) > closing.threshold * len(opened[2]):
            return opened
    grown = replace(
        group.span,
        snapshots=group.span.snapshots + (mark is not None and mark.is_snapshot),
        blob_bytes=group.span.blob_bytes + len(blob),
    )
    return Group((*group.slots[:kept], slot), (*group.raws[:kept], raw), grown), slot, blob


def _opened(raw: bytes, closing: Closing, mark: Mark | None) -> tuple[Group, int, bytes]:
    blob = _compress(raw, None, closing.level)
    snapshots = int(mark is not None and mark.is_snapshot)
    return Group((0,), (raw,), Span(mark, snapshots, len(blob), len(blob))), 0, blob


def _expected(group: Group, raw: bytes) -> float:
    """About what a keyframe of this document would take: as its group's own did."""
    return group.span.keyframe_bytes * len(raw) / len(group.raws[0])


def unfold(blobs: Sequence[bytes], sizes: Sequence[int]) -> tuple[bytes, ...]:
    """Rebuild every document of a chain, keyframe first.

    Raises DamagedChain where a blob is no frame or holds more or less than its size.
    """
    unpacker = _unpacker()
    raws: list[bytes] = []
    for blob, size in zip(blobs, sizes, strict=True):
        raws.append(_decompress(unpacker, blob, size, raws[-1] if raws else None))
    return tuple(raws)


def unfold_last(blobs: Sequence[bytes], sizes: Sequence[int]) -> bytes:
    """Rebuild the last document of a chain, keyframe first; raises DamagedChain as `unfold`."""
    return _unpack(_unpacker(), [_whole_frame(*one) for one in zip(blobs, sizes, strict=True)])


def unfold_all(frames: Mapping[int, Frame], wanted: Collection[int]) -> dict[int, bytes]:
    """Rebuild versions of a set that holds the ancestors of each.

    Raises DamagedChain where one is damaged, or an ancestor is missing.
    """
    unpacker = _unpacker()
    raws: dict[int, bytes] = {}
    # An ancestor as its descendants need it, made once for all of them.
    plain: dict[int, bytes] = {}
    for version in sorted(frames):
        slot, size, _, blob = frames[version]
        series = [_whole_frame(blob, size)]
        if slot:
            ancestor = version - slot + parent(slot)
            if ancestor not in plain:
                if ancestor not in raws:
                    raise DamagedChain(f"version {version} has lost its ancestor")
                plain[ancestor] = _plain_frame(raws[ancestor])
            series.insert(0, plain[ancestor])
        raws[version] = _unpack(unpacker, series)
    # Of the others it matters only what was made of them.
    return {version: verified(raws[version], frames[version].digest) for version in wanted}


def follow(group: Group, frame: Frame) -> Group:
    """The chain of a stored version, given the one before it in its group; it can't be written to.

    Raises DamagedChain where the version is damaged, or needs one that was left out as damaged.
    """
    kept = 0
    if frame.slot:
        if parent(frame.slot) not in group.slots:
            raise DamagedChain("it is compressed with a version that is damaged or missing")
        kept = group.slots.index(parent(frame.slot)) + 1
    ancestor = group.raws[kept - 1] if kept else None
    raw = _decompress(_unpacker(), frame.blob, frame.size, ancestor)
    slots, raws = group.slots[:kept], group.raws[:kept]
    return Group((*slots, frame.slot), (*raws, verified(raw, frame.digest)))


def verified(raw: bytes, expected: bytes) -> bytes:
    """Pass a rebuilt document on if it is the one that was stored, else raise DamagedChain."""
    if digest(raw) != expected:
        raise DamagedChain("a rebuilt state does not have the hash it was stored with")
    return raw


def _dictionary(raw: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(raw, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def _compress(raw: bytes, ancestor: bytes | None, level: int) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level,
        **(_SEARCH if level == LEVEL else {}),
        source_size=len(raw),
        dict_size=len(ancestor) if ancestor else 0,
        format=zstandard.FORMAT_ZSTD1_MAGICLESS,
        write_content_size=False,
        write_dict_id=False,
    )
    dictionary = _dictionary(ancestor) if ancestor else None
    compressor = zstandard.ZstdCompressor(dict_data=dictionary, compression_params=parameters)
    return compressor.compress(raw)


def _unpacker() -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(max_window_size=1 << 31)


def _decompress(
    unpacker: zstandard.ZstdDecompressor, blob: bytes, size: int, ancestor: bytes | None
) -> bytes:
    frame = _whole_frame(blob, size)
    return _unpack(unpacker, [frame] if ancestor is None else [_plain_frame(ancestor), frame])


def _unpack(unpacker: zstandard.ZstdDecompressor, frames: Sequence[bytes]) -> bytes:
    """The content of the last frame, each frame's content being the dictionary of the next."""
    try:
        return unpacker.decompress_content_dict_chain([*frames])
    except (zstandard.ZstdError, ValueError) as error:
        raise DamagedChain(f"a stored delta does not unpack to its size: {error}") from error


def _whole_frame(blob: bytes, size: int) -> bytes:
    """A blob with its magic number and its document's size, as the format has them."""
    # The first byte says what the header holds. One that already names a size is not ours, nor
    # held to the row's: a damaged blob must not be able to unpack to gigabytes.
    if size <= 0 or blob[:1] != _BARE:
        raise DamagedChain("a stored delta, or its size, was not written here")
    return b"".join((_MAGIC, _SIZED, blob[1:2], size.to_bytes(4, "little"), blob[2:]))


def _plain_frame(raw: bytes) -> bytes:
    """A document as a frame that holds it uncompressed."""
    size = len(raw)
    head = _MAGIC + _SIZED_ALONE + size.to_bytes(4, "little")
    if size <= _BLOCK:
        return b"".join((head, _block_head(size, is_last=True), raw))
    parts = [head]
    for start in range(0, size, _BLOCK):
        block = raw[start : start + _BLOCK]
        parts += (_block_head(len(block), is_last=start + _BLOCK >= size), block)
    return b"".join(parts)


def _block_head(size: int, *, is_last: bool) -> bytes:
    return (size << 3 | is_last).to_bytes(3, "little")
