"""Queries are found by name, migrations come in order, and each file holds what it promises."""

import re
from importlib.resources import files

import pytest

from stratoscope.store.sql import migrations, queries, schema

ROOMS = ["operations", "projection"]
_FOLDER = files("stratoscope.store")
QUERIES = sorted(
    file.name.removesuffix(".sql")
    for file in (_FOLDER / "queries").iterdir()
    if ".sql" in file.name
)


@pytest.mark.parametrize("file", QUERIES)
def test_each_query_is_found_by_its_name_and_is_one_statement(file: str):
    text = (_FOLDER / "queries" / f"{file}.sql").read_text("utf-8")
    found = queries(file)
    assert len(found) == text.count("-- name:") > 0
    for statement in found.values():
        code = re.sub(r"--.*|'[^']*'", "", statement)
        assert code.strip()
        assert ";" not in code


@pytest.mark.parametrize("file", QUERIES)
def test_a_query_takes_its_values_as_parameters_one_after_the_other(file: str):
    for statement in queries(file).values():
        numbers = {int(number) for number in re.findall(r"\$(\d+)", statement)}
        assert numbers == set(range(1, len(numbers) + 1))


def test_a_query_that_is_not_there_is_named():
    with pytest.raises(KeyError, match="nothing_like_it"):
        queries("intake")["nothing_like_it"]


@pytest.mark.parametrize("room", ROOMS)
def test_migrations_are_numbered_without_a_gap(room: str):
    assert [number for number, _, _ in migrations(room)] == list(
        range(1, len(migrations(room)) + 1)
    )
    assert all(name and statements.strip() for _, name, statements in migrations(room))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_names_no_schema_of_its_own(room: str):
    """The search path decides, so that a projection can be built beside the one that serves."""
    assert "strato_p" not in schema(room)
    assert "create schema" not in schema(room)
