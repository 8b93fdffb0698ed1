"""Asking whoever watches a partition: has every breakpoint seen a record, is a change known.

Who watches a partition answers on a subject of its own, so that any replica can be asked and only
that one waits; within a process nobody is asked.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import orjson
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from stratoscope.broker.ending import end_tasks
from stratoscope.navigator.live.lane import NotWatchedHere
from stratoscope.navigator.live.service import Watching
from stratoscope.navigator.reply_guard import ReplyGuard
from stratoscope.navigator.serving import Serving
from stratoscope.navigator.waiting import Waiting
from stratoscope.store.watches import is_watched
from stratoscope_contracts.errors import NotProjectedYet
from stratoscope_contracts.subjects import partition_of

# strato._watch.<partition>: asked of all replicas, answered by the one that watches it.
_SUBJECT: Final = "strato._watch.{}"
_ALL: Final = "strato._watch.*"
_ASK_AGAIN: Final = 0.02
# Nobody answers where nobody watches yet.
_ANSWERED_WITHIN: Final = 0.5
# A batch that was told arrives in a moment; one that was not is looked for.
_TOLD_WITHIN: Final = 0.02
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Seeing:
    """What breakpoints have seen, wherever they are watched."""

    client: Client
    pool: Serving
    waiting: Waiting
    watching: Watching

    async def seen(self, space: str, agent: str, stream_seq: int, within: float) -> None:
        """Return once every breakpoint has seen the agent's records up to a message.

        Their holds are committed by then. Raises NotProjectedYet after `within` seconds.
        """
        number = partition_of(space, agent)
        try:
            async with asyncio.timeout(within):
                # What a breakpoint has seen is projected, and known to be: then nobody asks.
                await self._seen(number, {"space": space, "agent": agent, "seq": stream_seq})
                await self.waiting.until({number}, stream_seq, within)
        except TimeoutError as error:
            raise NotProjectedYet(
                f"breakpoints have not seen {stream_seq} yet", {"wanted": stream_seq}
            ) from error

    async def known(self, partitions: Collection[int], revision: int, within: float) -> None:
        """Return once all who watch these partitions know a change, or after `within` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await asyncio.gather(*(self._known(one, revision) for one in partitions))

    async def answer(self, message: Msg) -> None:
        """Answer another replica, if the partition that it asks about is watched here."""
        number = int(message.subject.rpartition(".")[2])
        try:
            # Nobody waits for longer, and whoever still wants to know asks again.
            async with asyncio.timeout(_ANSWERED_WITHIN):
                await self._here(number, orjson.loads(message.data))
        except (NotWatchedHere, TimeoutError):
            return
        with suppress(NatsError):
            await self.client.publish(message.reply, b"{}")

    async def _seen(self, partition: int, asked: dict[str, Any]) -> None:
        while True:
            try:
                return await self._here(partition, asked)
            except NotWatchedHere:
                if await self._elsewhere(partition, asked):
                    return None
            await asyncio.sleep(_ASK_AGAIN)

    async def _known(self, partition: int, revision: int) -> None:
        asked = {"revision": revision}
        while True:
            try:
                return await self._here(partition, asked)
            except NotWatchedHere:
                # Who asks holds a session: another one is only for the case that nobody answers.
                if await self._elsewhere(partition, asked):
                    return None
                async with self.pool.acquire() as session:
                    watched = await is_watched(session, partition)
                # Where nobody watches, whoever comes reads all there is.
                if not watched:
                    return None
            await asyncio.sleep(_ASK_AGAIN)

    async def _here(self, partition: int, asked: dict[str, Any]) -> None:
        lane = self.watching.lane
        if lane is None or partition not in lane.held:
            raise NotWatchedHere
        if "revision" in asked:
            await lane.knows(partition, asked["revision"])
            return
        reaching = asyncio.ensure_future(lane.reached(asked["space"], asked["agent"], asked["seq"]))
        try:
            done, _ = await asyncio.wait([reaching], timeout=_TOLD_WITHIN)
            if not done:
                self.watching.look_at_once()
            await reaching
        finally:
            await end_tasks([reaching])

    async def _elsewhere(self, partition: int, asked: dict[str, Any]) -> bool:
        """Whether another replica says so, as far as one answers in time."""
        try:
            await self.client.request(
                _SUBJECT.format(partition), orjson.dumps(asked), timeout=_ANSWERED_WITHIN
            )
        except (NoRespondersError, NatsTimeoutError):
            return False
        return True


@asynccontextmanager
async def answering_replicas(seeing: Seeing, guard: ReplyGuard) -> AsyncIterator[None]:
    """Answer other replicas as long as the block lasts."""
    running: set[asyncio.Task[None]] = set()

    async def hear(message: Msg) -> None:
        if not guard.accepts_replica(message.subject, message.reply):
            return
        task = asyncio.create_task(seeing.answer(message), name="seen")
        running.add(task)
        task.add_done_callback(running.discard)

    subscription = await seeing.client.subscribe(_ALL, cb=hear)
    try:
        yield
    finally:
        if not seeing.client.is_closed:
            await subscription.unsubscribe()
        await end_tasks(list(running))
