"""One broker with the shipped configuration for all that is tried of it."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.guarded import Guarded, guarded


@pytest.fixture(scope="package")
def broker() -> Iterator[Guarded]:
    """The broker, with TLS and roles."""
    folder = Path(tempfile.mkdtemp(prefix="stratoscope-guarded-"))
    try:
        with guarded(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder)
