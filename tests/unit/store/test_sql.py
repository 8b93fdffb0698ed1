"""Queries are found by name, migrations come in order, and each file holds what it promises."""

import ast
import re
from collections.abc import Iterator
from importlib.resources import files
from itertools import chain
from pathlib import Path

import pytest

import stratoscope
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


def test_every_query_is_used_and_every_query_that_is_used_is_there():
    """A query that nobody runs is dead, and nothing else would find it."""
    used = set(chain.from_iterable(map(uses, modules())))
    unused = {
        f"{file}: {name}"
        for file in QUERIES
        for name in queries(file)
        if not any(file == of and re.fullmatch(pattern, name) for of, pattern in used)
    }
    missing = {
        f"{of}: {pattern}"
        for of, pattern in used
        if not any(re.fullmatch(pattern, name) for name in queries(of))
    }
    assert (unused, missing) == (set(), set())


def modules() -> Iterator[ast.Module]:
    for path in Path(stratoscope.__file__).parent.rglob("*.py"):
        yield ast.parse(path.read_text("utf-8"))


def uses(module: ast.Module) -> Iterator[tuple[str, str]]:
    """File and name, the latter as a pattern, of each query that a module takes."""
    of = dict(filter(None, map(named_queries, ast.walk(module))))
    texts = [node.value for node in ast.walk(module) if isinstance(node, ast.Constant)]
    for node in ast.walk(module):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            file = of.get(node.value.id)
            match node.slice:
                case _ if file is None:
                    continue
                case ast.Constant(value=name):
                    yield file, name
                case ast.JoinedStr(values=parts):
                    pieces = (getattr(part, "value", None) for part in parts)
                    yield file, "".join(t if isinstance(t, str) else "[a-z_]+" for t in pieces)
                case _:
                    # By way of a variable: one of the module's texts is its name.
                    yield from ((file, text) for text in texts if text in queries(file))


def named_queries(node: ast.AST) -> tuple[str, str] | None:
    """Variable and file of `_SQL = queries("intake")`."""
    match node:
        case ast.Assign(
            targets=[ast.Name(id=variable)],
            value=ast.Call(func=ast.Name(id="queries"), args=[ast.Constant(value=file)]),
        ):
            return variable, file
        case _:
            return None


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
