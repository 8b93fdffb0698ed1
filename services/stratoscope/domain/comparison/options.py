"""What counts as a difference, and what it counts as."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from stratoscope.domain.comparison.places import Places

CATEGORIES: Final = ("structural", "value", "type", "size", "metadata")


@dataclass(frozen=True, slots=True)
class Options:
    """How to compare; the default is every value at its place."""

    include: Places | None = None
    exclude: Places | None = None
    types: frozenset[str] | None = None
    max_depth: int | None = None
    threshold: float = 0.0
    digits: int | None = None
    ignore_order: bool = False
    categories: tuple[tuple[str, Places], ...] = ()

    @property
    def reduces(self) -> bool:
        """Whether parts of the documents are left out."""
        return not (self.include is None and self.exclude is None and self.types is None)

    @property
    def is_exact(self) -> bool:
        """Whether every difference is told."""
        return not (self.reduces or self.threshold or self.digits is not None or self.ignore_order)


PLAIN: Final = Options()


def options_of(told: Mapping[str, Any] | None) -> Options:
    """Options as the contract spells them, an empty list being none; raises PathSyntaxError."""
    if not told:
        return PLAIN
    types = told.get("types")
    return Options(
        include=_places(told.get("include_paths")),
        exclude=_places(told.get("exclude_paths")),
        types=frozenset(types) if types else None,
        max_depth=told.get("max_depth"),
        threshold=told.get("ignore_threshold") or 0.0,
        digits=told.get("significant_digits"),
        ignore_order=bool(told.get("ignore_order")),
        categories=tuple(
            (name, Places(patterns)) for name, patterns in (told.get("categories") or {}).items()
        ),
    )


def _places(patterns: list[str] | None) -> Places | None:
    return Places(patterns) if patterns else None
