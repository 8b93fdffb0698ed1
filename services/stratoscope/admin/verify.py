"""Whether a projection holds together, and has what the log says.

Every chain is held against its hashes, every count against its rows, and then all against the log.

The whole of it is read once, in the order of its tables and at one moment, while it goes on being
projected into; at most nine documents of one agent are in memory at a time.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from stratoscope.admin.log_comparison import LogCompared, LogComparison
from stratoscope.admin.progress import Pace, Teller
from stratoscope.broker.connection import Connection
from stratoscope.broker.payload import PayloadRejected, decode_record_json
from stratoscope.domain.delta import DamagedChain, Group, follow
from stratoscope.domain.records import Timeline
from stratoscope.domain.timeline import Place
from stratoscope.store.database import connection
from stratoscope.store.fold_reader import erased_since
from stratoscope.store.migration import migrate
from stratoscope.store.verifying import Content, Line, StoredVersion, Whole, one_moment
from stratoscope_contracts.words import MAX_MEMORY_USAGE

_APPLICATION = "stratoscope verify"
_TOLD = 20
_TELL_EVERY = 0.1


class NoSuchAgent(Exception):
    """Nothing was recorded of what was named."""


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is wrong: where, and what. `version` or `event_index` where it is one row.

    `stream_seq` is the message of the log that says so.
    """

    space: str
    agent: str
    what: str
    version: int | None = None
    event_index: int | None = None
    stream_seq: int | None = None


@dataclass(slots=True)
class Verified:
    """What was looked at, and what is damaged; of each agent only the first faults are named."""

    schema: str
    agents: int = 0
    events: int = 0
    versions: int = 0
    damaged: int = 0
    damage: list[Damage] = field(default_factory=list)
    # None where it was not compared with the log.
    log: LogCompared | None = None

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.damaged and (self.log is None or self.log.difference is None)


class Faults:
    """What is wrong, by agent: all is counted, the first of each agent is told."""

    def __init__(self) -> None:
        self.told: dict[Timeline, list[Damage]] = {}

    def add(
        self,
        timeline: Timeline,
        what: str,
        *,
        version: int | None = None,
        event_index: int | None = None,
        stream_seq: int | None = None,
    ) -> None:
        """Add what is wrong with an agent, named by space and name."""
        told = self.told.setdefault(timeline, [])
        if len(told) < _TOLD:
            told.append(Damage(*timeline, what, version, event_index, stream_seq))


async def verify(
    dsn: str,
    teller: Teller,
    space: str | None,
    agent: str | None,
    broker: Connection | None = None,
) -> Verified:
    """Look at the serving projection; of one space or agent, or all of it.

    It is compared with the log where there is a broker.
    """
    faults = Faults()
    schema = (await migrate(dsn)).serving
    async with connection(dsn, schema, _APPLICATION) as session, one_moment(session) as whole:
        lines = await whole.lines(space, agent)
        if agent is not None and not lines:
            raise NoSuchAgent(f"nothing was recorded of {agent}")
        found = Verified(schema)
        for checked in await _checked(whole, lines, teller, faults):
            found.agents += 1
            found.events += checked.events
            found.versions += checked.versions
        if broker is not None:
            scope = (space, agent)
            found.log = await LogComparison(session, broker, scope, faults.add, teller).run()
            began = await whole.began()
            # An erasure takes rows and messages away, and not at one moment.
            async with connection(dsn, schema, _APPLICATION) as now:
                for timeline in await erased_since(now, began):
                    faults.told.pop(timeline, None)
        found.damaged = len(faults.told)
        found.damage = [one for told in faults.told.values() for one in told]
        return found


async def _checked(
    whole: Whole, lines: list[Line], teller: Teller, faults: Faults
) -> list["_Check"]:
    checks = {line.agent_id: _Check(line, faults) for line in lines}
    total = sum(line.next_version - line.first_version for line in lines)
    done, pace, told = 0, Pace(), 0.0
    async for version in whole.versions(lines):
        checks[version.agent_id].see(version)
        done += 1
        if (now := time.monotonic()) - told > _TELL_EVERY:
            teller.progress("versions", pace.estimate(now, done, total))
            told = now
    teller.progress("versions", pace.estimate(time.monotonic(), done, total))
    for check in checks.values():
        check.end()
        await check.see_events(whole)
    return list(checks.values())


