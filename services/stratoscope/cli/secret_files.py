"""Settings that are secrets come as files: a folder of them, each named after its variable."""

from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

FOLDER: Final = "STRATO_SECRETS_DIR"
_NAMED: Final = "strato_*"


def take_secrets(environment: MutableMapping[str, str]) -> None:
    """Set what the folder holds, but nothing anew. Raises OSError where it can't be read."""
    folder = environment.get(FOLDER)
    if not folder:
        return
    for file in sorted(Path(folder).iterdir()):
        if file.match(_NAMED) and file.is_file():
            environment.setdefault(file.name.upper(), file.read_text("utf-8").strip())
