"""A new projection beside the serving one, filled from the log, compared with it and swapped in.

It is the projector's own pipeline on another schema, faster than live intake because it knows all
that is in it and need not ask which ids are taken, and kept quiet: what it projects is told to
nobody, and what it refuses stays with it, until its projection serves. A rebuild that is cut short
leaves its projection, with its checkpoints; the next one goes on from there. From the swap on it
projects what serves, until a projector takes over.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
from nats.js.api import StreamState

from stratoscope.admin.progress import Pace, Teller
from stratoscope.broker import feed
from stratoscope.broker.connection import Connection
from stratoscope.client.operator import operator
from stratoscope.projector.following import Only
from stratoscope.projector.metrics import Metrics
from stratoscope.projector.service import Projector
from stratoscope.projector.settings import ProjectorSettings
from stratoscope.projector.term import Wiring, process_name
from stratoscope.store.audit import Audit, Entry
from stratoscope.store.database import OPERATIONS, connection, log_lost_sessions, pool
from stratoscope.store.digests import Comparison, compare
from stratoscope.store.erasing import is_any_erased
from stratoscope.store.migration import migrate
from stratoscope.store.projections import NotCaughtUp, Projection, Projections
from stratoscope_contracts.words import PARTITIONS, STREAM_RECORD

APPLICATION = "stratoscope rebuild"
_LOOK_EVERY = 0.1
_JUST_NOW = 1.0
_SWAP_CHANCES = 20
_TAKE_OVER_SECONDS = 30.0


class RebuildRefused(Exception):
    """It can't be done, or not now; the message says why, `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Wanted:
    """How to rebuild."""

    force_swap: bool = False
    keep_old: bool = False
    anew: bool = False
    # Longer than a request may take that began on the old projection.
    grace_seconds: float = 35.0


@dataclass(slots=True)
class Rebuilt:
    """What became of it."""

    schema: str
    replaced: str
    resumed: bool
    messages: int = 0
    seconds: float = 0.0
    events: int = 0
    versions: int = 0
    comparison: Comparison = field(default_factory=lambda: Comparison({}))
    rules: tuple[int, int] = (0, 0)
    # The first message that the log still has.
    log_begins: int = 1
    swapped: bool = False
    taken_over: bool = False
    dropped: list[str] = field(default_factory=list)


async def rebuild(
    settings: ProjectorSettings, broker: Connection, wanted: Wanted, teller: Teller
) -> Rebuilt:
    """Rebuild, and say what became of it. Raises RebuildRefused, and whatever ends a service."""
    log_lost_sessions()
    await migrate(settings.postgres_dsn)
    async with connection(settings.postgres_dsn, OPERATIONS, APPLICATION) as session:
        projections = await locked(session)
        old = next(one for one in await projections.all() if one.serving)
        new, resumed = await _target(projections, wanted, teller)
        run = _Run(settings, broker, wanted, teller, session, old, new)
        run.done.resumed = resumed
        await run.through()
        return run.done


async def locked(session: asyncpg.Connection) -> Projections:
    """The projections of a database, with every other rebuild kept away."""
    projections = Projections(session)
    if not await projections.lock():
        raise RebuildRefused(
            "another rebuild is on", "wait until it is done, or stop it: the next one goes on"
        )
    return projections


async def discard(projections: Projections) -> list[str]:
    """Drop what rebuilds have left half filled; the names."""
    left = [one for one in await projections.all() if one.is_filling]
    for one in left:
        await projections.drop(one)
    return [one.schema for one in left]


async def _target(
    projections: Projections, wanted: Wanted, teller: Teller
) -> tuple[Projection, bool]:
    """The projection to fill: one that was left half filled, where it is still of use."""
    for one in [one for one in await projections.all() if one.is_filling]:
        if not wanted.anew and await projections.is_current(one):
            teller.stage(f"going on with {one.schema}, which an earlier rebuild left")
            return one, True
        teller.stage(f"dropping {one.schema}, which an earlier rebuild left")
        await projections.drop(one)
    return await projections.begin(), False


