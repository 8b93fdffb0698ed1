"""Every verb of the navigator: what it takes, what it answers and how it can fail.

The table is the contract; a navigator that answers only some of it leaves the rest without a
responder, which NATS tells the asker at once.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from stratoscope_contracts.asking import ASKING
from stratoscope_contracts.operating import OPERATING
from stratoscope_contracts.verb import COMMON, Verb

__all__ = ["COMMON", "VERBS", "Verb"]

VERBS: Final[Mapping[str, Verb]] = MappingProxyType(
    {found.name: found for found in (*ASKING, *OPERATING)}
)
