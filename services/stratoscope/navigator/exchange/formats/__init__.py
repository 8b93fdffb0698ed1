"""The formats of an export, each a writer and a reader of the same entries.

A reader trusts nothing: what it takes into memory is bounded, whatever the bytes say of themselves,
and each entry is handed on before the next is read.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import IO, assert_never

from stratoscope.domain.exchange.damage import Damaged
from stratoscope.navigator.exchange.formats.archives import ArchiveWriter, read_archive
from stratoscope.navigator.exchange.formats.documents import DocumentWriter
from stratoscope.navigator.exchange.formats.entries import Bounds, Entry, Writer
from stratoscope.navigator.exchange.formats.frames import MAGIC, unpacked
from stratoscope.navigator.exchange.formats.scanning import read_document
from stratoscope.navigator.exchange.formats.sequences import (
    SELF_DESCRIBED,
    SequenceWriter,
    read_sequence,
)
from stratoscope_contracts.sessions import ExportFormat

SUFFIXES: dict[ExportFormat, str] = {
    "json": ".json",
    "binary": ".cbor.zst",
    "archive": ".tar.zst",
}
_WHITESPACE = b" \t\r\n"


def writer(form: ExportFormat, exported_at: datetime) -> Writer:
    """What writes an export."""
    match form:
        case "json":
            return DocumentWriter()
        case "binary":
            return SequenceWriter()
        case "archive":
            return ArchiveWriter(exported_at)
        case _:
            assert_never(form)


def read(file: IO[bytes], bounds: Bounds) -> Iterator[Entry]:
    """The entries of an export, whichever format it is in. Raises Damaged."""
    file.seek(0)
    first = file.read(len(MAGIC))
    file.seek(0)
    if first == MAGIC:
        return _read_packed(file, bounds)
    if first.lstrip(_WHITESPACE)[:1] in (b"{", b"") and first:
        return read_document(file, bounds)
    raise Damaged("it is no export: neither a JSON object nor a zstd frame")


def _read_packed(file: IO[bytes], bounds: Bounds) -> Iterator[Entry]:
    source = unpacked(file, bounds)
    if source.peek(len(SELF_DESCRIBED)) == SELF_DESCRIBED:
        return read_sequence(source, bounds)
    return read_archive(source, bounds)
