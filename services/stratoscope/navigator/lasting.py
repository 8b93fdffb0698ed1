"""Long requests: each a task of its own, with messages on its way and a reply at its end.

A requester that sends the header `Strato-Progress` is told how far its request is, in messages with
that header before the reply. One that cancels it, or does not listen any more, ends it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic, perf_counter_ns
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from stratoscope.broker.ending import end_tasks
from stratoscope.navigator import spelling
from stratoscope.navigator.answering import Outgoing, as_told, verb_in
from stratoscope.navigator.cancelling import Cancelled, Key, key_of
from stratoscope.navigator.dispatch import Dispatch
from stratoscope.navigator.metrics import Metrics
from stratoscope.navigator.outlet import Outlet, ReaderGone, outlet
from stratoscope.navigator.progress import Progress, Stopped
from stratoscope.navigator.reply_guard import ReplyGuard
from stratoscope.navigator.shares import set_space
from stratoscope.navigator.spelling import Json
from stratoscope.navigator.spill import Spills
from stratoscope_contracts.errors import BadRequest, OverBudget, StratoError
from stratoscope_contracts.subjects import Nav, parse
from stratoscope_contracts.words import HEADER_PROGRESS

# What answers a long verb: space, request of the verb's model, where to report. It may let Stopped
# pass, or say in a reply or an error of its own how far it got.
Lasting = Callable[[str, Any, Progress], Awaitable[Json]]

_TELL_SECONDS: Final = 0.2
_AT_LEAST_EVERY: Final = 1.0
_FINISH_SECONDS: Final = 3.0
_CANCELLED: Final = "stopped by its requester"
_GONE: Final = "nobody waits for the answer any more"
_ENDING: Final = "this navigator ends: ask again"
_TOLD: Final = {HEADER_PROGRESS: "1"}


@dataclass(slots=True)
class _Run:
    """One long request."""

    asked: Msg
    verb: str
    progress: Progress = field(default_factory=Progress)

    @property
    def headers(self) -> dict[str, str]:
        return self.asked.headers or {}

    @property
    def space(self) -> str:
        """Whose share it uses."""
        return self.asked.subject.split(".", 2)[1]

    @property
    def key(self) -> Key:
        """Whom a cancellation names."""
        return key_of(self.asked)


class LongRequests:
    """The long requests that run here."""

    def __init__(
        self,
        client: Client,
        dispatch: Dispatch,
        answers: Mapping[str, Lasting],
        spills: Spills,
        metrics: Metrics,
        limit: int,
        guard: ReplyGuard,
    ) -> None:
        self._client = client
        self._dispatch = dispatch
        self._answers = answers
        self._spills = spills
        self._metrics = metrics
        self._limit = limit
        self._running: dict[asyncio.Task[None], _Run] = {}
        self._cancelled = Cancelled(guard, metrics.shares)

    def takes(self, subject: str) -> bool:
        """Whether a request belongs here."""
        return verb_in(subject) in self._answers

    def begin(self, asked: Msg) -> asyncio.Task[None] | None:
        """Start what a request asks for; without a reply subject there is nobody to do it for."""
        if not asked.reply:
            return None
        run = _Run(asked, verb_in(asked.subject))
        task = self._dispatch.shares.loop.start(run.space, self._answer(run), run.verb)
        self._running[task] = run
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
        for run in self._running.values():
            if run.key == key:
                run.progress.stop(_CANCELLED)

    async def close(self) -> None:
        """End all of them, each with a word to its requester."""
        for run in self._running.values():
            run.progress.stop(_ENDING)
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=_FINISH_SECONDS)
            await end_tasks(late)

    async def _answer(self, run: _Run) -> None:
        started = perf_counter_ns()
        error, outgoing = await self._outcome(run)
        # Where the broker is gone there is nobody to tell anything.
        with suppress(NatsError):
            await self._client.publish(run.asked.reply, outgoing.body, headers=outgoing.headers)
        code = error.code.value if error else None
        self._metrics.answered(run.verb, code, perf_counter_ns() - started)

    async def _outcome(self, run: _Run) -> tuple[StratoError | None, Outgoing]:
        telling = asyncio.create_task(self._tell(run), name=f"progress of {run.verb}")
        try:
            async with self._dispatch.shares.documents.request(run.space):
                space, reply = await self._reply(run)
                if len(reply) > self._limit:
                    reply = await self._spills.keep(space, reply)
                return None, Outgoing(reply)
        except Stopped as stopped:
            told = run.progress.told
            details = {"done": told.done, "total": told.total, "stopped": True}
            return as_told(run.verb, OverBudget(str(stopped), details))
        except Exception as unexpected:
            return as_told(run.verb, unexpected)
        finally:
            # No word of progress comes behind the reply.
            await end_tasks([telling])

    async def _reply(self, run: _Run) -> tuple[str, bytes]:
        named = parse(run.asked.subject)
        if not isinstance(named, Nav):
            raise BadRequest.of_whole("not a request to the navigator")
        set_space(named.space)
        async with self._dispatch.shares.long_requests.take(named.space):
            if run.key in self._cancelled:
                raise Stopped(_CANCELLED)
            request = await self._dispatch.ready(named.space, named.verb, run.asked.data)
            reply = await self._answers[named.verb](named.space, request, run.progress)
        return named.space, spelling.spelled(reply)

    async def _tell(self, run: _Run) -> None:
        """Pass on what is reported; without the header nobody wants it, nor could tell it apart."""
        if HEADER_PROGRESS not in run.headers:
            return
        try:
            async with outlet(self._client, run.asked.reply, answering=False) as out:
                await _tell_on(run.progress, out)
        except ReaderGone:
            run.progress.stop(_GONE)
        except NatsError as error:
            run.progress.stop(f"the broker was lost: {error}")


async def _tell_on(progress: Progress, out: Outlet) -> None:
    said, said_at = None, 0.0
    while True:
        now = monotonic()
        if progress.told is not said or now - said_at >= _AT_LEAST_EVERY:
            said, said_at = progress.told, now
            await out.send(said.model_dump_json().encode(), _TOLD)
        await asyncio.sleep(_TELL_SECONDS)


@asynccontextmanager
async def lasting(requests: LongRequests) -> AsyncIterator[None]:
    """Hear of long requests that are to stop; at the end all do."""
    async with requests.listening():
        try:
            yield
        finally:
            await requests.close()
