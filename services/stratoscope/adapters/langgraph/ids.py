"""New ids, ordered by time."""

import secrets
import time
import uuid


def new_id() -> str:
    """A UUID v7, which Python has from 3.14 on only."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | secrets.randbits(80)
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return str(uuid.UUID(int=value))
