"""Spans of what a navigator did: requests, and hits, each in the trace of who caused it."""

from collections.abc import Sequence
from datetime import datetime
from time import time_ns
from typing import Final

import asyncpg

from stratoscope.navigator.live.lines import Line
from stratoscope.store.hits import HitRow, Hits, Recorded
from stratoscope.telemetry.parents import current, parent_of
from stratoscope.telemetry.traces import Span, Traces
from stratoscope_contracts.errors import Code

# What is the requester's fault is no failure of ours.
_FAILURE: Final = Code.INTERNAL.value


def tell_request(traces: Traces, verb: str, code: str | None, nanoseconds: int) -> None:
    """A request was answered in this task; `code` is None where that is no error."""
    now, parent = time_ns(), current()
    traces.tell(
        Span(
            *(verb, "server", now - nanoseconds, now),
            parents=() if parent is None else (parent,),
            attributes={"stratoscope.verb": verb, "stratoscope.code": code or "ok"},
            error=_FAILURE if code == _FAILURE else "",
        )
    )


async def tell_hits(
    traces: Traces,
    session: asyncpg.Connection,
    hits: Sequence[tuple[HitRow, Line]],
    now: datetime,
) -> None:
    """Hits are kept and on their way: each took from its record's arrival in the log until now."""
    traceparents = await Hits(session).traceparents([_recorded(line) for _, line in hits])
    for (hit, line), traceparent in zip(hits, traceparents, strict=True):
        parent = parent_of(traceparent)
        traces.tell(
            Span(
                *("hit", "producer", _nanoseconds(line.record.recorded_at), _nanoseconds(now)),
                parents=() if parent is None else (parent,),
                attributes=_attributes(hit),
            )
        )


def _recorded(line: Line) -> Recorded:
    record = line.record
    return Recorded(line.told.agent_id, record.event_index, record.version, record.is_event)


def _attributes(hit: HitRow) -> dict[str, str | int]:
    return {
        "stratoscope.space": hit.space,
        "stratoscope.agent": hit.agent,
        "stratoscope.event_index": hit.event_index,
        "stratoscope.stream_seq": hit.place.stream_seq,
        "stratoscope.breakpoint_id": str(hit.breakpoint_id),
        "stratoscope.hit_id": str(hit.hit_id),
        "stratoscope.action": hit.action,
    }


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1_000
