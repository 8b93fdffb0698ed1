"""How the C library keeps the memory of a process."""

import ctypes
from typing import Final

# M_MMAP_THRESHOLD, M_TRIM_THRESHOLD and M_ARENA_MAX of malloc.h.
_PARAMETERS: Final = (-3, 1 << 20), (-1, 1 << 20), (-8, 2)


def bound_the_allocator() -> None:
    """Have large blocks of memory given back as soon as they are free, where the C library can."""
    # glibc raises the size from which blocks are given back to that of the largest one it saw, and
    # keeps a heap a thread: a document of 32 MiB would leave several times its size behind.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in _PARAMETERS:
            mallopt(parameter, value)
