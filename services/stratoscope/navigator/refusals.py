"""Refusals that a flood is sent: the same bytes for each message that meets a limit."""

from typing import Final

from stratoscope.broker.protocol import PreparedReply
from stratoscope.navigator.answering import refused
from stratoscope.navigator.shares import Admission, Limit, over_rate

_JSON: Final = {"content-type": "application/json"}
# Of questions at gates: an agent asks between two of its actions, once it has its last answer.
GATE_A_SECOND: Final = 200
GATE_AT_ONCE: Final = 64


class Refusals:
    """The refusals of an admission, each spelled once."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._prepared: dict[Limit, PreparedReply] = {}

    def of(self, limit: Limit) -> PreparedReply:
        """The refusal of what met a limit."""
        prepared = self._prepared.get(limit)
        if prepared is None:
            prepared = self._prepared[limit] = self._spelled(limit)
        return prepared

    def _spelled(self, limit: Limit) -> PreparedReply:
        rate = limit == "gate_rate"
        error = over_rate("gate_rate", GATE_A_SECOND) if rate else self._admission.error(limit)
        refusal = refused(error)
        return PreparedReply.of(refusal.body, _JSON | refusal.headers)
