"""From conditions that are met to hits: which of them count, and what is told of each."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import orjson

from stratoscope.domain.conditions.policies import counts
from stratoscope.domain.watching.armed import hit_id
from stratoscope.navigator import spelling
from stratoscope.navigator.live.arming import Arming
from stratoscope.navigator.live.deciding import Match
from stratoscope.navigator.live.judging import Stopped
from stratoscope.navigator.live.lines import Line
from stratoscope.navigator.live.messages import message_of
from stratoscope.navigator.spelling import Json
from stratoscope.store.breakpoints import BreakpointRow
from stratoscope.store.hits import Counted, HitRow, Hits, Tally
from stratoscope.store.states import Standing
from stratoscope.store.timelines import documents_size, without_documents
from stratoscope_contracts.subjects import partition_of

# Spelling so many takes some milliseconds.
_AT_A_STRETCH = 100
# What the hits of one record tell of its event together, in bytes: the product of what an agent
# records and of the breakpoints on it has no other bound.
_TOLD_BYTES = 4 << 20


@dataclass(slots=True)
class Found:
    """What some batches have led to: each hit with its line, and how far partitions were passed."""

    hits: list[HitRow] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    counts: dict[Counted, Tally] = field(default_factory=dict)
    # The partitions in which a condition was met.
    met: set[int] = field(default_factory=set)
    passed: dict[int, int] = field(default_factory=dict)
    stopped: list[Stopped] = field(default_factory=list)
    # The breakpoints that one message met too often.
    flooded: set[UUID] = field(default_factory=set)
    # Whether there is more to come before the counts can be kept, and the message that is so.
    is_part: bool = False
    inside: int = 0
    # Whether to go no further than the end of a message.
    ends_soon: bool = False

    def clear(self) -> None:
        """All of it is kept, but for counts where there is more to come."""
        self.hits, self.lines, self.stopped = [], [], []
        self.flooded = set()
        if not self.is_part:
            self.counts, self.passed, self.met = {}, {}, set()

    def forget(self, breakpoint_id: UUID) -> None:
        """A breakpoint was changed: its hits stand, and it counts from the start."""
        for key, tally in self.counts.items():
            if key[0] == breakpoint_id:
                self.counts[key] = Tally(0, tally.hits)


class Counting:
    """How often each condition with a rule was met by each agent."""

    def __init__(self) -> None:
        self._known: dict[Counted, int] = {}

    def forget(self, breakpoint_id: UUID) -> None:
        """A breakpoint was changed: it may count from the start."""
        for key in [key for key in self._known if key[0] == breakpoint_id]:
            del self._known[key]

    async def load(self, hits: Hits, matches: Sequence[Match]) -> None:
        """Know the counts of all these."""
        asked = {_key(one) for one in matches if one.armed.rule is not None} - self._known.keys()
        if asked:
            found = await hits.matches(list(asked))
            self._known |= {key: found.get(key, 0) for key in asked}

    def counted(self, matches: Sequence[Match], tallies: dict[Counted, Tally]) -> list[Match]:
        """Those that are hits by the rules of their breakpoints; `tallies` grow by all."""
        hits = []
        for match in matches:
            key = _key(match)
            tally = tallies.get(key, Tally(0, 0))
            rule = match.armed.rule
            is_hit = rule is None or counts(rule, self._known[key] + tally.matches)
            tallies[key] = Tally(tally.matches + 1, tally.hits + is_hit)
            if is_hit:
                hits.append(match)
        return hits

    def kept(self, tallies: Mapping[Counted, Tally]) -> None:
        """Those are in the database now."""
        for key, tally in tallies.items():
            if key in self._known:
                self._known[key] += tally.matches


def _key(match: Match) -> Counted:
    return match.armed.id, match.line.told.agent


@dataclass(frozen=True, slots=True)
class _Told:
    """What the hits of one record tell of it: spelled once, however many they are."""

    line: Line
    position: Json | orjson.Fragment
    event: Json | None
    event_told: Json | orjson.Fragment | None
    is_cut: bool


async def hits_of(
    arming: Arming, matches: Sequence[Match], standings: Sequence[Standing]
) -> list[HitRow]:
    """The rows of hits, each with the message that is published of it.

    An event that many hits would tell is told without its documents: see `_TOLD_BYTES`.
    """
    times = Counter(id(match.line) for match in matches)
    found: list[HitRow] = []
    told: _Told | None = None
    for match, standing in zip(matches, standings, strict=True):
        if told is None or match.line is not told.line:
            told = _told(match.line, standing, times[id(match.line)])
        found.append(_hit(arming, match, told))
        if not len(found) % _AT_A_STRETCH:
            await asyncio.sleep(0)
    return found


def _told(line: Line, standing: Standing, times: int) -> _Told:
    event, is_cut = line.event_row(), False
    if event is not None and documents_size(event) * times > _TOLD_BYTES:
        event, is_cut = without_documents(event), True
    spelled = None if event is None else spelling.listed_event(event)
    position = spelling.position(line.told.agent, standing)
    if times == 1:
        return _Told(line, position, spelled, spelled, is_cut)
    once = None if spelled is None else orjson.Fragment(spelling.spelled(spelled))
    return _Told(line, orjson.Fragment(spelling.spelled(position)), spelled, once, is_cut)


def _hit(arming: Arming, match: Match, told: _Told) -> HitRow:
    line, record = match.line.told, match.line.record
    row = arming.rows[match.armed.id]
    identity = hit_id(row.id, record.place)
    message = match.message
    if message is None and (template := arming.messages.get(row.id)):
        message = message_of(template, told.event, None)
    body = spelled_hit(
        *(row, identity, line.agent, told.position, told.event_told),
        *(match.reason, message, told.is_cut),
    )
    return HitRow(
        hit_id=identity,
        breakpoint_id=row.id,
        session_id=row.session_id,
        partition=partition_of(line.space, line.agent),
        space=line.space,
        agent=line.agent,
        place=record.place,
        event_index=record.event_index,
        action=row.action,
        body=body.decode(),
    )


def spelled_hit(
    row: BreakpointRow,
    identity: UUID,
    agent: str,
    position: Json | orjson.Fragment,
    event: Json | orjson.Fragment | None,
    reason: str,
    message: str | None,
    is_cut: bool = False,
) -> bytes:
    """Hit; one whose event is told without its documents says so."""
    told: Json = {
        "hit_id": str(identity),
        "breakpoint_id": str(row.id),
        "session_id": None if row.session_id is None else str(row.session_id),
        "agent": agent,
        "position": position,
        "event": event,
        "reason": reason,
        "action": row.action,
        "message": message,
    }
    return spelling.spelled(told | {"event_cut": True} if is_cut else told)
