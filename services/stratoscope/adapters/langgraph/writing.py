"""Writes what a run came to with a recorder, and never fails the agent for it."""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from stratoscope.adapters.langgraph.offload import is_large
from stratoscope.adapters.langgraph.records import (
    REFUSED,
    EventToRecord,
    SnapshotToRecord,
    ToRecord,
)
from stratoscope.recorder.errors import RecorderClosed
from stratoscope.recorder.ids import new_id

log = logging.getLogger(__name__)

Id = str | Awaitable[str]


class AgentRecorder(Protocol):
    """What is needed of `strato.agent(name)`, asynchronous or not."""

    def event(
        self,
        type: str,
        data: Mapping[str, Any] | None = None,
        *,
        causes: Iterable[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        occurred_at: datetime | None = None,
        id: str | None = None,
    ) -> Id:
        """Record an event."""
        ...

    def snapshot(
        self,
        state: Mapping[str, Any],
        *,
        label: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Id:
        """Record a snapshot."""
        ...


@runtime_checkable
class ThreadedRecorder(Protocol):
    """An asynchronous recorder that can prepare large records in a thread."""

    event_in_thread: Callable[..., Awaitable[str]]
    snapshot_in_thread: Callable[..., Awaitable[str]]


class Recorder(Protocol):
    """What is needed of `stratoscope.connect(...)` and `stratoscope.connect_sync(...)`."""

    def agent(self, name: str) -> AgentRecorder:
        """The recorder of one agent."""
        ...


def require_sync(agent: AgentRecorder) -> None:
    """Raise TypeError where a synchronous call could not await the recorder."""
    if inspect.iscoroutinefunction(agent.event):
        raise TypeError(
            "an asynchronous recorder can record ainvoke and astream only; "
            "for invoke, stream and update_state use stratoscope.connect_sync"
        )


class Writer:
    """Records what the runs of one graph came to, and never fails a run for it."""

    def __init__(self) -> None:
        self._said_closed = False

    @contextmanager
    def unharmed(self) -> Iterator[None]:
        """Log whatever fails in here; that the recorder is closed is logged once."""
        try:
            yield
        except RecorderClosed as closed:
            if not self._said_closed:
                self._said_closed = True
                log.warning("stratoscope records no more of a langgraph graph: %s", closed)
        except Exception:
            log.exception("stratoscope could not record a part of a langgraph run")

    def write(self, agent: AgentRecorder, records: Iterable[ToRecord]) -> None:
        """Record them one after another."""
        with self.unharmed():
            for record in records:
                try:
                    _record(agent, record)
                except RecorderClosed:
                    raise
                except Exception as refusal:
                    with self.unharmed():
                        _record(agent, _instead(record, refusal))

    async def awrite(self, agent: AgentRecorder, records: Iterable[ToRecord]) -> None:
        """Record them one after another with either kind of recorder."""
        with self.unharmed():
            for record in records:
                try:
                    if is_large(_body_of(record)):
                        await _record_in_thread(agent, record)
                    else:
                        await _settled(_record(agent, record))
                except RecorderClosed:
                    raise
                except Exception as refusal:
                    with self.unharmed():
                        await _settled(_record(agent, _instead(record, refusal)))


def _body_of(record: ToRecord) -> Mapping[str, Any]:
    return record.state if isinstance(record, SnapshotToRecord) else record.data


async def _record_in_thread(agent: AgentRecorder, record: ToRecord) -> None:
    if isinstance(agent, ThreadedRecorder):
        await _settled(_record(_Threaded(agent), record))
    elif inspect.iscoroutinefunction(agent.event):
        await _settled(_record(agent, record))
    else:
        await asyncio.to_thread(_record, agent, record)


class _Threaded:
    """An asynchronous recorder that prepares its records in a thread."""

    def __init__(self, agent: ThreadedRecorder) -> None:
        self.event = agent.event_in_thread
        self.snapshot = agent.snapshot_in_thread


async def _settled(given: Id) -> None:
    if not isinstance(given, str):
        await given


def _record(agent: AgentRecorder, record: ToRecord) -> Id:
    if isinstance(record, SnapshotToRecord):
        return agent.snapshot(record.state, label=record.label, metadata=record.metadata)
    return agent.event(
        record.type,
        record.data,
        causes=record.causes or None,
        metadata=record.metadata,
        occurred_at=record.occurred_at,
        id=record.id,
    )


def _instead(record: ToRecord, refusal: Exception) -> EventToRecord:
    """What keeps the place of a record that the recorder refuses, say for its size."""
    log.warning("the recorder refused a langgraph record: %s", refusal)
    reason = {"refused": f"{type(refusal).__name__}: {refusal}"[:1000]}
    if isinstance(record, EventToRecord):
        kept = {key: record.data[key] for key in ("task_id", "name") if key in record.data}
        return EventToRecord(record.id, record.type, kept | reason, record.causes, record.metadata)
    return EventToRecord(new_id(), REFUSED, {"label": record.label} | reason, (), record.metadata)
