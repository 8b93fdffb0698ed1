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
from stratoscope_contracts.words import MAX_RENDERED_LENGTH, MAX_RENDERED_VALUE_LENGTH

ABSENT: Final = "?"
_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
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

    @property
    def names_depth(self) -> bool:
        """Whether it says how deep an event stands, or all of the event."""
        slots = (piece for piece in self.pieces if isinstance(piece, Slot))
        return any(slot.root == "event" and slot.path in ((), ("depth",)) for slot in slots)


def read(text: str) -> Template:
    """A template from its text. Raises TemplateRefused."""
    pieces: list[str | Slot] = []
    end = 0
    for found in _PIECE.finditer(text):
        pieces.append(text[end : found.start()])
        end = found.end()
        match found[0]:
            case "{{" | "}}":
                pieces.append(found[0][0])
            case "{" | "}":
                raise TemplateRefused(f"a brace at character {end} has no other")
            case _:
                pieces.append(_slot(found[1], end))
    pieces.append(text[end:])
    return Template(tuple(piece for piece in pieces if piece != ""))


def rendered(template: Template, event: object, state: object) -> str:
    """The message over an event and a state; either may be None."""
    values = {"event": event, "state": state}
    said = "".join(
        piece if isinstance(piece, str) else _said(values[piece.root], piece.path)
        for piece in template.pieces
    )
    return _cut(said, MAX_RENDERED_LENGTH)


def _slot(inside: str, end: int) -> Slot:
    root = _ROOT.match(inside)
    if root is None:
        raise TemplateRefused(f"the place before character {end} names neither event nor state")
    try:
        path = paths.parse(inside[root.end() :].strip().removeprefix("."))
    except PathSyntaxError as error:
        raise TemplateRefused(
            f"the path before character {end} can't be read: {error.reason}"
        ) from error
    return Slot("event" if root[1] == "event" else "state", path)


def _said(document: object, path: Segments) -> str:
    value = MISSING if document is None else paths.get(document, path)
    if value is MISSING:
        return ABSENT
    said = value if isinstance(value, str) else canonical(value).decode()
    return _cut(said.replace("\0", "\N{REPLACEMENT CHARACTER}"), MAX_RENDERED_VALUE_LENGTH)


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"
