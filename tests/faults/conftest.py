"""Projectors to be ended in every way there is."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.fault_matrix import MATRIX
from support.projecting import Projecting, projecting


@pytest.fixture
async def projectors(nats_url: str, postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Projecting]:
    """None runs yet; none runs afterwards."""
    async with projecting(nats_url, postgres_dsn, tmp_path) as found:
        yield found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the fault matrix behind the results."""
    if lines := MATRIX.lines():
        terminalreporter.section("fault matrix")
        terminalreporter.write("\n".join(lines) + "\n")
