"""The examples do what they say, which they assert by themselves."""

import subprocess
import sys

import pytest

from support.commands import Commands
from support.pages import ROOT, page

EXAMPLES = ("explorer", "quickstart")


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_shows_what_it_claims(commands: Commands, name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", f"examples/{name}.py", commands.url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) > 10


def test_every_example_is_run_and_named_in_the_list_of_pages() -> None:
    files = {file.stem for file in (ROOT / "examples").glob("*.py")} - {"where"}
    assert files == set(EXAMPLES)
    assert all(f"examples/{name}.py" in page("docs/README.md") for name in EXAMPLES)
