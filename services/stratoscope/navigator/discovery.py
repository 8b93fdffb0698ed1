"""What the navigator says of itself to NATS: `$SRV.PING`, `INFO` and `STATS` of ADR-32."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import orjson

from stratoscope.navigator.metrics import Tally
from stratoscope_contracts.subjects import nav
from stratoscope_contracts.verbs import VERBS
from stratoscope_contracts.version import __version__
from stratoscope_contracts.words import NAVIGATOR_QUEUE, NAVIGATOR_SERVICE, render_time

_DESCRIPTION: Final = "Travels through the timelines that agents recorded."


class Discovery:
    """One replica among the navigators; `id` tells it from the others."""

    def __init__(self, id: str, started: datetime, tallies: Mapping[str, Tally]) -> None:
        self._id = id
        self._started = started
        self._tallies = tallies
        self._said: Mapping[str, Callable[[], dict[str, Any]]] = MappingProxyType(
            {"PING": dict, "INFO": self._info, "STATS": self._stats}
        )

    @property
    def subjects(self) -> Iterable[str]:
        """What it listens to: everybody's, the navigators', its own."""
        for asked in self._said:
            yield f"$SRV.{asked}"
            yield f"$SRV.{asked}.{NAVIGATOR_SERVICE}"
            yield f"$SRV.{asked}.{NAVIGATOR_SERVICE}.{self._id}"

    def answer(self, subject: str) -> bytes:
        """The reply to a question on one of its subjects."""
        asked = subject.split(".")[1]
        identity = {
            "type": f"io.nats.micro.v1.{asked.lower()}_response",
            "name": NAVIGATOR_SERVICE,
            "id": self._id,
            "version": __version__,
            "metadata": {},
        }
        return orjson.dumps(identity | self._said[asked]())

    def _info(self) -> dict[str, Any]:
        return {
            "description": _DESCRIPTION,
            "endpoints": [
                _endpoint(verb) | {"metadata": {"verb": verb, "summary": VERBS[verb].summary}}
                for verb in self._tallies
            ],
        }

    def _stats(self) -> dict[str, Any]:
        return {
            "started": render_time(self._started),
            "endpoints": [
                _endpoint(verb)
                | {
                    "num_requests": tally.requests,
                    "num_errors": tally.errors,
                    "last_error": tally.last_error,
                    "processing_time": tally.nanoseconds,
                    "average_processing_time": tally.nanoseconds // max(tally.requests, 1),
                }
                for verb, tally in self._tallies.items()
            ],
        }


def _endpoint(verb: str) -> dict[str, Any]:
    # An endpoint's name may hold no dot.
    return {
        "name": verb.replace(".", "-"),
        "subject": nav("*", verb),
        "queue_group": NAVIGATOR_QUEUE,
    }
