"""Options as a request has them, made ready to be carried out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from stratoscope.domain.comparison.options import Options, options_of
from stratoscope.domain.comparison.places import parse_pattern
from stratoscope.domain.paths import PathSyntaxError
from stratoscope_contracts.comparing import CompareOptions
from stratoscope_contracts.errors import BadRequest

# How many times as long as a plain comparison one with options takes; and one without order, which
# may take any time, and loads what takes half a second to load.
_WITH_OPTIONS = 8
NEVER_HERE = 1 << 30


@dataclass(frozen=True, slots=True)
class Asked:
    """Options, and as they are told to a worker."""

    options: Options
    told: dict[str, Any]

    @classmethod
    def of(cls, options: CompareOptions | None) -> Self:
        """What a request asks for; BadRequest where a pattern is none."""
        faults = list(_faults(options)) if options else []
        if faults:
            raise BadRequest.of_fields(*faults)
        told = options.model_dump(mode="json", exclude_defaults=True) if options else {}
        return cls(options_of(told), told)

    @property
    def cost(self) -> int:
        """How many times as long as a plain comparison it takes."""
        if self.options.ignore_order:
            return NEVER_HERE
        return 1 if self.options.is_exact else _WITH_OPTIONS


def _faults(options: CompareOptions) -> Iterator[tuple[str, str]]:
    named = {"include_paths": options.include_paths, "exclude_paths": options.exclude_paths}
    named |= {f"categories.{name}": found for name, found in (options.categories or {}).items()}
    for name, patterns in named.items():
        yield from pattern_faults(f"options.{name}", patterns or ())


def pattern_faults(field: str, patterns: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Which of these are no patterns, and why."""
    for number, pattern in enumerate(patterns):
        try:
            parse_pattern(pattern)
        except PathSyntaxError as error:
            yield f"{field}[{number}]", f"{error.reason} at character {error.position}"
