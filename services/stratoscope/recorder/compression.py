"""zstd, where the package is installed: an agent need not have it."""

from __future__ import annotations

from typing import Final

# Below this a frame's own bytes and the call cost more than is saved.
WORTHWHILE_BYTES: Final = 1024


def compress(body: bytes) -> bytes | None:
    """The body as one zstd frame; None where zstandard is not installed."""
    try:
        import zstandard
    except ImportError:
        return None
    return zstandard.compress(body)
