"""Documents as options let them through.

What is left out of an object is not there any more. In a list it leaves a gap, so that what stands
behind it keeps its index; a gap is no value: it equals itself, weighs nothing and is never told.
A container on the way to an included place stays only if something is in it, so that one that is
new or gone without holding anything included makes no difference.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from stratoscope.domain.comparison.options import Options
from stratoscope.domain.comparison.places import Places, State
from stratoscope.domain.paths import Segment


class Gap(Enum):
    """The type of `GAP`, an enum so that `is GAP` narrows and JSON can spell it."""

    GAP = "left out"


GAP: Final = Gap.GAP

_TYPES: Final = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def json_type(value: object) -> str:
    """The type that JSON gives a value."""
    return _TYPES[type(value)]


def reduced(document: object, options: Options) -> Any:
    """The document without what options leave out; `{}` where that is all of it."""
    if not options.reduces:
        return document
    reduction = _Reduction(options.include, options.exclude, options.types)
    include = None if options.include is None else options.include.start
    exclude = None if options.exclude is None else options.exclude.start
    found = reduction.of(document, include, exclude)
    return {} if found is GAP else found


def told(value: Any) -> Any:
    """A value without its gaps, as it may be shown."""
    if isinstance(value, dict):
        return {key: told(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [told(inner) for inner in value if inner is not GAP]
    return value


@dataclass(frozen=True, slots=True)
class _Reduction:
    include: Places | None
    exclude: Places | None
    types: frozenset[str] | None

    def of(self, value: Any, include: State | None, exclude: State | None) -> Any:
        """A value's part; a state is None once the patterns have nothing more to say below."""
        if self.include is not None and include is not None and self.include.covers(include):
            include = None
        if self.exclude is not None and exclude is not None:
            if self.exclude.covers(exclude):
                return GAP
            exclude = exclude or None
        if include is None and exclude is None and self.types is None:
            return value
        if include is not None and not include:
            return GAP
        if isinstance(value, dict | list):
            return self._container(value, include, exclude)
        return value if include is None and self._is_wanted(value) else GAP

    def _container(self, value: Any, include: State | None, exclude: State | None) -> Any:
        kept: Any
        if isinstance(value, dict):
            parts = {key: self._inside(each, key, include, exclude) for key, each in value.items()}
            kept = {key: part for key, part in parts.items() if part is not GAP}
            holds = bool(kept)
        else:
            kept = [self._inside(each, at, include, exclude) for at, each in enumerate(value)]
            holds = any(part is not GAP for part in kept)
        return kept if holds or (include is None and self._is_wanted(value)) else GAP

    def _inside(
        self, value: Any, segment: Segment, include: State | None, exclude: State | None
    ) -> Any:
        if self.include is not None and include is not None:
            include = self.include.step(include, segment)
        if self.exclude is not None and exclude is not None:
            exclude = self.exclude.step(exclude, segment)
        return self.of(value, include, exclude)

    def _is_wanted(self, value: object) -> bool:
        return self.types is None or json_type(value) in self.types
