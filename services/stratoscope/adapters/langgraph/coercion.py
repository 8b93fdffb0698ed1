"""Keeps the channels of a state that LangGraph turns into the user's class.

In version v2 a checkpoint's values come as the state's pydantic model or dataclass, with defaults
for channels that hold nothing and validated copies of those that do. What is recorded is what
`get_state_history` says, the channels themselves, so they are kept on their way into the class.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

# Each is taken at once by the run that streams it; what a closed stream leaves behind is bounded.
KEPT: Final = 256


class RawState:
    """Stands in for the graph's own mapper, and remembers what it was given."""

    def __init__(self, mapper: Callable[[Any], Any]) -> None:
        self._mapper = mapper
        self._raw: OrderedDict[int, tuple[Any, Any]] = OrderedDict()

    def __call__(self, channels: Any) -> Any:
        """What the graph's mapper makes of the channels."""
        coerced = self._mapper(channels)
        # The coerced value is held too, so that its id is nobody else's meanwhile.
        self._raw[id(coerced)] = (coerced, channels)
        if len(self._raw) > KEPT:
            self._raw.popitem(last=False)
        return coerced

    def channels_of(self, values: Any) -> Any:
        """The channels that a streamed state was made of."""
        coerced, channels = self._raw.pop(id(values), (None, None))
        return channels if coerced is values and coerced is not None else values
