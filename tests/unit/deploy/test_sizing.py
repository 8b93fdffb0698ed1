"""The arithmetic of docs/sizing.md: its formula, on its example, gives its figures."""

from typing import Any

import pytest

from support.pages import blocks, table


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    """What the page's own code leaves behind."""
    found: dict[str, Any] = {}
    for block in blocks("docs/sizing.md", "python"):
        exec(block, found)
    return found


def test_the_example_is_what_the_formula_says(example: dict[str, Any]) -> None:
    names = ("a node's log", "log", "database")
    for row, name in zip(table("docs/sizing.md", "30 days of the example"), names, strict=True):
        told = [cell.replace(",", "") for cell in row[1:]]
        sizes = [example[kind][name] for kind in ("plain", "packed")]
        assert told == [f"{size / 1e9:.0f} GB" for size in sizes], row


def test_its_daily_numbers_are_those_of_the_text(example: dict[str, Any]) -> None:
    assert round(example["events"] / 1e6, 1) == 11.5
    assert example["states"] == 576_000
