"""The recorder and its agents: what `stratoscope.connect` gives."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import weakref
from collections.abc import Mapping
from contextlib import AbstractContextManager
from enum import Enum, auto
from types import TracebackType
from typing import Any, Final, Self, Unpack, assert_never

from stratoscope.broker.connection import BrokerUnreachable
from stratoscope.recorder import causes as cause_context
from stratoscope.recorder.causes import CauseIds
from stratoscope.recorder.errors import ForkedRecorder, RecorderClosed
from stratoscope.recorder.gate import Gates
from stratoscope.recorder.link import Link
from stratoscope.recorder.outbox import Bounds, Offered, Outbox, Stats
from stratoscope.recorder.preparing import EventOptions, Prepared, Preparer, SnapshotOptions
from stratoscope.recorder.sending import Sender
from stratoscope.recorder.settings import RecorderSettings, check_name

log = logging.getLogger(__name__)


class _State(Enum):
    NEW = auto()
    OPEN = auto()
    CLOSED = auto()
    FORKED = auto()


class Recorder:
    """Records agents of one space: `async with stratoscope.connect() as strato`.

    Records are validated and spelled at the call, buffered, and sent in batches by size and age.
    The broker's absence never raises: records wait in the bounded queue, and are sent again with
    the same ids when it is back. Belongs to the event loop it was entered in, and to its process:
    in a forked child every use raises ForkedRecorder, and nothing of the parent's is sent.
    """

    def __init__(self, settings: RecorderSettings) -> None:
        self.settings: Final = settings
        self.preparer: Final = Preparer(settings)
        self._outbox = Outbox(
            Bounds(
                records=settings.queue_size,
                bytes=settings.queue_bytes,
                batch_records=settings.batch_records,
                batch_bytes=settings.batch_bytes,
                batch_age=settings.batch_age,
            )
        )
        self._state = _State.NEW
        self._parts: _Parts | None = None
        self._warned = False
        _alive.add(self)

    @property
    def space(self) -> str:
        """The space that is recorded into."""
        return self.settings.space

    @property
    def stats(self) -> Stats:
        """Counts of records: recorded, acknowledged, buffered, dropped, refused; and retries."""
        return self._outbox.stats

    @property
    def is_connected(self) -> bool:
        """Whether the broker can be talked to just now; recording does not need it to be."""
        return self._parts is not None and self._parts.link.is_connected

    @property
    def last_error(self) -> str:
        """What keeps records from being stored, with what to do; empty where nothing does."""
        return "" if self._parts is None else self._parts.link.last_error

    def agent(self, name: str) -> Agent:
        """The recorder of one agent, `[A-Za-z0-9_-]{1,128}`; InvalidName for any other name."""
        check_name(self.space, name)
        return Agent(self, name)

    async def flush(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - it is told in the error, with what is left
    ) -> int | None:
        """Return once all that was recorded before is stored by the broker.

        Gives the highest sequence of the stream that this recorder's records have, None where it
        has sent nothing: a question with it as `wait_for` is answered with those records in it.
        Without a timeout it waits for as long as the broker is away; with one it raises
        TimeoutError, naming how many records are still outstanding, which stay buffered.
        """
        return await self.flush_agent(None, timeout)

    async def flush_agent(
        self,
        agent: str | None,
        timeout: float | None,  # noqa: ASYNC109 - as for flush
    ) -> int | None:
        """`flush` of one agent's records, or of all."""
        return await self._open_parts().sender.flush(agent, timeout)

    def accept(self, agent: str, record: Prepared, *, may_wait: bool = True) -> Offered:
        """Take a record from any thread without waiting; FULL where `put` may find room for it.

        `may_wait` says whether the caller can wait without holding up an event loop.
        """
        parts = self._open_parts()
        offered = self._outbox.offer(agent, record)
        if offered is Offered.FULL:
            if self._has_patience(may_wait):
                return offered
            offered = self._force(parts, agent, record)
        parts.gates.count(agent, record)
        if offered is Offered.STIRS:
            parts.stir(agent)
        return offered

    async def put(self, agent: str, record: Prepared) -> None:
        """Take a record, waiting for room in a full queue: for ever, or for `full_wait` seconds."""
        parts = self._open_parts()
        within = None if self.settings.on_full == "wait" else self.settings.full_wait
        if not await parts.sender.put(agent, record, within):
            self._outbox.is_stuck = True
            if self._force(parts, agent, record) is Offered.STIRS:
                parts.stir(agent)
        parts.gates.count(agent, record)

    def _has_patience(self, may_wait: bool) -> bool:
        """Whether to wait for room: not again where a wait was in vain and nothing has moved."""
        if self.settings.on_full != "drop_oldest":
            return self.settings.on_full == "wait"
        return may_wait and self.settings.full_wait > 0 and not self._outbox.is_stuck

    def _force(self, parts: _Parts, agent: str, record: Prepared) -> Offered:
        """Take a record at another's cost, or drop it."""
        offered = Offered.TAKEN
        if self.settings.on_full == "drop_oldest":
            offered = self._outbox.displace(agent, record)
            parts.wake()
        else:
            self._outbox.drop(agent, record)
        if not self._warned:
            self._warned = True
            log.warning(
                "the recorder's queue of %d records is full (broker %s): %s records are dropped"
                " from here on, and stats.dropped counts them",
                self.settings.queue_size,
                "connected" if parts.link.is_connected else "away",
                "the oldest" if self.settings.on_full == "drop_oldest" else "new",
            )
        return offered

    def is_gate_open(self, agent: str) -> bool:
        """Whether an agent's quick gate lets it pass without asking; from any thread."""
        return self._open_parts().gates.is_open(agent)

    async def enter_gate(self, agent: str, *, exact: bool) -> None:
        """Return once an agent may go on; see `Agent.gate`."""
        await self._open_parts().gates.enter(agent, exact=exact)

    async def close(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as for flush
        """Flush for at most `timeout` seconds (by default the setting), then end.

        What the broker has not taken by then is lost, and the log says how many records that were.
        """
        if self._state is not _State.OPEN or self._parts is None:
            return
        parts = self._parts
        try:
            await self.flush(self.settings.close_timeout if timeout is None else timeout)
        except (TimeoutError, RecorderClosed) as error:
            log.error("closing the recorder loses records: %s", error)
        except Exception as error:
            log.error("closing the recorder: %s", error)
        finally:
            self._state = _State.CLOSED
            parts.gates.close()
            await parts.sender.close()
            await parts.link.close()

    async def __aenter__(self) -> Self:
        if self._state is not _State.NEW:
            raise _closed(self._state)
        link = Link(self.settings, self._learn_limit, self._outbox.count_retry)
        sender = Sender(self.settings, self._outbox, link)
        self._parts = _Parts(link, sender, Gates(self.settings, link, sender))
        self._state = _State.OPEN
        within = self.settings.wait_connected
        if within is not None:
            try:
                await link.wait_connected(within)
            except (BrokerUnreachable, asyncio.CancelledError):
                await self.close(timeout=0)
                raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def forget_parent(self) -> None:
        """Become useless: this is a child's copy, and records and connection are the parent's."""
        self._state = _State.FORKED
        if self._parts is not None:
            self._parts.sender.abandon()

    def _open_parts(self) -> _Parts:
        if self._state is not _State.OPEN or self._parts is None:
            raise _closed(self._state)
        return self._parts

    def _learn_limit(self, limit: int) -> None:
        self.preparer.message_limit = limit


class Agent:
    """Records one agent's timeline; `Recorder.agent` makes it, and making several is harmless."""

    def __init__(self, recorder: Recorder, name: str) -> None:
        self._recorder = recorder
        self.name: Final = name

    async def event(
        self, type: str, data: Mapping[str, Any] | None = None, **options: Unpack[EventOptions]
    ) -> str:
        """Record that something happened; gives the event's id at once.

        `type` is one of the contract's or `[a-z][a-z0-9_.]{0,63}`, `data` an object. Options:
        `causes` (ids; by default those of `causing`), `metadata`, `occurred_at`, `patch` (RFC
        6902, done to the agent's state), `id`, `traceparent`. Raises InvalidRecord where the
        service would not take it, never for the broker's sake; waits only while the queue is full.
        """
        record = self._recorder.preparer.event(self.name, type, data, options)
        return await self._record(record)

    async def snapshot(self, state: Mapping[str, Any], **options: Unpack[SnapshotOptions]) -> str:
        """Record the agent's whole state, an object; gives the snapshot's id at once.

        The state is spelled before this returns: changing it afterwards changes nothing here.
        Options: `label`, `memory_usage` (bytes), `metadata`, `occurred_at`, `id`, `traceparent`.
        Raises as `event` does.
        """
        record = self._recorder.preparer.snapshot(self.name, state, options)
        return await self._record(record)

    async def event_in_thread(
        self, type: str, data: Mapping[str, Any] | None = None, **options: Unpack[EventOptions]
    ) -> str:
        """`event`, prepared in a thread: megabytes do not hold up the event loop.

        The data must stay as it is until this returns.
        """
        prepare = self._recorder.preparer.event
        return await self._record(await asyncio.to_thread(prepare, self.name, type, data, options))

    async def snapshot_in_thread(
        self, state: Mapping[str, Any], **options: Unpack[SnapshotOptions]
    ) -> str:
        """`snapshot`, prepared in a thread: megabytes do not hold up the event loop.

        The state must stay as it is until this returns.
        """
        prepare = self._recorder.preparer.snapshot
        return await self._record(await asyncio.to_thread(prepare, self.name, state, options))

    async def flush(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - as Recorder's
    ) -> int | None:
        """Return once all that was recorded of this agent is stored, with its last sequence.

        As `Recorder.flush` otherwise.
        """
        return await self._recorder.flush_agent(self.name, timeout)

    async def gate(self, exact: bool = False) -> None:
        """Let the agent be held here, between two actions, for as long as somebody holds it.

        The quick gate only looks whether a pause has come, and costs microseconds. The exact one
        sends what is buffered and asks, so that nothing runs past a breakpoint; where nobody
        answers it, the agent goes on after `gate_patience`. A held agent stays held, whatever
        becomes of broker and navigator, until it is released. Raises RecorderClosed if that comes
        first.
        """
        if exact or not self._recorder.is_gate_open(self.name):
            await self._recorder.enter_gate(self.name, exact=exact)
        else:
            # An agent that waits for nothing else would hear of no pause.
            await asyncio.sleep(0)

    def causing(self, causes: CauseIds) -> AbstractContextManager[None]:
        """Within it, events of any agent of the space have `causes` unless they name their own.

        One id or several; it holds across tasks and threads that inherit the context, and the
        innermost counts.
        """
        return cause_context.causing(self._recorder.space, causes)

    async def _record(self, record: Prepared) -> str:
        match self._recorder.accept(self.name, record):
            case Offered.FULL:
                await self._recorder.put(self.name, record)
            case Offered.STIRS:
                # A batch's worth has come together: let it go out, even from a loop that never
                # waits for anything.
                await asyncio.sleep(0)
            case Offered.TAKEN:
                pass
        return record.id


class _Parts:
    """What a recorder has while it is open."""

    def __init__(self, link: Link, sender: Sender, gates: Gates) -> None:
        self.link = link
        self.sender = sender
        self.gates = gates
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def wake(self) -> None:
        """Have a flush look again, from whatever thread."""
        if self.sender.is_draining:
            self._loop.call_soon_threadsafe(self.sender.wake)

    def stir(self, agent: str) -> None:
        """Have the sender look at an agent, from whatever thread."""
        if threading.get_ident() == self._thread:
            self.sender.stir(agent)
        else:
            self._loop.call_soon_threadsafe(self.sender.stir, agent)


def _closed(state: _State) -> RecorderClosed:
    match state:
        case _State.NEW:
            return RecorderClosed("the recorder is not open yet: enter it with `async with`")
        case _State.OPEN:
            return RecorderClosed("the recorder is open already")
        case _State.CLOSED:
            return RecorderClosed("the recorder is closed")
        case _State.FORKED:
            return ForkedRecorder(
                "this recorder belongs to the parent process: connect anew after a fork"
            )
        case _:
            assert_never(state)


_alive: Final[weakref.WeakSet[Recorder]] = weakref.WeakSet()


def _forget_parents() -> None:
    for recorder in list(_alive):
        recorder.forget_parent()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork either
    os.register_at_fork(after_in_child=_forget_parents)
