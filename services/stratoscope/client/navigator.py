"""Asking the navigator, as every face of Stratoscope does it.

    async with Navigator.connect("nats://127.0.0.1:4222") as nav:
        reply = await nav.request("state.at", StateAtRequest(agent="explorer-7", at=at))
        async for page in nav.pages("events.list", EventsListRequest(agent="explorer-7")):
            ...
        async for event in nav.replay(ReplayRequest(agent="explorer-7", speed=2.0)):
            ...

A verb's reply is read with the contract's model for it; whatever else can happen is raised as a
`StratoError`, the navigator's own with the code that it answered.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import PurePath
from typing import IO, Final, Literal, Self, overload

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeout

from stratoscope.broker.connection import BrokerUnreachable, Connection, connect
from stratoscope.broker.login import Login
from stratoscope.client.errors import NoAnswerInTime, Unreachable
from stratoscope.client.exchange import Moved, download, upload
from stratoscope.client.lasting import Tell, lasted
from stratoscope.client.listening import Trouble, events, hits, untold
from stratoscope.client.operator import operator_named
from stratoscope.client.reading import read, whole
from stratoscope.client.replaying import replayed
from stratoscope.client.spelling import spelled
from stratoscope_contracts import looking, sessions, subjects
from stratoscope_contracts.breakpoints import Hit
from stratoscope_contracts.envelopes import ListReply, ListRequest, Reply, Request
from stratoscope_contracts.errors import BadRequest, ObjectNotFound, OverBudget
from stratoscope_contracts.objects import (
    ObjectGetReply,
    ObjectGetRequest,
    ObjectPutReply,
    ObjectPutRequest,
)
from stratoscope_contracts.requesting import Requesting
from stratoscope_contracts.verbs import VERBS
from stratoscope_contracts.views import Event
from stratoscope_contracts.words import (
    DEFAULT_SPACE,
    HEADER_OPERATOR,
    MAX_REPLAY_GAP_SECONDS,
    MAX_REQUESTS_AT_A_TIME,
    exports_bucket,
)

DEFAULT_URL: Final = "nats://127.0.0.1:4222"
DEFAULT_TIMEOUT: Final = 5.0


class Navigator(Requesting):
    """One space's timelines, asked for over one connection, with 64 requests at a time.

    A request more waits until one has its reply; its timeout begins when it is sent.
    """

    def __init__(
        self, connection: Connection, space: str, timeout: float, operator: str | None = None
    ) -> None:
        self._connection = connection
        self._space = space
        self._timeout = timeout
        named = operator_named(operator or "")
        self._headers = {HEADER_OPERATOR: named} if named else None
        # What is over it would be refused; here it waits.
        self._slots = asyncio.Semaphore(MAX_REQUESTS_AT_A_TIME)

    @classmethod
    @asynccontextmanager
    async def connect(
        cls,
        url: str = DEFAULT_URL,
        *,
        space: str = DEFAULT_SPACE,
        timeout: float = DEFAULT_TIMEOUT,  # noqa: ASYNC109 - of each request, told in its error
        operator: str | None = None,
        login: Login | None = None,
    ) -> AsyncIterator[Self]:
        """Connect, for as long as the block lasts; `timeout` seconds are given to each request.

        `operator` is who asks, kept with what is done.

        Raises Unreachable where no broker answers.
        """
        _subject(space, "stats")
        try:
            connection = await connect(url, name="stratoscope-client", timeout=timeout, login=login)
        except BrokerUnreachable as error:
            raise Unreachable(error.message) from error
        try:
            yield cls(connection, space, timeout, operator)
        finally:
            await connection.close()

    @property
    def space(self) -> str:
        """The space that is asked about."""
        return self._space

    async def _request(self, verb: str, body: Request) -> Reply:
        known = VERBS.get(verb)
        if known is None:
            raise BadRequest(f"there is no verb {verb!r}")
        if not isinstance(body, known.request):
            raise BadRequest(f"{verb} takes {known.request.__name__}, not {type(body).__name__}")
        answer = await self._ask(verb, body)
        return read(verb, known.reply, await whole(self._get, answer))

    @overload
    async def request_long(
        self,
        verb: Literal["session.export"],
        body: sessions.SessionExportRequest,
        tell: Tell,
        stop: asyncio.Event | None = None,
    ) -> sessions.SessionExportReply: ...
    @overload
    async def request_long(
        self,
        verb: Literal["session.import"],
        body: sessions.SessionImportRequest,
        tell: Tell,
        stop: asyncio.Event | None = None,
    ) -> sessions.SessionImportReply: ...
    @overload
    async def request_long(
        self,
        verb: Literal["session.continue"],
        body: sessions.SessionContinueRequest,
        tell: Tell,
        stop: asyncio.Event | None = None,
    ) -> sessions.SessionContinueReply: ...
    @overload
    async def request_long(
        self, verb: str, body: Request, tell: Tell, stop: asyncio.Event | None = None
    ) -> Reply: ...

    async def request_long(
        self, verb: str, body: Request, tell: Tell, stop: asyncio.Event | None = None
    ) -> Reply:
        """As `request`, for a verb that may last: `tell` hears how far it is.

        The timeout is for silence only. Once `stop` is set the navigator is told to stop, and its
        reply, or the error that it then ends in, is still given.
        """
        known = VERBS.get(verb)
        if known is None or not isinstance(body, known.request):
            raise BadRequest(f"{verb!r} does not take {type(body).__name__}")
        payload, seconds = self._spelled(body), self._seconds(body)
        async with self._slots:
            answer = await lasted(
                self._connection, self._space, verb, payload, seconds, tell, stop, self._headers
            )
        return read(verb, known.reply, await whole(self._get, answer))

    async def _pages(
        self, verb: str, body: ListRequest, at_most: int | None
    ) -> AsyncIterator[ListReply]:
        left = at_most
        while left is None or left > 0:
            size = body.limit if left is None else min(left, body.limit)
            try:
                reply = await self.request(verb, body.model_copy(update={"limit": size}))
            except OverBudget as error:
                if "cursor" not in error.details:
                    raise
                # A condition that nothing meets for long: the walk goes on from where it got to.
                body = body.model_copy(update={"cursor": error.details["cursor"]})
                continue
            assert isinstance(reply, ListReply)
            yield reply
            if reply.cursor is None:
                return
            body = body.model_copy(update={"cursor": reply.cursor})
            # A page may be shorter than it was asked to be.
            left = None if left is None else left - _entries(reply)

    async def replay(self, body: looking.ReplayRequest) -> AsyncGenerator[Event, None]:
        """The events of a stretch again, each when it is due and no faster than they are read.

        Leaving early stops the replay once the generator is closed: at once within `aclosing`.
        """
        seconds = self._seconds(body) + MAX_REPLAY_GAP_SECONDS
        payload = self._spelled(body)
        playing = replayed(self._connection, self._space, payload, seconds, self._get)
        async with self._slot_if_free(), aclosing(playing) as found:
            async for event in found:
                yield event

    async def hits(self, agent: str | None = None) -> AsyncGenerator[Hit, None]:
        """Hits of breakpoints as they come, of one agent or of every one; for ever."""
        async with aclosing(hits(self._connection, self._space, agent)) as found:
            async for hit in found:
                yield hit

    async def tail(
        self, body: looking.EventsListRequest, tell: Trouble = untold
    ) -> AsyncGenerator[Event, None]:
        """The events that are projected from now on, of those that the body picks; for ever.

        `tell` hears what does not end it: an event that could not be judged and is passed over,
        and that nobody answers for a while.
        """
        async with aclosing(events(self._connection, self, body, tell)) as found:
            async for event in found:
                yield event

    async def download(self, name: str, file: IO[bytes], moved: Moved) -> None:
        """An export of this space into a file; `moved` hears how many bytes of how many."""
        bucket = exports_bucket(self._space)
        try:
            await download(self._get, bucket, name, file, moved)
        except ObjectNotFound as error:
            raise ObjectNotFound(f"there is no export {name}: it may have expired") from error

    async def upload(self, path: PurePath, file: IO[bytes], size: int, moved: Moved) -> str:
        """A file among the exports of this space, to be imported by the name that is given."""
        limit = self._connection.message_limit
        return await upload(self._put, path, file, size, moved, limit)

    async def _get(self, body: ObjectGetRequest) -> ObjectGetReply:
        return await self.request("object.get", body)

    async def _put(self, body: ObjectPutRequest) -> ObjectPutReply:
        return await self.request("object.put", body)

    def _seconds(self, body: Request) -> float:
        """How long to wait for an answer."""
        return self._timeout + (body.wait_ms / 1000 if body.wait_for is not None else 0)

    def _spelled(self, body: Request) -> bytes:
        payload = spelled(body)
        if len(payload) > self._connection.message_limit:
            raise BadRequest(
                f"the request is {len(payload)} bytes, at most {self._connection.message_limit}"
            )
        return payload

    async def _ask(self, verb: str, body: Request) -> Msg:
        seconds = self._seconds(body)
        payload = self._spelled(body)
        try:
            async with self._slots:
                return await self._connection.client.request(
                    _subject(self._space, verb), payload, timeout=seconds, headers=self._headers
                )
        except NatsTimeout as error:
            raise NoAnswerInTime(self._too_late(verb, seconds)) from error
        except NoRespondersError as error:
            raise Unreachable(
                f"the broker is there, but no navigator that answers {verb}"
            ) from error
        except NatsError as error:
            raise Unreachable(f"the broker was lost while asking {verb}: {error}") from error

    @asynccontextmanager
    async def _slot_if_free(self) -> AsyncIterator[None]:
        """Count a replay among the requests; it never waits, since it lasts as its reader wants.

        A reader that asks for something between two events would wait for itself.
        """
        if self._slots.locked():
            yield
        else:
            async with self._slots:
                yield

    def _too_late(self, verb: str, seconds: float) -> str:
        lost = "" if self._connection.connected.is_set() else "; the broker was lost meanwhile"
        if refusal := self._connection.refusal:
            lost = f"; the broker refuses it: {refusal}"
        return f"no answer to {verb} within {seconds:g} s{lost}"


def _subject(space: str, verb: str) -> str:
    try:
        return subjects.nav(space, verb)
    except subjects.SubjectError as error:
        raise BadRequest(f"{space!r} can't be asked about: {error}") from error


def _entries(page: ListReply) -> int:
    return sum(len(field) for _, field in page if isinstance(field, list))
