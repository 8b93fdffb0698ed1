"""Spans of batches: a batch with its stages, linked to the traces that its messages belong to."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import time_ns
from typing import Final, Protocol

from stratoscope.broker.puller import Delivered
from stratoscope.domain.records import Batch
from stratoscope.telemetry.parents import Parent, parent_in
from stratoscope.telemetry.traces import Span, Traces

# Traces that a batch is linked to; a batch of four thousand messages may have as many.
_LINKS: Final = 32


class Traced(Protocol):
    """A batch on its way."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        """What happens meanwhile is this stage."""

    def end(self, batch: Batch) -> None:
        """The batch is committed."""


class Batches:
    """Begins the spans of batches, where somebody collects them."""

    def __init__(self, traces: Traces | None) -> None:
        self._traces = traces

    def begin(self, delivered: Sequence[Delivered]) -> Traced:
        """A batch was taken from the log."""
        return _UNTRACED if self._traces is None else _Begun(self._traces, delivered)


class _Untraced:
    _NOTHING: Final = nullcontext()

    def stage(self, name: str) -> AbstractContextManager[None]:
        return self._NOTHING

    def end(self, batch: Batch) -> None:
        pass


_UNTRACED: Final = _Untraced()


class _Begun:
    def __init__(self, traces: Traces, delivered: Sequence[Delivered]) -> None:
        self._traces = traces
        self._delivered = delivered
        self._started = time_ns()
        self._stages: list[Span] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time_ns()
        error = ""
        try:
            yield
        except Exception as broken:
            error = type(broken).__name__
            raise
        finally:
            self._stages.append(Span(name, "internal", started, time_ns(), error=error))
            if error:
                self._tell({}, error)

    def end(self, batch: Batch) -> None:
        self._tell(
            {
                "stratoscope.events": len(batch.events),
                "stratoscope.states": len(batch.versions),
                "stratoscope.dead_letters": len(batch.rejections),
            }
        )

    def _tell(self, counts: dict[str, int], error: str = "") -> None:
        delivered = self._delivered
        placed = {
            "stratoscope.messages": len(delivered),
            "stratoscope.first_stream_seq": delivered[0].stream_seq,
            "stratoscope.last_stream_seq": delivered[-1].stream_seq,
        }
        span = Span(
            *("project a batch", "consumer", self._started, time_ns()),
            parents=_parents(delivered),
            attributes=placed | counts,
            error=error,
            within=self._stages,
        )
        self._traces.tell(span)


def _parents(delivered: Sequence[Delivered]) -> list[Parent]:
    """The traces of a batch's messages, in the order of the log."""
    found: dict[Parent, None] = {}
    for message in delivered:
        if parent := parent_in(message.headers):
            found[parent] = None
            if len(found) == _LINKS:
                break
    return [*found]