class _Run:
    """One rebuild, stage by stage."""

    def __init__(
        self,
        settings: ProjectorSettings,
        broker: Connection,
        wanted: Wanted,
        teller: Teller,
        session: asyncpg.Connection,
        old: Projection,
        new: Projection,
    ) -> None:
        self._settings = settings
        self._broker = broker
        self._wanted = wanted
        self._teller = teller
        self._session = session
        self._projections = Projections(session)
        self._old = old
        self._new = new
        self.done = Rebuilt(
            new.schema, old.schema, False, rules=(old.rule_version, new.rule_version)
        )

    async def through(self) -> None:
        """All of it; it ends early where the two projections differ."""
        beyond = await self._beyond_the_log()
        async with self._projecting() as (wiring, projector):
            await self._fill(projector)
            self.done.comparison = await self._compare()
            if self.done.comparison.differing and not self._wanted.force_swap:
                return
            projectors = await self._projections.projectors(self._old.schema, process_name())
            await self._swap(regardless=beyond)
            wiring.quiet = False
            await self._tell_navigators()
            if projectors:
                await self._hand_over(projector)
        await self._clean_up()

    async def _beyond_the_log(self) -> bool:
        """Whether what serves has more than the log: then it was cut off, or is another one."""
        # In this order: what is recorded and projected meanwhile is in the log as well.
        reached = max((await self._projections.checkpoints(self._old.schema)).values())
        last = await self._last_seq()
        if reached > last and not self._wanted.force_swap:
            raise RebuildRefused(
                f"{STREAM_RECORD} ends at {last}, but {self._old.schema} has it up to {reached}:"
                " a projection of this log would have less",
                "restore the stream, or take what it has now with --force-swap",
            )
        return reached > last

    @asynccontextmanager
    async def _projecting(self) -> AsyncIterator[tuple[Wiring, Projector]]:
        """The projector on the new schema, in this process."""
        async with pool(self._settings.postgres_dsn, OPERATIONS, APPLICATION, size=2) as sessions:
            wiring = Wiring(
                self._settings,
                Only(self._new.schema),
                self._broker,
                sessions,
                Metrics(),
                asyncio.Event(),
                quiet=True,
            )
            projector = Projector(wiring, publishes=False)
            running = asyncio.create_task(projector.run(), name="rebuild")
            # What nobody foresaw ends the projector: whatever waits for it ends too.
            main = asyncio.current_task()
            assert main is not None
            running.add_done_callback(lambda ended: _ended(ended) and main.cancel())
            try:
                yield wiring, projector
            finally:
                wiring.stopping.set()
                await running

    async def _fill(self, projector: Projector) -> None:
        """Return once the new projection has all of the log, as far as that can be said."""
        began, first, pace = time.monotonic(), await self._reached(self._new), Pace()
        self._teller.stage(f"filling {self._new.schema} from message {first + 1}")
        reached, aim, aimed_at = first, await self._last_seq(), began
        while reached < aim:
            self._check(projector)
            await asyncio.sleep(_LOOK_EVERY)
            reached, now = await self._reached(self._new), time.monotonic()
            self._teller.progress("messages", pace.estimate(now, reached, aim))
            # More was recorded meanwhile: it is there once it is where the log ended just now.
            if reached >= aim and now - aimed_at > _JUST_NOW:
                aim, aimed_at = await self._last_seq(), now
        self.done.messages = reached - first
        self.done.seconds = time.monotonic() - began
        self.done.events, self.done.versions = await self._projections.records(self._new.schema)

    def _check(self, projector: Projector) -> None:
        if projector.halted is not None:
            raise RebuildRefused(projector.halted, "--anew drops what was filled and begins again")
        if self._broker.closed.is_set():
            raise RebuildRefused("the connection to the broker is closed for good", "run it again")

    async def _compare(self) -> Comparison:
        self._teller.stage(f"comparing {self._new.schema} with {self._old.schema}")
        # A session of its own: it looks at one moment for as long as it takes.
        async with connection(self._settings.postgres_dsn, OPERATIONS, APPLICATION) as session:
            self.done.log_begins = (await self._log()).first_seq
            whole = self.done.log_begins <= 1 and not await is_any_erased(session)
            found = await compare(session, self._old.schema, self._new.schema, whole=whole)
        self._teller.stage(f"{found.agents} agents compared, {found.differing} differ")
        return found

    async def _swap(self, *, regardless: bool) -> None:
        for chance in reversed(range(_SWAP_CHANCES)):
            try:
                await self._projections.swap(self._old, self._new, regardless=regardless)
                break
            except (NotCaughtUp, asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                if not chance:
                    raise RebuildRefused(
                        f"{self._new.schema} does not catch up with {self._old.schema}",
                        "run it again when less is recorded: it goes on from where it is",
                    ) from None
                await asyncio.sleep(_LOOK_EVERY)
        self.done.swapped = True
        details = {"schema": self._new.schema, "replaced": self._old.schema}
        await Audit(self._session).add(Entry(operator(), "rebuild", details=details))
        self._teller.stage(f"{self._new.schema} serves")

    async def _tell_navigators(self) -> None:
        news = feed.Projected(
            self._new.schema, await self._reached(self._new), tuple(range(PARTITIONS))
        )
        await self._broker.client.publish(feed.PROJECTED, feed.encode(news))
        await self._broker.client.flush()

    async def _hand_over(self, projector: Projector) -> None:
        """Go on projecting until somebody else is there to do it."""
        self._teller.stage("projecting it until a projector takes over")
        for _ in range(int(_TAKE_OVER_SECONDS / _LOOK_EVERY)):
            self._check(projector)
            if await self._projections.projectors(self._new.schema, process_name()):
                self.done.taken_over = True
                return
            await asyncio.sleep(_LOOK_EVERY)

    async def _clean_up(self) -> None:
        if self._wanted.keep_old:
            await self._projections.keep(self._old)
        retired = [
            one
            for one in await self._projections.all()
            if not (one.serving or one.kept or one.is_filling)
        ]
        if not retired:
            return
        names = ", ".join(one.schema for one in retired)
        self._teller.stage(f"dropping {names} in {self._wanted.grace_seconds:g} s")
        await asyncio.sleep(self._wanted.grace_seconds)
        for one in retired:
            try:
                await self._projections.drop(one)
                self.done.dropped.append(one.schema)
            except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                self._teller.stage(f"{one.schema} is still being read: the next rebuild drops it")

    async def _reached(self, projection: Projection) -> int:
        return min((await self._projections.checkpoints(projection.schema)).values())

    async def _last_seq(self) -> int:
        return (await self._log()).last_seq

    async def _log(self) -> StreamState:
        return (await self._broker.jetstream.stream_info(STREAM_RECORD)).state


def _ended(running: asyncio.Task[None]) -> bool:
    """Whether it ended in an exception."""
    return not running.cancelled() and running.exception() is not None
