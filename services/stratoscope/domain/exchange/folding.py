"""The states of an export, folded as intake will fold them: a patch that does not apply, or grows a
state past its limit, would take a whole batch of the import with it.

The size of a state is bounded from above by what its patches bring along, and only counted where
that bound is over the limit: counting it at each patch would cost a hundred times the patch.
"""

from typing import Any

from stratoscope.domain.canonical import canonical
from stratoscope.domain.exchange.damage import Damaged
from stratoscope.domain.patch import PatchConflict, apply_to_state
from stratoscope_contracts.words import MAX_STATE_BYTES

Json = dict[str, Any]


class States:
    """The state after the records so far."""

    def __init__(self, limit: int = MAX_STATE_BYTES) -> None:
        self._limit = limit
        self._state: Json = {}
        self._at_most = 2

    def replace(self, state: Json) -> None:
        """A snapshot sets it. Raises Damaged."""
        self._state, self._at_most = state, self._limit + 1
        self._check_size()

    def patch(self, operations: list[Json]) -> None:
        """An event patches it. Raises Damaged."""
        try:
            self._state = apply_to_state(self._state, operations)
        except PatchConflict as error:
            raise Damaged(f"its patch does not apply: {error}") from error
        copies = any(one["op"] == "copy" for one in operations)
        # What is copied was there already, so nobody knows its size.
        brought = self._limit + 1 if copies else len(canonical(operations))
        self._at_most += brought
        self._check_size()

    def _check_size(self) -> None:
        if self._at_most <= self._limit:
            return
        self._at_most = len(canonical(self._state))
        if self._at_most > self._limit:
            raise Damaged(f"the state has {self._at_most} bytes, more than {self._limit}")
