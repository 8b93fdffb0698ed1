"""From a verb and a body to a reply: the whole navigator but for its transport."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from math import isfinite
from typing import Final
from uuid import UUID

import asyncpg
from pydantic import ValidationError

from stratoscope.navigator import spelling
from stratoscope.navigator.comparing.comparisons import Comparisons
from stratoscope.navigator.expressions.evaluating import Expressions
from stratoscope.navigator.holding.telling import Tell, tell_nobody
from stratoscope.navigator.objects import VERBS as OBJECT_VERBS
from stratoscope.navigator.objects import Objects
from stratoscope.navigator.progress import LASTING
from stratoscope.navigator.reading import Known, Reading, Rebuilt, count_nothing, known_at_once
from stratoscope.navigator.request_limits import check_body, decoding_size
from stratoscope.navigator.shares import Shares
from stratoscope.navigator.spelling import Json
from stratoscope.navigator.stats import LogEnd, stats
from stratoscope.navigator.table import ANSWERS
from stratoscope.navigator.threads import work_on
from stratoscope.navigator.waiting import Waiting
from stratoscope.navigator.walks import is_walk
from stratoscope.store.quotas import SpaceQuota
from stratoscope.store.sessions import Sessions
from stratoscope.store.watermarks import Watermarks
from stratoscope_contracts.envelopes import Request
from stratoscope_contracts.errors import BadRequest, SessionNotFound, field_errors
from stratoscope_contracts.sessions import SessionRequest
from stratoscope_contracts.subjects import partition_of
from stratoscope_contracts.verbs import VERBS
from stratoscope_contracts.words import PARTITIONS

STATS = "stats"
# Answered by many messages, and so elsewhere.
REPLAY = "replay"
SERVED = frozenset({*ANSWERS, *LASTING, *OBJECT_VERBS, STATS, REPLAY})
_ALL = range(PARTITIONS)
_TOLD_FAULTS = 100
_LONGEST_VERB: Final = 64


def _now() -> datetime:
    return datetime.now(UTC)


class WaitedInVain(Exception):
    """The database was started anew since: what was projected may have to be so again."""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Answers verbs from the read models. Raises StratoError, and whatever else goes wrong."""

    pool: asyncpg.Pool
    waiting: Waiting
    log_end: LogEnd
    expressions: Expressions
    seconds: float = 30.0
    now: Callable[[], datetime] = field(default=_now)
    shares: Shares = field(default_factory=Shares)
    comparisons: Comparisons = field(default_factory=Comparisons)
    tell: Tell = tell_nobody
    known: Known = known_at_once
    quota: SpaceQuota = field(default_factory=SpaceQuota)
    rebuilt: Rebuilt = count_nothing
    objects: Objects | None = None

    async def __call__(self, space: str, verb: str, body: bytes) -> bytes:
        """The body of the reply."""
        while True:
            known = self.waiting.forgotten
            request = await self.ready(space, verb, body)
            if verb in OBJECT_VERBS and self.objects is not None:
                # No session is used, but their share bounds what is held in memory at a time.
                async with self.shares.sessions.take(space):
                    return spelling.spelled(await self.objects.answer(space, request))
            with suppress(WaitedInVain):
                async with asyncio.timeout(self.seconds):
                    reply = await self._answer(space, verb, request, known)
                return spelling.spelled(reply)

    async def ready(self, space: str, verb: str, body: bytes) -> Request:
        """What is asked for, once what it waits for is projected."""
        request = await work_on(decoding_size(body), _checked_request, verb, body)
        if request.wait_for is not None:
            partitions = await self._partitions(space, request)
            await self.waiting.until(partitions, request.wait_for, request.wait_ms / 1000)
        return request

    @asynccontextmanager
    async def reading(self, space: str, known: int | None = None) -> AsyncIterator[Reading]:
        """A session to read with; TimeoutError where that takes too long.

        Raises WaitedInVain where what was waited for is `known` no longer.
        """
        async with self.shares.sessions.take(space), self._reading(space, known) as reading:
            yield reading

    @asynccontextmanager
    async def _reading(self, space: str, known: int | None) -> AsyncIterator[Reading]:
        async with asyncio.timeout(self.seconds), self.pool.acquire() as session:
            if known is not None and self.waiting.forgotten != known:
                raise WaitedInVain
            yield Reading(
                space,
                session,
                self.now(),
                self.expressions,
                self.log_end,
                self.tell,
                comparisons=self.comparisons,
                known=self.known,
                quota=self.quota,
                waiting=self.waiting,
                rebuilt=self.rebuilt,
            )

    async def _answer(self, space: str, verb: str, request: Request, known: int) -> Json:
        if verb == STATS:
            async with self.shares.sessions.take(space):
                return await self._stats(space, known)
        async with self._walk(space, request), self.reading(space, known) as reading:
            return await ANSWERS[verb](reading, request)

    async def _stats(self, space: str, known: int) -> Json:
        # Both are asked for before a session is held, or requests could wait for each other's.
        projected = await Watermarks(self.pool).read()
        log_end = await self.log_end()
        async with self._reading(space, known) as reading:
            return await stats(reading, projected, log_end)

    def _walk(self, space: str, request: Request) -> AbstractAsyncContextManager[None]:
        """A slot for a request that goes through a timeline; at once for any other."""
        return self.shares.walks.take(space) if is_walk(request) else nullcontext()

    async def _partitions(self, space: str, request: Request) -> Collection[int]:
        """The partitions that a request reads: those of the agents that it names, or all."""
        if isinstance(request, SessionRequest):
            return {partition_of(space, await self._agent_of(space, request.id))}
        named = (getattr(request, name, None) for name in ("agent", "to_agent"))
        return {partition_of(space, agent) for agent in named if agent} or _ALL

    async def _agent_of(self, space: str, session_id: UUID) -> str:
        async with self.shares.sessions.take(space), self.pool.acquire() as session:
            row = await Sessions(session).find(space, session_id)
        if row is None:
            raise SessionNotFound("there is no session with this id")
        return row.agent


