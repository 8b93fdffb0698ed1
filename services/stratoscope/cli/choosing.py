"""The options of every command that compares: what counts as a difference."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from stratoscope.cli.asking import request_of
from stratoscope.cli.faults import UsageFault
from stratoscope_contracts.comparing import CompareOptions


class JsonType(StrEnum):
    """A type of JSON values."""

    NULL = "null"
    BOOLEAN = "boolean"
    NUMBER = "number"
    STRING = "string"
    ARRAY = "array"
    OBJECT = "object"


IncludeOption = Annotated[
    list[str] | None,
    typer.Option("--include", help="Only what lies at this path pattern; may be given again."),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option("--exclude", help="Without what lies at this path pattern; may be given again."),
]
DepthOption = Annotated[
    int | None, typer.Option("--depth", min=1, help="Tell what lies deeper as one change there.")
]
ThresholdOption = Annotated[
    float | None,
    typer.Option("--threshold", min=0, help="Numbers that differ by less are the same."),
]
DigitsOption = Annotated[
    int | None,
    typer.Option("--digits", min=0, help="Compare so many digits after the point."),
]
TypeOption = Annotated[
    list[JsonType] | None,
    typer.Option("--type", help="Only values of this type; may be given again."),
]
UnorderedOption = Annotated[
    bool, typer.Option("--ignore-order", help="Lists have no order; takes long on large ones.")
]
CategoryOption = Annotated[
    list[str] | None,
    typer.Option("--category", help="NAME=PATTERN: a category of your own; may be given again."),
]


def options(
    *,
    include: list[str] | None,
    exclude: list[str] | None,
    depth: int | None,
    threshold: float | None,
    digits: int | None,
    types: list[JsonType] | None,
    ignore_order: bool,
    categories: list[str] | None,
) -> CompareOptions:
    """What was chosen; UsageFault where it does not fit."""
    chosen: dict[str, Any] = {
        "include_paths": include,
        "exclude_paths": exclude,
        "max_depth": depth,
        "ignore_threshold": threshold,
        "significant_digits": digits,
        "types": [each.value for each in types] if types else None,
        "categories": _categories(categories or ()),
    }
    given = {name: value for name, value in chosen.items() if value or value == 0}
    return request_of(CompareOptions, ignore_order=ignore_order, **given)


def _categories(told: list[str] | tuple[str, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in told:
        name, equals, pattern = each.partition("=")
        if not equals:
            raise UsageFault(
                f"{each!r} is no category", "write NAME=PATTERN as in 'money=account.*'"
            )
        found.setdefault(name, []).append(pattern)
    return found
