"""Messages with places for values: `{event.type} at {state.position.x}`.

A place names `event` or `state`, with a path below it as anywhere (`state.inventory[0]`); `{{` and
`}}` are braces. A value that is not there is a question mark, a text stands as it is, anything else
as JSON. There is nothing else in it: no calls, no formats, no way to what is not in a record.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from stratoscope.domain import paths
from stratoscope.domain.canonical import canonical
from stratoscope.domain.paths import MISSING, PathSyntaxError, Segments

ABSENT: Final = "?"
_VALUE_LETTERS: Final = 200
_MESSAGE_LETTERS: Final = 2000
_PIECE: Final = re.compile(r"(\{\{|\}\}|\{|\})")
_ROOT: Final = re.compile(r"\s*(event|state)(?=[.\[]|\s*\Z)")

Root = Literal["event", "state"]


class TemplateRefused(ValueError):
    """A text that is no template; says why and where."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a value."""

    root: Root
    path: Segments


@dataclass(frozen=True, slots=True)
class Template:
    """A message that is read: texts and places in turn."""

    pieces: tuple[str | Slot, ...]

    @property
    def roots(self) -> frozenset[Root]:
        """What it looks at."""
        return frozenset(piece.root for piece in self.pieces if isinstance(piece, Slot))


def read(text: str) -> Template:
    """A template from its text. Raises TemplateRefused."""
    pieces: list[str | Slot] = []
    opened: int | None = None
    position = 0
    for token in _PIECE.split(text):
        match token:
            case "{{" | "}}" if opened is None:
                pieces.append(token[0])
            case "{" if opened is None:
                opened = position
            case "}" if opened is not None:
                pieces.append(_slot(text[opened + 1 : position], opened))
                opened = None
            case "{" | "}" | "{{" | "}}":
                raise TemplateRefused(f"a brace at character {position + 1} has no other")
            case _ if opened is None:
                pieces.append(token)
            case _:
                pass
        position += len(token)
    if opened is not None:
        raise TemplateRefused(f"a brace at character {opened + 1} has no other")
    return Template(tuple(piece for piece in pieces if piece != ""))


def rendered(template: Template, event: object, state: object) -> str:
    """The message over an event and a state; either may be None."""
    values = {"event": event, "state": state}
    said = "".join(
        piece if isinstance(piece, str) else _said(values[piece.root], piece.path)
        for piece in template.pieces
    )
    return _cut(said, _MESSAGE_LETTERS)


def _slot(inside: str, opened: int) -> Slot:
    root = _ROOT.match(inside)
    if root is None:
        raise TemplateRefused(f"the place at character {opened + 1} names neither event nor state")
    rest = inside[root.end() :].strip().removeprefix(".")
    try:
        path = paths.parse(rest)
    except PathSyntaxError as error:
        raise TemplateRefused(
            f"the path at character {opened + 1} can't be read: {error.reason}"
        ) from error
    return Slot("event" if root[1] == "event" else "state", path)


def _said(document: object, path: Segments) -> str:
    value = MISSING if document is None else paths.get(document, path)
    if value is MISSING:
        return ABSENT
    said = value if isinstance(value, str) else canonical(value).decode()
    return _cut(said.replace("\0", "\N{REPLACEMENT CHARACTER}"), _VALUE_LETTERS)


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"
