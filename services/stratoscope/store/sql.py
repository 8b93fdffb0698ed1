"""Named queries, read from the .sql files beside this module."""

import re
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_NAMED = re.compile(r"^-- name: ([a-z_]+)$", re.MULTILINE)
_FOLDER = files("stratoscope.store")


@cache
def queries(file: str) -> MappingProxyType[str, str]:
    """The queries of `queries/<file>.sql` by name; KeyError names one that is not there."""
    parts = _NAMED.split((_FOLDER / "queries" / f"{file}.sql").read_text("utf-8"))
    return MappingProxyType(
        {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}
    )


@cache
def schema(room: str) -> str:
    """What `room` (operations, projection) looks like when all its migrations are applied."""
    return (_FOLDER / "schema" / f"{room}.sql").read_text("utf-8")


@cache
def migrations(room: str) -> tuple[tuple[int, str, str], ...]:
    """The migrations of a room in order: number, name, statements."""
    found = []
    for file in (_FOLDER / "migrations" / room).iterdir():
        number, _, name = file.name.removesuffix(".sql").partition("_")
        found.append((int(number), name, file.read_text("utf-8")))
    return tuple(sorted(found))
