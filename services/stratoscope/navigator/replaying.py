"""`replay`: the events of a stretch again, a message each, as fast as they came or as they can.

A replay lasts as long as its reader wants: it holds no database session between its pages, and is
given up when its requester says so, when nobody listens any more, or when this process ends.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic, perf_counter_ns
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from stratoscope.domain.pace import gap
from stratoscope.navigator import spelling
from stratoscope.navigator.answering import Outgoing, as_told
from stratoscope.navigator.cancelling import Cancelled, key_of
from stratoscope.navigator.dispatch import REPLAY, Dispatch
from stratoscope.navigator.filtering import Stretch
from stratoscope.navigator.metrics import Metrics
from stratoscope.navigator.outlet import Outlet, ReaderGone, outlet
from stratoscope.navigator.reply_guard import ReplyGuard
from stratoscope.navigator.shares import set_space
from stratoscope.navigator.spill import Spills
from stratoscope.store.timelines import EventRow
from stratoscope_contracts.errors import BadRequest, ReplayFailed, StratoError
from stratoscope_contracts.looking import ReplayRequest
from stratoscope_contracts.subjects import Nav, parse
from stratoscope_contracts.words import (
    FLOW_ANSWERED,
    HEADER_FLOW,
    HEADER_REPLAY_END,
)

_PAGE: Final = 256
# A replay holds its page for as long as its reader takes, and there are many of them.
_PAGE_BYTES: Final = 1 << 20
# Behind by less than this, a replay catches up; behind by more, it goes on from where it is.
_CATCH_UP_SECONDS: Final = 1.0
_FINISH_SECONDS: Final = 3.0
_STOPPING: Final = "this navigator ends: ask again from the last event that came"


@dataclass(slots=True)
class _Play:
    """One replay: who asked for it, how far it is, and whether it is to stop."""

    asked: Msg
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    failure: str = ""
    replayed: int = 0
    last: int | None = None

    @property
    def details(self) -> dict[str, int | None]:
        """How far it got."""
        return {"replayed": self.replayed, "event_index": self.last}

    def stop(self, failure: str = "") -> None:
        """End it: as a failure if that is named, else as its requester wants."""
        self.failure = failure
        self.stopped.set()


class Replays:
    """The replays that run here."""

    def __init__(
        self,
        client: Client,
        dispatch: Dispatch,
        spills: Spills,
        metrics: Metrics,
        limit: int,
        guard: ReplyGuard,
    ) -> None:
        self._client = client
        self._dispatch = dispatch
        self._spills = spills
        self._metrics = metrics
        self._limit = limit
        self._running: dict[asyncio.Task[None], _Play] = {}
        self._cancelled = Cancelled(guard, metrics.shares)

    def begin(self, asked: Msg) -> asyncio.Task[None] | None:
        """Start what a request asks for; without a reply subject there is nobody to play to."""
        if not asked.reply:
            return None
        play = _Play(asked)
        space = asked.subject.split(".", 2)[1]
        task = self._dispatch.shares.loop.start(space, self._answer(play), "replay")
        self._running[task] = play
        task.add_done_callback(self._running.pop)
        return task

    def listening(self) -> AbstractAsyncContextManager[None]:
        """Hear of cancels as long as the block lasts."""
        directory = self._dispatch.shares.directory
        return self._cancelled.listening(self._client, self.cancel, directory)

    async def cancel(self, message: Msg) -> None:
        """Stop what a message on a cancel subject names."""
        key = self._cancelled.hear(message)
        if key is None:
            return
        for play in self._running.values():
            if key_of(play.asked) == key:
                play.stop()

    async def close(self) -> None:
        """End all of them, each with a word to its reader."""
        for play in self._running.values():
            play.stop(_STOPPING)
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=_FINISH_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _answer(self, play: _Play) -> None:
        started = perf_counter_ns()
        headers = play.asked.headers or {}
        answering = headers.get(HEADER_FLOW) == FLOW_ANSWERED
        error: StratoError | None = None
        # Where the reader is gone, or the broker, there is nobody to tell anything.
        with suppress(ReaderGone, NatsError):
            async with outlet(self._client, play.asked.reply, answering=answering) as out:
                error, end = await self._outcome(play, out)
                await out.end(end.body, end.headers)
        code = error.code.value if error else None
        self._metrics.answered(REPLAY, code, perf_counter_ns() - started)

    async def _outcome(self, play: _Play, out: Outlet) -> tuple[StratoError | None, Outgoing]:
        try:
            await self._play(play, out)
        except (ReaderGone, NatsError):
            raise
        except Exception as unexpected:
            return as_told(REPLAY, unexpected)
        body = spelling.spelled({"replayed": play.replayed})
        return None, Outgoing(body, {HEADER_REPLAY_END: "true"})

    async def _play(self, play: _Play, out: Outlet) -> None:
        named = parse(play.asked.subject)
        if not isinstance(named, Nav):
            raise BadRequest.of_whole("not a request to the navigator")
        set_space(named.space)
        async with self._dispatch.shares.replays.take(named.space):
            if key_of(play.asked) not in self._cancelled:
                await self._play_to(play, out, named.space)

    async def _play_to(self, play: _Play, out: Outlet, space: str) -> None:
        request = await self._dispatch.ready(space, REPLAY, play.asked.data)
        assert isinstance(request, ReplayRequest)
        async with (
            aclosing(self._rows(space, request)) as rows,
            aclosing(_in_time(play, rows, request.speed)) as due,
        ):
            async for row in due:
                await out.send(await self._body(space, row))
                play.replayed, play.last = play.replayed + 1, row.event_index
                if play.replayed == request.count:
                    return
        if play.failure:
            raise ReplayFailed(play.failure, play.details)

    async def _rows(self, space: str, request: ReplayRequest) -> AsyncGenerator[EventRow, None]:
        async with self._dispatch.reading(space) as reading:
            timeline = await reading.timeline(request.agent)
            start, end = await reading.stretch(timeline, request.from_, request.to)
        stretch = Stretch(timeline, start.event_index, end.event_index)
        while not stretch.is_empty:
            async with self._dispatch.reading(space) as reading:
                # Looked up each time: in a projection that was swapped in it has another number.
                timeline = await reading.timeline(request.agent)
                bounds = (stretch.after, stretch.last)
                page = await reading.timelines.page_between(
                    timeline, *bounds, None, "forward", _PAGE, _PAGE_BYTES
                )
                rows = await reading.timelines.events(page.places)
            for row in rows:
                yield row
            if not rows:
                return
            stretch = stretch.behind(rows[-1].event_index, "forward")

    async def _body(self, space: str, row: EventRow) -> bytes:
        body = spelling.spelled(spelling.event(row))
        # However fast a replay is, its next event is another step.
        await asyncio.sleep(0)
        return body if len(body) <= self._limit else await self._spills.keep(space, body)


@asynccontextmanager
async def replaying(replays: Replays) -> AsyncIterator[None]:
    """Hear of replays that are to stop; at the end all do."""
    async with replays.listening():
        try:
            yield
        finally:
            await replays.close()


async def _in_time(
    play: _Play, rows: AsyncIterator[EventRow], speed: float | None
) -> AsyncGenerator[EventRow, None]:
    """Rows when they are due, until there are no more or the replay is stopped."""
    due = monotonic()
    before: EventRow | None = None
    async for row in rows:
        if speed is not None and before is not None:
            due = max(due + gap(before.clock, row.clock, speed), monotonic() - _CATCH_UP_SECONDS)
            await _until(due, play.stopped)
        if play.stopped.is_set():
            return
        yield row
        before = row


async def _until(due: float, stopped: asyncio.Event) -> None:
    delay = due - monotonic()
    if delay > 0:
        try:
            async with asyncio.timeout(delay):
                await stopped.wait()
        except TimeoutError:
            return
