"""A JSON document of any size, read entry by entry.

Where an entry ends is mostly known at a glance: a line holds one. In a document that was laid out
otherwise its brackets are counted, which is slower and takes no more memory. Only where an entry
ends is found here; what it is worth is judged by who parses it.
"""

import re
from collections.abc import Iterator
from typing import IO, Final, get_args

import orjson

from stratoscope.domain.exchange.damage import Damaged
from stratoscope.navigator.exchange.formats.entries import ALONE, Bounds, Entry
from stratoscope_contracts.exchange import Member
from stratoscope_contracts.value_count import has_too_many_values
from stratoscope_contracts.words import MAX_JSON_VALUES

_MEMBERS: Final[dict[bytes, Member]] = {name.encode(): name for name in get_args(Member)}
_CHUNK: Final = 256 * 1024
_SPACE: Final = b" \t\r\n"
_LONGEST_NAME: Final = 32
_NOT_SPACE: Final = re.compile(rb"[^ \t\r\n]")
_BRACKET_OR_TEXT: Final = re.compile(rb'[{}\[\]"]')
# Possessive: to go back takes a gigabyte for some million escapes.
_REST_OF_TEXT: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
# An entry with more brackets has too many values for a record.
_MOST_BRACKETS: Final = 2 * MAX_JSON_VALUES


def read_document(file: IO[bytes], bounds: Bounds) -> Iterator[Entry]:
    """The entries of a document. Raises Damaged."""
    text = _Text(file, bounds)
    text.expect(b"{")
    before: Member | None = None
    while True:
        member = text.member()
        if member == before:
            raise Damaged("a second member of this name", member)
        before = member
        text.expect(b":")
        if member in ALONE:
            yield Entry(member, text.entry())
        else:
            yield from _listed(text, member)
        if text.one_of(b",}") == b"}":
            break
    text.expect_end()


def _listed(text: "_Text", member: Member) -> Iterator[Entry]:
    text.expect(b"[")
    if text.peek() == b"]":
        text.expect(b"]")
        return
    while True:
        yield Entry(member, text.entry())
        if text.one_of(b",]") == b"]":
            return


class _Text:
    """The document as far as it was read and not yet taken."""

    def __init__(self, file: IO[bytes], bounds: Bounds) -> None:
        self._file = file
        self._bounds = bounds
        self._window = b""
        self._at = 0
        self._read = 0
        self._by_lines = True

    def peek(self) -> bytes:
        """The next character that is no space; nothing at the end."""
        while (found := _NOT_SPACE.search(self._window, self._at)) is None:
            self._at = len(self._window)
            if not self._fill():
                return b""
        self._at = found.start()
        return found.group()

    def one_of(self, characters: bytes) -> bytes:
        """Take one of these characters."""
        found = self.peek()
        if not found or found not in characters:
            said = " or ".join(repr(chr(one)) for one in characters)
            raise self._damaged(f"{said} has to follow")
        self._at += 1
        return found

    def expect(self, character: bytes) -> None:
        """Take a character."""
        self.one_of(character)

    def expect_end(self) -> None:
        """Nothing may follow."""
        if self.peek():
            raise self._damaged("something follows behind the end of the document")

    def member(self) -> Member:
        """Take the name of a member."""
        self.expect(b'"')
        while (end := self._window.find(b'"', self._at, self._at + _LONGEST_NAME)) < 0:
            if len(self._window) - self._at >= _LONGEST_NAME or not self._fill():
                raise self._damaged("no member of an export")
        found = _MEMBERS.get(self._window[self._at : end])
        if found is None:
            raise self._damaged("no member of an export")
        self._at = end + 1
        return found

    def entry(self) -> bytes:
        """Take an object."""
        if self.peek() != b"{":
            raise self._damaged("an object has to follow")
        if self._by_lines:
            line = self._line()
            if line is not None:
                return line
            self._by_lines = False
        return self._counted()

    def _line(self) -> bytes | None:
        """The object on the rest of this line; None where there is more on it, or less."""
        searched = 0
        while (end := self._window.find(b"\n", self._at + searched)) < 0:
            searched = len(self._window) - self._at
            if searched > self._bounds.entry_bytes or not self._fill():
                return None
        line = self._window[self._at : end].rstrip(_SPACE).removesuffix(b",").rstrip(_SPACE)
        if has_too_many_values(line):
            raise self._too_many()
        try:
            orjson.loads(line)
        except orjson.JSONDecodeError:
            return None
        return self._take(len(line))

    def _counted(self) -> bytes:
        """The object up to the bracket that closes it."""
        depth, offset, brackets = 0, 0, 0
        while brackets <= _MOST_BRACKETS:
            found = _BRACKET_OR_TEXT.search(self._window, self._at + offset)
            if found is None:
                offset = self._more(len(self._window) - self._at)
            elif found.group() == b'"':
                text = _REST_OF_TEXT.match(self._window, found.end())
                start = found.start() - self._at
                offset = text.end() - self._at if text else self._more(start)
            else:
                brackets += 1
                depth += 1 if found.group() in b"{[" else -1
                offset = found.end() - self._at
                if depth == 0:
                    return self._take(offset)
        raise self._too_many()

    def _take(self, length: int) -> bytes:
        taken = self._window[self._at : self._at + length]
        self._at += length
        if length > self._bounds.entry_bytes:
            raise self._too_long()
        return taken

    def _more(self, offset: int) -> int:
        """Read on, to look again from an offset."""
        if len(self._window) - self._at > self._bounds.entry_bytes:
            raise self._too_long()
        if not self._fill():
            raise self._damaged("it ends within an entry")
        return offset

    def _fill(self) -> bool:
        left = self._window[self._at :]
        # As much again where an entry is long: else each piece of it would be copied many times.
        chunk = self._file.read(max(_CHUNK, len(left)))
        self._read += len(chunk)
        if self._read > self._bounds.all_bytes:
            raise Damaged(f"more than {self._bounds.all_bytes} bytes")
        self._window, self._at = left + chunk, 0
        return bool(chunk)

    def _too_long(self) -> Damaged:
        return self._damaged(f"an entry of more than {self._bounds.entry_bytes} bytes")

    def _too_many(self) -> Damaged:
        return self._damaged(f"an entry of more than {MAX_JSON_VALUES} JSON values")

    def _damaged(self, what: str) -> Damaged:
        return Damaged(what, f"byte {self._read - len(self._window) + self._at}")
