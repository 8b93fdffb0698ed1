"""`json`: one document, an entry a line, so that it can be read and searched by the line."""

from collections.abc import Iterable

from stratoscope.navigator.exchange.formats.entries import ALONE, Entry
from stratoscope_contracts.exchange import Member


class DocumentWriter:
    """Writes a JSON document."""

    def __init__(self) -> None:
        self._open: Member | None = None

    def write(self, entries: Iterable[Entry]) -> bytes:
        """The lines of some entries."""
        return b"".join(part for entry in entries for part in self._line(entry))

    def finish(self) -> bytes:
        """The end of the document."""
        return self._closed() + b"\n}\n"

    def _line(self, entry: Entry) -> Iterable[bytes]:
        if entry.member == self._open:
            yield b",\n"
        else:
            yield b"{" if self._open is None else self._closed() + b",\n"
            yield f'"{entry.member}":'.encode()
            self._open = entry.member
            if entry.member not in ALONE:
                yield b"[\n"
        yield entry.raw

    def _closed(self) -> bytes:
        return b"" if self._open in ALONE else b"\n]"
