"""Files that other users of the machine do not read."""

import os
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Put `text` in place of the file, whole, for its owner only."""
    writing = path.with_name(f"{path.name}.new")
    writing.unlink(missing_ok=True)
    with os.fdopen(os.open(writing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    writing.replace(path)
