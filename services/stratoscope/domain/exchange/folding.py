"""The states of an export, folded as intake will fold them: a patch that does not apply, or grows a
state past its limit, would take a whole batch of the import with it.

The size of a state and its number of JSON values are bounded from above by what its patches bring
along, and only counted where such a bound is over its limit: counting at each patch would cost a
hundred times the patch.
"""

from typing import Any

from stratoscope.domain.canonical import canonical, count_values
from stratoscope.domain.exchange.damage import Damaged
from stratoscope.domain.patch import PatchConflict, apply_to_state
from stratoscope_contracts.value_count import count_json_values
from stratoscope_contracts.words import MAX_JSON_VALUES, MAX_STATE_BYTES

Json = dict[str, Any]


class States:
    """The state after the records so far."""

    def __init__(self, limit: int = MAX_STATE_BYTES, values: int = MAX_JSON_VALUES) -> None:
        self._limit = limit
        self._values_limit = values
        self._state: Json = {}
        self._at_most = 2
        self._values_at_most = 1

    def replace(self, state: Json) -> None:
        """A snapshot sets it. Raises Damaged."""
        self._state = state
        self._measure(canonical(state))

    def patch(self, operations: list[Json]) -> None:
        """An event patches it. Raises Damaged."""
        try:
            self._state = apply_to_state(self._state, operations)
        except PatchConflict as error:
            raise Damaged(f"its patch does not apply: {error}") from error
        if any(one["op"] == "copy" for one in operations):
            # What is copied was there already, so its size is not known.
            self._measure(canonical(self._state))
            return
        brought = canonical(operations)
        self._at_most += len(brought)
        self._values_at_most += count_values(brought)
        if self._at_most > self._limit or self._values_at_most > self._values_limit:
            self._measure(canonical(self._state))

    def _measure(self, state: bytes) -> None:
        self._at_most, self._values_at_most = len(state), count_values(state)
        if self._at_most > self._limit:
            raise Damaged(f"the state has {self._at_most} bytes, more than {self._limit}")
        if self._values_at_most > self._values_limit:
            # Commas in texts are no values.
            self._values_at_most = count_json_values(state)
            if self._values_at_most > self._values_limit:
                raise Damaged(f"the state has more than {self._values_limit} JSON values")