class _Check:
    """One timeline, version by version."""

    def __init__(self, line: Line, faults: Faults) -> None:
        self._line = line
        self._faults = faults
        self._next = line.first_version
        self._group = Group()
        self._slot = -1
        self._place: Place | None = None
        # What the rows add up to, in the shape of the head that counts them.
        self._sum = replace(
            line, snapshots=0, patches=0, keyframes=0, memory_usage=0, raw_bytes=0, stored_bytes=0
        )
        self.events = 0
        self.versions = 0

    def see(self, version: StoredVersion) -> None:
        """Take the next version in."""
        number, slot = version.version, version.frame.slot
        if number != self._next:
            self._fault(f"versions {self._next} to {number - 1} are missing", version=self._next)
        elif slot not in (0, self._slot + 1):
            self._fault(f"slot {slot} follows {self._slot}", version=number)
        if self._place is not None and version.place <= self._place:
            self._fault("stands before the version before it", version=number)
        try:
            self._group = follow(self._group, version.frame)
        except DamagedChain as error:
            self._fault(str(error), version=number)
        for what in _unreadable(version.content):
            self._fault(what, version=number)
        self._count(version)
        self._next, self._slot, self._place = number + 1, slot, version.place
        self.versions += 1

    def end(self) -> None:
        """After the last version: does the head say the same?"""
        line, seen = self._line, self._sum
        if self._next != line.next_version:
            self._fault(
                f"versions {self._next} to {line.next_version - 1} are missing", version=self._next
            )
        elif self.versions and self._slot + 1 != line.next_slot:
            self._fault(f"the next slot is {line.next_slot}, the last one {self._slot}")
        # What retention dropped is counted too, and is not there to be added up.
        if line.is_whole and self._next == line.next_version:
            for name in _COUNTED:
                if getattr(line, name) != getattr(seen, name):
                    self._fault(f"{name} is {getattr(line, name)}, counted {getattr(seen, name)}")
        self._group = Group()

    async def see_events(self, whole: Whole) -> None:
        """Are the events all there, in order, with their causes?"""
        line, found = self._line, await whole.events(self._line)
        for what in _unreadable(Content(line.times, ())):
            self._fault(what)
        async for index, content in whole.contents(line):
            for what in _unreadable(content):
                self._fault(what, event_index=index)
        self.events = found.events
        counted = line.next_event - line.first_event
        if found.events != counted:
            missing = await self._first_missing(whole, found.first)
            self._fault(
                f"{counted} events are counted, {found.events} are there", event_index=missing
            )
        if found.disordered:
            self._fault(f"{found.disordered} events stand before the event before them")
        if found.causes != found.edges:
            self._fault(f"{found.causes} causes are named, {found.edges} are indexed")

    async def _first_missing(self, whole: Whole, first: int | None) -> int:
        if first != self._line.first_event:
            return self._line.first_event
        gap = await whole.first_gap(self._line)
        return self._line.first_event + self.events if gap is None else gap

    def _count(self, version: StoredVersion) -> None:
        seen = self._sum
        self._sum = replace(
            seen,
            snapshots=seen.snapshots + version.is_snapshot,
            patches=seen.patches + (not version.is_snapshot),
            keyframes=seen.keyframes + (version.frame.slot == 0),
            memory_usage=min(seen.memory_usage + version.memory_usage, MAX_MEMORY_USAGE),
            raw_bytes=seen.raw_bytes + version.frame.size,
            stored_bytes=seen.stored_bytes + len(version.frame.blob),
        )

    def _fault(
        self, what: str, *, version: int | None = None, event_index: int | None = None
    ) -> None:
        timeline = (self._line.space, self._line.agent)
        self._faults.add(timeline, what, version=version, event_index=event_index)


def _unreadable(content: Content) -> Iterator[str]:
    """What no reply can tell: a time that is none, JSON that a strict parser refuses."""
    if any(moment is not None and moment.tzinfo is None for moment in content.times):
        # The driver reads infinity as a time without a zone.
        yield "a time is infinite"
    for document in content.documents:
        try:
            if document is not None:
                decode_record_json(document.encode())
        except (PayloadRejected, UnicodeError) as error:
            yield f"its JSON can't be read: {error}"


_COUNTED = ("snapshots", "patches", "keyframes", "memory_usage", "raw_bytes", "stored_bytes")
