"""`archive`: a tar file within a zstd frame: a file for each member, the records in many.

`head.json`, `session.json`, `breakpoints.ndjson`, `history.ndjson`, `data.ndjson`, `marks.ndjson`,
`records/000000.ndjson` and so on, `end.json`, and at last `manifest.json` with the size and the
SHA-256 of each file before it. Nothing is unpacked to a disk: names only say what a file holds.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from typing import Final, cast

import orjson
from pydantic import ValidationError

from stratoscope.domain.exchange.checking import MAX_KEPT_BYTES
from stratoscope.domain.exchange.damage import Damaged
from stratoscope.navigator.exchange.formats import tar
from stratoscope.navigator.exchange.formats.entries import ALONE, Bounds, Entry
from stratoscope.navigator.exchange.formats.frames import Packing, Unpacked
from stratoscope_contracts.exchange import EXPORT_VERSION, ExportManifest, Member

MANIFEST: Final = "manifest.json"
_FILE_BYTES: Final = 4 << 20
_NAME: Final = re.compile(
    r"(?P<alone>head|session|end)\.json"
    r"|(?P<listed>breakpoints|history|data|marks)\.ndjson"
    r"|(?P<records>records)/(?P<number>[0-9]{6,9})\.ndjson"
)
# What other programs fill a tar file up with.
_MAX_FILLING: Final = 1 << 20


class ArchiveWriter:
    """Writes a packed tar file."""

    def __init__(self, exported_at: datetime) -> None:
        self._packing = Packing()
        self._exported_at = exported_at
        self._member: Member | None = None
        self._lines: list[bytes] = []
        self._size = 0
        self._number = 0
        self._files: list[dict[str, object]] = []

    def write(self, entries: Iterable[Entry]) -> bytes:
        """The bytes of the files that are full, as far as they are packed."""
        packed = []
        for entry in entries:
            is_full = self._size >= _FILE_BYTES and entry.member == "records"
            if is_full or entry.member != self._member:
                packed.append(self._closed())
                self._member = entry.member
            self._lines.append(entry.raw)
            self._size += len(entry.raw) + 1
        return b"".join(packed)

    def finish(self) -> bytes:
        """The last file, the manifest, and the end."""
        last = self._closed()
        manifest = {"stratoscope_export": EXPORT_VERSION, "files": self._files}
        end = self._file(MANIFEST, orjson.dumps(manifest)) + tar.END
        return last + self._packing.finish(end)

    def _closed(self) -> bytes:
        """The file that was begun."""
        if self._member is None or not self._lines:
            return b""
        content = b"\n".join((*self._lines, b""))
        name = self._name(self._member)
        digest = sha256(content).hexdigest()
        self._files.append({"name": name, "size": len(content), "sha256": digest})
        self._lines, self._size = [], 0
        return self._packing.pack(self._file(name, content))

    def _name(self, member: Member) -> str:
        if member != "records":
            return f"{member}.{'json' if member in ALONE else 'ndjson'}"
        self._number += 1
        return f"records/{self._number - 1:06}.ndjson"

    def _file(self, name: str, content: bytes) -> bytes:
        header = tar.header(name, len(content), self._exported_at)
        return header + content + bytes(tar.padding(len(content)))


def read_archive(source: Unpacked, bounds: Bounds) -> Iterator[Entry]:
    """The entries of an archive; at its end its manifest is checked. Raises Damaged."""
    found: list[dict[str, object]] = []
    records = 0
    while True:
        header = tar.read_header(source.exactly(tar.BLOCK, "a header"))
        # A file holds a few records, the last of them perhaps a large one, or a whole other member.
        if header.size > max(bounds.entry_bytes + _FILE_BYTES, MAX_KEPT_BYTES):
            raise Damaged(f"a file of {header.size} bytes", header.name)
        content = source.exactly(header.size, header.name)
        source.exactly(tar.padding(header.size), header.name)
        if header.name == MANIFEST:
            break
        if any(one["name"] == header.name for one in found[-1:]):
            raise Damaged("a second file of this name", header.name)
        digest = sha256(content).hexdigest()
        found.append({"name": header.name, "size": header.size, "sha256": digest})
        member, number = _member(header.name)
        if number is not None:
            if number != records:
                raise Damaged("a file of records that is not the next one", header.name)
            records += 1
        yield from _entries(header.name, member, content, bounds)
    _check_manifest(content, found)
    _check_end(source)


def _member(name: str) -> tuple[Member, int | None]:
    match = _NAME.fullmatch(name)
    if match is None:
        raise Damaged("a name that no file of an export has", repr(name[:100]))
    number = match["number"]
    member = cast(Member, match["alone"] or match["listed"] or match["records"])
    return member, None if number is None else int(number)


def _entries(name: str, member: Member, content: bytes, bounds: Bounds) -> Iterator[Entry]:
    at = line = 0
    while at < len(content):
        end = content.find(b"\n", at)
        end = len(content) if end < 0 else end
        line += 1
        if end - at > bounds.entry_bytes:
            raise Damaged(
                f"an entry of more than {bounds.entry_bytes} bytes", f"{name} line {line}"
            )
        if not content[at:end].strip():
            raise Damaged("an empty line", f"{name} line {line}")
        yield Entry(member, content[at:end])
        at = end + 1


def _check_manifest(content: bytes, found: list[dict[str, object]]) -> None:
    try:
        manifest = ExportManifest.model_validate_json(content)
    except ValidationError as error:
        raise Damaged("no manifest of an export", MANIFEST) from error
    for said, is_there in zip(manifest.files, found, strict=False):
        if said.model_dump() != is_there:
            raise Damaged(f"{said.name} is not as it was written: its digest is another", MANIFEST)
    if len(manifest.files) != len(found):
        raise Damaged(f"{len(manifest.files)} files are named, {len(found)} are there", MANIFEST)


def _check_end(source: Unpacked) -> None:
    if source.exactly(len(tar.END), "the end") != tar.END:
        raise Damaged("something follows behind the manifest", f"byte {source.taken}")
    rest = source.take(_MAX_FILLING + 1)
    if len(rest) > _MAX_FILLING or any(rest):
        raise Damaged("something follows behind the end", f"byte {source.taken}")
