"""One request's way to the read models, and what every verb does there."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

import asyncpg

from stratoscope.domain import paths
from stratoscope.domain.canonical import canonical, decoded
from stratoscope.domain.seek import (
    MAX_STREAM_SEQ,
    AfterEvent,
    AfterSnapshot,
    Stand,
    Target,
    UpTo,
    asked_for,
    beginning,
    dropped,
    end,
    outside,
    plan,
)
from stratoscope.navigator.comparing.comparisons import Comparisons
from stratoscope.navigator.document_budget import claim, cost_of, cost_of_events
from stratoscope.navigator.expressions.evaluating import Expressions
from stratoscope.navigator.holding.telling import Tell, tell_nobody
from stratoscope.navigator.threads import work_on
from stratoscope.navigator.waiting import Waiting
from stratoscope.store.breakpoints import Breakpoints
from stratoscope.store.quotas import SpaceQuota
from stratoscope.store.sessions import Sessions
from stratoscope.store.states import Standing, States
from stratoscope.store.timelines import EventPage, EventRow, Timeline, Timelines
from stratoscope_contracts.errors import (
    AgentNotFound,
    BadRequest,
    EventNotFound,
    SnapshotNotFound,
)
from stratoscope_contracts.subjects import partition_of
from stratoscope_contracts.views import At
from stratoscope_contracts.words import ANY_AGENT, DEFAULT_WAIT_MS, PARTITIONS

EMPTY_STATE = b"{}"
# Partitions, a revision of the breakpoints, and how long to wait for it.
Known = Callable[[Collection[int], int, float], Awaitable[None]]


# Of a state that was rebuilt, how many blobs that took.
Rebuilt = Callable[[int], None]


def count_nothing(_blobs: int) -> None:
    """Where nobody counts what is rebuilt."""


async def known_at_once(_partitions: Collection[int], _revision: int, _within: float) -> None:
    """Where nobody watches for breakpoints, nobody has to know of them."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A space, a database session, the time of the request, and who evaluates and compares.

    `log_end` asks the broker for the stream's last sequence, `tell` sends live agents a command,
    `known` returns once those who watch partitions know of a change of breakpoints.
    """

    space: str
    session: asyncpg.Connection
    now: datetime
    expressions: Expressions
    log_end: Callable[[], Awaitable[int]]
    tell: Tell = tell_nobody
    comparisons: Comparisons = field(default_factory=Comparisons)
    known: Known = known_at_once
    quota: SpaceQuota = field(default_factory=SpaceQuota)
    waiting: Waiting | None = None
    rebuilt: Rebuilt = count_nothing

    @property
    def timelines(self) -> Timelines:
        """Heads, seeks and events."""
        return Timelines(self.session)

    @property
    def states(self) -> States:
        """States and snapshots."""
        return States(self.session)

    @property
    def sessions(self) -> Sessions:
        """Operators' sessions."""
        return Sessions(self.session)

    @property
    def breakpoints(self) -> Breakpoints:
        """What is watched."""
        return Breakpoints(self.session)

    async def projected(self, agent: str, stream_seq: int) -> None:
        """Return once what an agent, or any, recorded up to a message can be read.

        Raises NotProjectedYet.
        """
        if self.waiting is not None:
            every = range(PARTITIONS)
            wanted = every if agent == ANY_AGENT else [partition_of(self.space, agent)]
            await self.waiting.until(wanted, stream_seq, DEFAULT_WAIT_MS / 1000)

    async def timeline(self, agent: str) -> Timeline:
        """An agent's timeline; AgentNotFound where there is none."""
        found = await self.timelines.find(self.space, agent)
        if found is None:
            raise AgentNotFound("nothing was recorded of this agent in this space")
        return found

    async def stand(self, timeline: Timeline, at: At) -> Stand:
        """Where an `At` is in a timeline."""
        return await self.reach(timeline, plan(at, timeline.extent))

    async def reach(self, timeline: Timeline, target: Target) -> Stand:
        """Where a planned target is.

        Raises EventNotFound, SnapshotNotFound, and NavigationOutOfBounds before the horizon.
        """
        match target:
            case Stand():
                return target
            case UpTo():
                return await self._seek(timeline, target)
            case AfterEvent():
                index = await self.timelines.index_of(timeline, target.event_id)
                if index is None or index < timeline.first_position:
                    why, details = dropped(timeline.extent)
                    raise EventNotFound(f"this agent has no event with this id{why}", details)
                return await self._seek(timeline, UpTo(event_index=index))
            case AfterSnapshot():
                found = await self.states.snapshot_of(timeline.agent_id, target.snapshot_id)
                if found is None or found.version < timeline.first_shown:
                    why, details = dropped(timeline.extent)
                    raise SnapshotNotFound(f"this agent has no snapshot with this id{why}", details)
                return found
            case _:
                assert_never(target)

    async def stretch(
        self, timeline: Timeline, after: At | None, to: At | None
    ) -> tuple[Stand, Stand]:
        """After one stand, up to and with another; by default all that is kept."""
        start = beginning(timeline.extent)
        if after is not None:
            start = await self.stand(timeline, after)
        if to is None:
            return start, end(timeline.extent)
        return start, await self.stand(timeline, to)

    async def standing(self, timeline: Timeline, at: At) -> Standing:
        """What stands around an `At`."""
        return await self.states.standing(timeline.agent_id, await self.stand(timeline, at))

    async def state(self, agent_id: int, standing: Standing, *, is_parsed: bool = False) -> bytes:
        """The canonical JSON of the state that is in force; `is_parsed` says what follows."""
        if standing.slot is None:
            return EMPTY_STATE
        await claim(cost_of(standing.size, is_parsed=is_parsed))
        chain = await self.states.chain(agent_id, standing.version, standing.slot)
        self.rebuilt(len(chain.blobs))
        return await work_on(chain.work, chain.unfold)

    async def events(self, page: EventPage) -> list[EventRow]:
        """The events of a page, once there is memory for them."""
        await claim(cost_of_events(page.size))
        return await self.timelines.events(page.places)

    async def _seek(self, timeline: Timeline, up_to: UpTo) -> Stand:
        event_index, version = await self.timelines.seek(timeline, up_to)
        until = up_to.place.stream_seq if up_to.place else MAX_STREAM_SEQ
        stand = Stand(event_index, version, None if until == MAX_STREAM_SEQ else until)
        if not timeline.extent.keeps(stand):
            raise outside(*asked_for(up_to), timeline.extent)
        return stand

    async def gone(self) -> str:
        """What to say where an id that names no agent is not there."""
        if await self.timelines.has_dropped(self.space):
            return " among what is kept: retention drops old records of this space"
        return ""


async def part_of(state: bytes, path: str) -> tuple[bytes, bool]:
    """The canonical JSON at a path, and whether anything stands there (null where not)."""
    segments = path_of(path)
    found = await work_on(len(state) if segments else 0, value_at, state, segments)
    return (b"null", False) if found is None else (found, True)


def value_at(state: bytes, segments: paths.Segments) -> bytes | None:
    """The canonical JSON at a path, None where nothing stands there."""
    if not segments:
        return state
    value = paths.get(decoded(state), segments)
    return None if value is paths.MISSING else canonical(value)


def path_of(path: str) -> paths.Segments:
    """A path as it came in a request; BadRequest where it is none."""
    try:
        return paths.parse(path)
    except paths.PathSyntaxError as error:
        reason = f"{error.reason} at character {error.position}"
        raise BadRequest.of_fields(("path", reason)) from error
