"""Canonical JSON: one spelling for one document, so that equal states are equal bytes.

Keys are sorted by code point, there is no space between tokens, strings and numbers are the
shortest text that parses to the same value, and an integer stays an integer. What goes in here
has passed intake: finite doubles and integers of 64 bits.
"""

from hashlib import blake2b
from typing import Any

import orjson

# 64 bits: the hash guards a rebuilt state against damage, it names nothing.
DIGEST_BYTES = 8


def canonical(document: Any) -> bytes:
    """Spell a decoded document."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def decoded(raw: bytes) -> Any:
    """Read a canonical document back."""
    return orjson.loads(raw)


def digest(raw: bytes) -> bytes:
    """Hash canonical bytes; stored beside each state version."""
    return blake2b(raw, digest_size=DIGEST_BYTES).digest()


def count_values(raw: bytes) -> int:
    """At most how many values a document holds: what parts them is counted, in texts too."""
    return raw.count(b",") + raw.count(b"{") + raw.count(b"[")
