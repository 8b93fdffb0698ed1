"""The recorder for agents without asyncio: the same one, in an event loop of its own thread.

A record is prepared in the thread that records it, with that thread's context, and handed over
without waiting; only a full queue, a flush and the end wait for the other thread. After a fork
the child has no such thread: it gets a recorder of its own, empty, at its first record. A child of
`multiprocessing` flushes it at its end, one of a bare `os.fork` that ends with `os._exit` has to.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import multiprocessing
import multiprocessing.util as finalizers
import os
import threading
import weakref
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Final, Self, TypeVar, Unpack

from stratoscope.recorder import causes as cause_context
from stratoscope.recorder.causes import CauseIds
from stratoscope.recorder.errors import RecorderClosed
from stratoscope.recorder.outbox import Offered, Stats
from stratoscope.recorder.preparing import EventOptions, Prepared, SnapshotOptions
from stratoscope.recorder.recorder import Recorder
from stratoscope.recorder.settings import RecorderSettings, check_name

# What the thread gets, beyond the flush, to close its connection.
_GRACE: Final = 10.0

log = logging.getLogger(__name__)
Result = TypeVar("Result")


class SyncRecorder:
    """Records agents of one space: `with stratoscope.connect_sync() as strato`.

    May be used from many threads, also where an event loop runs. Without `with`, what is buffered
    when the interpreter or a child process of `multiprocessing` exits is flushed for at most
    `close_timeout` seconds.
    """

    def __init__(self, settings: RecorderSettings) -> None:
        self.settings: Final = settings
        self._engine: _Engine | None = None
        self._starting = threading.Lock()
        self._closed = False
        self._last_stats = Stats()
        atexit.register(self.close)
        _alive.add(self)

    @property
    def space(self) -> str:
        """The space that is recorded into."""
        return self.settings.space

    @property
    def stats(self) -> Stats:
        """Counts of records: recorded, acknowledged, buffered, dropped, refused; and retries."""
        return self._last_stats if self._engine is None else self._engine.recorder.stats

    @property
    def is_connected(self) -> bool:
        """Whether the broker can be talked to just now; recording does not need it to be."""
        return self._engine is not None and self._engine.recorder.is_connected

    @property
    def last_error(self) -> str:
        """What keeps records from being stored, with what to do; empty where nothing does."""
        return "" if self._engine is None else self._engine.recorder.last_error

    def agent(self, name: str) -> SyncAgent:
        """The recorder of one agent, `[A-Za-z0-9_-]{1,128}`; InvalidName for any other name."""
        check_name(self.space, name)
        return SyncAgent(self, name)

    def flush(self, timeout: float | None = None) -> int | None:
        """Return once all that was recorded before is stored by the broker.

        Gives the highest sequence of the stream that this recorder's records have, None where it
        has sent nothing: a question with it as `wait_for` is answered with those records in it.
        Without a timeout it waits for as long as the broker is away; with one it raises
        TimeoutError, naming how many records are still outstanding, which stay buffered.
        """
        return self.flush_agent(None, timeout)

    def flush_agent(self, agent: str | None, timeout: float | None) -> int | None:
        """`flush` of one agent's records, or of all."""
        engine = self.engine()
        return engine.call(engine.recorder.flush_agent(agent, timeout))

    def close(self, timeout: float | None = None) -> None:
        """Flush for at most `timeout` seconds (by default the setting), then end; again: nothing.

        What the broker has not taken by then is lost, and the log says how many records that were.
        """
        atexit.unregister(self.close)
        with self._starting:
            self._closed = True
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.stop(self.settings.close_timeout if timeout is None else timeout)
            self._last_stats = engine.recorder.stats

    def __enter__(self) -> Self:
        self.engine()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def engine(self) -> _Engine:
        """The running recorder of this process, started at the first need."""
        engine = self._engine
        if engine is not None:
            return engine
        with self._starting:
            if self._closed:
                raise RecorderClosed("the recorder is closed")
            if self._engine is None:
                self._engine = _Engine(self.settings)
                self._close_with_child()
            return self._engine

    def _close_with_child(self) -> None:
        """Be closed when a child process of `multiprocessing` ends: it runs no exit handlers."""
        if multiprocessing.parent_process() is not None:
            finalizers.Finalize(None, self.close, exitpriority=0)

    def forget_parent(self) -> None:
        """Begin anew in a child: the parent's thread is not here, its lock may be held for ever."""
        if self._engine is not None:
            # Kept and never touched: to collect it would be to close what the parent still uses.
            _of_the_parent.append(self._engine)
        self._engine = None
        self._starting = threading.Lock()
        self._last_stats = Stats()


