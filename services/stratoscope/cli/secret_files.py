"""Settings that are secrets come as files: a folder of them, each named after its variable."""

from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

FOLDER: Final = "STRATO_SECRETS_DIR"
_NAMED: Final = "strato_*"
_MOST_BYTES: Final = 64 * 1024


def take_secrets(environment: MutableMapping[str, str]) -> None:
    """Set what the folder holds, but nothing anew.

    Raises OSError where a file can't be read, ValueError where one is no setting.
    """
    folder = environment.get(FOLDER)
    if not folder:
        return
    for file in sorted(Path(folder).iterdir()):
        if file.match(_NAMED) and file.is_file():
            environment.setdefault(file.name.upper(), _read(file))


def _read(file: Path) -> str:
    with file.open("rb") as opened:
        raw = opened.read(_MOST_BYTES + 1)
    if len(raw) > _MOST_BYTES:
        raise ValueError(f"{str(file)!r} has more than {_MOST_BYTES} bytes")
    try:
        text = raw.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(file)!r} is not UTF-8") from error
    if "\0" in text:
        raise ValueError(f"{str(file)!r} holds a NUL, which no setting may")
    return text