def _checked_request(verb: str, body: bytes) -> Request:
    check_body(body)
    return request_of(verb, body)


def _pairs(text: str) -> frozenset[str]:
    return frozenset(map("".join, pairwise(f".{text}")))


_PAIRS: Final = {verb: _pairs(verb) for verb in VERBS}


def request_of(verb: str, body: bytes) -> Request:
    """What is asked for; an empty body is an empty object. Raises BadRequest."""
    known = VERBS.get(verb)
    if known is None:
        nearest = nearest_verb(verb)
        told = f"there is no such verb; the nearest is {nearest}"
        raise BadRequest.of_whole(told, nearest=nearest)
    body = body.strip() or b"{}"
    try:
        request = known.request.model_validate_json(body)
    except ValidationError as error:
        raise BadRequest.of_fields(*field_errors(error)[:_TOLD_FAULTS]) from error
    if verb not in OBJECT_VERBS:
        # All numbers of those have bounds, and what they carry is long.
        _check_numbers(body)
    return request


def nearest_verb(text: str) -> str:
    """The verb that shares most pairs of letters with a text.

    Anyone may ask for verbs that there are not, so this takes microseconds: `difflib` held the loop
    for milliseconds.
    """
    pairs = _pairs(text[:_LONGEST_VERB])

    def share(verb: str) -> float:
        return len(pairs & _PAIRS[verb]) / (len(pairs) + len(_PAIRS[verb]))

    return max(_PAIRS, key=share)


def _check_numbers(body: bytes) -> None:
    """Refuse what the models take although no reply can tell it: NaN, 1e400, endless integers."""
    try:
        json.loads(body, parse_constant=_finite, parse_float=_finite, parse_int=_finite)
    except ValueError as error:
        raise BadRequest.of_whole(f"the request is not JSON: {error}") from None


def _finite(text: str) -> None:
    if not isfinite(float(text)):
        raise ValueError(f"{text[:24]} is no finite number")