class SyncAgent:
    """Records one agent's timeline; `SyncRecorder.agent` makes it."""

    def __init__(self, recorder: SyncRecorder, name: str) -> None:
        self._recorder = recorder
        self.name: Final = name

    def event(
        self, type: str, data: Mapping[str, Any] | None = None, **options: Unpack[EventOptions]
    ) -> str:
        """Record that something happened; gives the event's id at once. As `Agent.event`."""
        recorder = self._recorder.engine().recorder
        return self._record(recorder.preparer.event(self.name, type, data, options))

    def snapshot(self, state: Mapping[str, Any], **options: Unpack[SnapshotOptions]) -> str:
        """Record the agent's whole state; gives the snapshot's id at once. As `Agent.snapshot`."""
        recorder = self._recorder.engine().recorder
        return self._record(recorder.preparer.snapshot(self.name, state, options))

    def flush(self, timeout: float | None = None) -> int | None:
        """Return once all that was recorded of this agent is stored, with its last sequence.

        As `SyncRecorder.flush` otherwise.
        """
        return self._recorder.flush_agent(self.name, timeout)

    def gate(self, exact: bool = False) -> None:
        """Let the agent be held here for as long as somebody holds it. As `Agent.gate`."""
        engine = self._recorder.engine()
        if exact or not engine.recorder.is_gate_open(self.name):
            engine.call(engine.recorder.enter_gate(self.name, exact=exact))

    async def agate(self, exact: bool = False) -> None:
        """`gate` for who runs in an event loop, which goes on while the agent is held."""
        engine = self._recorder.engine()
        if exact or not engine.recorder.is_gate_open(self.name):
            await engine.acall(engine.recorder.enter_gate(self.name, exact=exact))

    def causing(self, causes: CauseIds) -> AbstractContextManager[None]:
        """Within it, events of any agent of the space have `causes` unless they name their own.

        One id or several; it holds in threads that inherit the context, and the innermost counts.
        """
        return cause_context.causing(self._recorder.space, causes)

    def _record(self, record: Prepared) -> str:
        engine = self._recorder.engine()
        may_wait = not _runs_a_loop()
        if engine.recorder.accept(self.name, record, may_wait=may_wait) is Offered.FULL:
            engine.call(engine.recorder.put(self.name, record))
        return record.id


def _runs_a_loop() -> bool:
    """Whether an event loop runs in this thread, and would stand still while it waits."""
    return asyncio._get_running_loop() is not None


class _Engine:
    """A recorder in an event loop in a daemon thread."""

    def __init__(self, settings: RecorderSettings) -> None:
        self.recorder = Recorder(settings)
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._patience: float | None = None
        self._thread = threading.Thread(target=self._serve, name=settings.name, daemon=True)
        self._thread.start()
        try:
            self.call(self.recorder.__aenter__())
        except BaseException:
            self.stop(0)
            raise

    def call(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What `work` gives, done in the other thread."""
        done = self._begin(work)
        try:
            return done.result()
        except BaseException:
            done.cancel()
            raise

    async def acall(self, work: Coroutine[Any, Any, Result]) -> Result:
        """`call` that leaves the caller's event loop free; cancelled with its caller."""
        return await asyncio.wrap_future(self._begin(work))

    def stop(self, within: float) -> None:
        """Close the recorder and end the thread, in little more than `within` seconds."""
        self._patience = within
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(within + _GRACE)
        if self._thread.is_alive():
            log.error("the recorder's thread did not end in time")

    def _begin(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        if threading.current_thread() is self._thread:
            # Only a log handler that records can come here: to wait would be for ever.
            work.close()
            raise RuntimeError("a recorder can't wait for itself")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._until_ended())

    async def _until_ended(self) -> None:
        await self._end.wait()
        await self.recorder.close(self._patience)


_alive: Final[weakref.WeakSet[SyncRecorder]] = weakref.WeakSet()
_of_the_parent: Final[list[_Engine]] = []


def _forget_parents() -> None:
    for recorder in list(_alive):
        recorder.forget_parent()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork either
    os.register_at_fork(after_in_child=_forget_parents)
