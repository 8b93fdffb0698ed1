"""The folder for imports: checked at the start, and told in words when it is full."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stratoscope.navigator.exchange.import_folder import ImportFolder, path_for_workers
from stratoscope_contracts.errors import ImportFailed

MIB = 1 << 20


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB, as the shipped container's /tmp is one of 64."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts")
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(tmp_path)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("nothing can be mounted here")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_file_has_no_name_that_a_killed_process_could_leave(tmp_path: Path) -> None:
    folder = ImportFolder.checked(tmp_path, MIB)
    with folder.file() as file:
        file.write(bytes(MIB))
        file.flush()
        assert not list(tmp_path.iterdir())
        seen = subprocess.run(
            ["wc", "-c", path_for_workers(file)], check=True, capture_output=True, text=True
        )
    assert seen.stdout.split()[0] == str(MIB)


def test_a_folder_that_can_not_be_used_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="STRATO_NAVIGATOR_IMPORT_FOLDER"):
        ImportFolder.checked(tmp_path / "never", MIB)


def test_an_object_that_does_not_fit_is_refused_before_it_is_fetched(tmp_path: Path) -> None:
    folder = ImportFolder.checked(None, 1)
    folder.check_room(0)
    with pytest.raises(ImportFailed, match="of room"):
        ImportFolder(tmp_path).check_room(shutil.disk_usage(tmp_path).total + 1)


def test_a_folder_that_fills_up_meanwhile_is_told_in_words(small: Path) -> None:
    """Another import may have taken the room that there was."""
    folder = ImportFolder.checked(small, MIB)
    with pytest.raises(ImportFailed, match="of room") as found, folder.file() as file:
        file.write(bytes(4 * MIB))
    assert found.value.details["free_bytes"] <= 2 * MIB
    assert not list(small.iterdir())


def test_another_error_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), ImportFolder(tmp_path).file():
        (tmp_path / "never").read_bytes()
