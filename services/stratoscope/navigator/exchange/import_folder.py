"""The folder in which an import's object lies while it is read."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Self

import structlog

from stratoscope_contracts.errors import ImportFailed
from stratoscope_contracts.words import MIB

_PREFIX: Final = "strato-import-"
_PROC: Final = Path("/proc/self")
# The disk, a quota, or the process's own limit on a file.
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
log = structlog.get_logger(__name__)


def path_for_workers(file: IO[bytes]) -> str:
    """A path by which processes of the same user open a file of this process.

    The file has no name where there is a /proc; elsewhere it has one.
    """
    if _PROC.is_dir():
        return str(_PROC.parent / str(os.getpid()) / "fd" / str(file.fileno()))
    return str(file.name)


@dataclass(frozen=True, slots=True)
class ImportFolder:
    """A folder that files can be created in."""

    path: Path

    @classmethod
    def checked(cls, path: Path | None, most_bytes: int) -> Self:
        """Check the folder, by default that of temporary files, as a service starts.

        Raises OSError where no file can be created in it. One that is smaller than an import may
        be is logged.
        """
        folder = cls(path or Path(tempfile.gettempdir()))
        try:
            with tempfile.TemporaryFile(prefix=_PREFIX, dir=folder.path):
                pass
        except OSError as error:
            raise OSError(
                f"no file can be created in {folder.path}, the folder for imports:"
                f" {error.strerror}; name another by STRATO_NAVIGATOR_IMPORT_FOLDER"
            ) from error
        total = shutil.disk_usage(folder.path).total
        if total < most_bytes:
            log.warning(
                "the folder for imports is smaller than an import may be",
                folder=str(folder.path),
                folder_bytes=total,
                import_bytes=most_bytes,
            )
        return folder

    @contextmanager
    def file(self) -> Iterator[IO[bytes]]:
        """A file for one import, gone at the end of the block.

        On Linux it has no name, so that a process that is killed leaves nothing behind.
        Raises ImportFailed where the folder has no room.
        """
        try:
            # Without a /proc, a worker can open only a file that has a name.
            make = tempfile.TemporaryFile if _PROC.is_dir() else tempfile.NamedTemporaryFile
            with make(prefix=_PREFIX, dir=self.path) as file:
                yield file
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            raise self._full() from error

    def check_room(self, size: int) -> None:
        """Raise ImportFailed where so many bytes do not fit just now."""
        if size > shutil.disk_usage(self.path).free:
            raise self._full(size)

    def _full(self, size: int | None = None) -> ImportFailed:
        free = shutil.disk_usage(self.path).free
        needed = f", {size / MIB:,.1f} MiB are needed" if size is not None else ""
        return ImportFailed(
            f"the navigator's folder for imports has {free / MIB:,.1f} MiB of room{needed}:"
            " nothing was changed; ask again later, or have the operator enlarge it",
            {"free_bytes": free, "needed_bytes": size},
        )
