"""Ids of records: UUIDs of version 7, which sort by the moment they were made."""

from __future__ import annotations

import os
import time

from stratoscope_contracts.ids import RANDOM_BYTES
from stratoscope_contracts.ids import uuid7 as uuid7


def new_id() -> str:
    """An id for a record that was given none."""
    return str(uuid7(time.time_ns() // 1_000_000, os.urandom(RANDOM_BYTES)))
