"""Sends what the outbox holds: a task for each agent that has something, one batch at a time.

One unacknowledged batch an agent is what keeps its order under any repetition: the next one is
not even made before the last is stored. Agents go side by side. A batch whose acknowledgement was
lost is sent again and stands in the log twice; intake knows its records by their ids.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import Counter, deque
from collections.abc import Sequence

from nats.js.api import PubAck

from stratoscope.broker.ending import end_tasks
from stratoscope.broker.publishing import MessageTooLarge, Outgoing, PublishRefused
from stratoscope.recorder.compression import WORTHWHILE_BYTES, compress
from stratoscope.recorder.errors import RecorderClosed, RecordsRefused
from stratoscope.recorder.link import Link
from stratoscope.recorder.outbox import Lane, Offered, Outbox
from stratoscope.recorder.preparing import Prepared
from stratoscope.recorder.settings import HEADER_ROOM, RecorderSettings
from stratoscope_contracts import subjects
from stratoscope_contracts.words import (
    ENCODING_ZSTD,
    HEADER_ENCODING,
    HEADER_TRACEPARENT,
)

_AFTER_A_FAULT = 1.0

log = logging.getLogger(__name__)


class Sender:
    """Empties an outbox over a link; all of it in one event loop."""

    def __init__(self, settings: RecorderSettings, outbox: Outbox, link: Link) -> None:
        self._settings = settings
        self._outbox = outbox
        self._link = link
        self._tasks: dict[Lane, asyncio.Task[None]] = {}
        self._due: dict[Lane, asyncio.Event] = {}
        self._refused: Counter[str] = Counter()
        self._reached: dict[str, int] = {}
        self._moved = asyncio.Condition()
        self._drains = 0
        self._wakers: set[asyncio.Task[None]] = set()
        self._closed = False

    def stir(self, agent: str) -> None:
        """Look at an agent's lane: it has its first record, or a batch's worth."""
        lane = self._outbox.lane(agent)
        if lane is None or self._closed:
            return
        if lane in self._due:
            self._due[lane].set()
            return
        self._due[lane] = asyncio.Event()
        # In no context at all: that of whoever recorded first is none of the lane's.
        self._tasks[lane] = asyncio.get_running_loop().create_task(
            self._run(lane), context=contextvars.Context()
        )

    async def put(self, agent: str, record: Prepared, within: float | None) -> bool:
        """Wait for room and take it; False where there was none within that many seconds.

        Raises RecorderClosed if that comes first.
        """
        # What fills the queue need not wait for company.
        self._hurry(None)
        try:
            async with asyncio.timeout(within), self._moved:
                while self._outbox.offer(agent, record) is Offered.FULL:
                    if self._closed:
                        raise RecorderClosed("the recorder was closed while its queue was full")
                    await self._moved.wait()
        except TimeoutError:
            return False
        self.stir(agent)
        return True

    @property
    def is_draining(self) -> bool:
        """Whether a flush waits."""
        return self._drains > 0

    def wake(self) -> None:
        """Have a flush look again: records were dropped."""
        if not self._closed:
            task = asyncio.get_running_loop().create_task(self._notify())
            self._wakers.add(task)
            task.add_done_callback(self._wakers.discard)

    async def _notify(self) -> None:
        async with self._moved:
            self._moved.notify_all()

    async def flush(self, agent: str | None, within: float | None) -> int | None:
        """Return once all that was taken before (of one agent) is acknowledged.

        Gives the stream's sequence that was reached by then, None where nothing ever was. Raises
        TimeoutError after `within` seconds, RecordsRefused where some of it never will be,
        RecorderClosed where it was not in time.
        """
        reached = await self.drain(agent, within)
        refused = self._take_refused(agent)
        if refused:
            raise RecordsRefused(
                f"the broker will never take {refused} of the records: see the log",
                {"refused": refused},
            )
        return reached

    async def drain(self, agent: str | None, within: float | None) -> int | None:
        """As `flush`, for who only has to know what is stored, whatever became of the rest."""
        self._outbox.tell_gaps(agent)
        targets = self._hurry(agent)
        self._drains += 1
        try:
            async with asyncio.timeout(within), self._moved:
                await self._moved.wait_for(lambda: self._closed or not _outstanding(targets))
        except TimeoutError:
            raise TimeoutError(
                f"{_outstanding(targets)} records are not acknowledged after {within:g} s"
            ) from None
        finally:
            self._drains -= 1
        if _outstanding(targets):
            raise RecorderClosed("the recorder was closed before all was acknowledged")
        if agent is not None:
            return self._reached.get(agent)
        return max(self._reached.values(), default=None)

    def abandon(self) -> None:
        """End every lane at once, in a child that goes on in the parent's event loop."""
        self._closed = True
        for task in self._tasks.values():
            task.cancel()

    async def close(self) -> None:
        """Stop sending; whoever waits is told."""
        self._closed = True
        await end_tasks(self._tasks.values())
        async with self._moved:
            self._moved.notify_all()

    def _hurry(self, agent: str | None) -> list[tuple[Lane, int]]:
        targets = self._outbox.hurry(agent)
        for lane, _ in targets:
            self.stir(lane.agent)
        return targets

    def _take_refused(self, agent: str | None) -> int:
        if agent is not None:
            return self._refused.pop(agent, 0)
        refused = self._refused.total()
        self._refused.clear()
        return refused

    async def _run(self, lane: Lane) -> None:
        try:
            while batch := await self._next(lane):
                await self._deliver(lane, batch)
        finally:
            del self._due[lane], self._tasks[lane]

    async def _next(self, lane: Lane) -> Sequence[Prepared]:
        """The lane's next batch once it is due; nothing once the lane has ended."""
        due = self._due[lane]
        while True:
            due.clear()
            seconds = self._outbox.due_in(lane)
            if seconds == 0:
                return self._outbox.take(lane, self._link.message_limit - HEADER_ROOM)
            if seconds is not None:
                await _within(seconds, due)
            elif self._outbox.retire(lane):
                return ()

    async def _deliver(self, lane: Lane, batch: Sequence[Prepared]) -> None:
        pieces = deque([batch])
        while pieces:
            piece = pieces.popleft()
            outcome = await self._send(lane.agent, piece)
            if isinstance(outcome, PubAck):
                self._reached[lane.agent] = outcome.seq
                await self._settle(lane, piece, refused=False)
            elif len(piece) > 1:
                # This broker takes less at a time than we were told.
                half = len(piece) // 2
                pieces.extendleft([piece[half:], piece[:half]])
            else:
                log.error("a record of agent %s is lost: %s", lane.agent, outcome)
                self._refused[lane.agent] += 1
                await self._settle(lane, piece, refused=True)

    async def _send(self, agent: str, piece: Sequence[Prepared]) -> PubAck | str:
        """The acknowledgement, or in words why this piece will never have one."""
        message = spell_message(self._settings, agent, piece)
        while True:
            try:
                return await self._link.publish(message)
            except (MessageTooLarge, PublishRefused) as error:
                return error.message
            except Exception:
                # Not foreseen, so perhaps passing: the agent's records are worth another try.
                log.exception("sending records of agent %s failed", agent)
                await asyncio.sleep(_AFTER_A_FAULT)

    async def _settle(self, lane: Lane, piece: Sequence[Prepared], *, refused: bool) -> None:
        self._outbox.settle(lane, piece, refused=refused)
        await self._notify()


def spell_message(settings: RecorderSettings, agent: str, piece: Sequence[Prepared]) -> Outgoing:
    """One record as itself, several as a batch."""
    first = piece[0]
    is_alone = len(piece) == 1 and not first.before
    kind: subjects.Kind = first.kind if is_alone else "batch"
    body = first.body if is_alone else _batch_body(piece)
    headers: dict[str, str] = {}
    if first.packed:
        headers[HEADER_ENCODING] = ENCODING_ZSTD
    elif settings.compression == "always" and len(body) >= WORTHWHILE_BYTES:
        body = compress(body) or body
        headers[HEADER_ENCODING] = ENCODING_ZSTD
    if first.traceparent is not None:
        headers[HEADER_TRACEPARENT] = first.traceparent
    return Outgoing(
        subject=subjects.record(settings.space, agent, kind),
        body=body,
        headers=headers,
    )


def _batch_body(piece: Sequence[Prepared]) -> bytes:
    return b'{"records":[%b]}' % b",".join(record.member for record in piece)


def _outstanding(targets: Sequence[tuple[Lane, int]]) -> int:
    return sum(max(0, upto - lane.settled) for lane, upto in targets)


async def _within(seconds: float, event: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
