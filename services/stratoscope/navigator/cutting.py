"""The verb that cuts through all agents of a space at one moment.

The stream is one order over all agents, so "up to and with message n" is a consistent cut; a time
on the broker's clock is turned into the last message that was there by then. Partitions are
projected apart, and where one is behind n the cut would miss what it has yet to say: a message that
is named has to be projected by all, a time gives the newest cut that is. The agents' own clocks
have no such order: there each agent stands by its own.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

from stratoscope.domain import paths
from stratoscope.domain.seek import MAX_STREAM_SEQ, UpTo, asked_for, outside
from stratoscope.domain.timeline import Place
from stratoscope.navigator import spelling
from stratoscope.navigator.document_budget import claim, cost_of
from stratoscope.navigator.reading import EMPTY_STATE, Reading, path_of, value_at
from stratoscope.navigator.spelling import Json
from stratoscope.navigator.threads import LARGE, work_on
from stratoscope.store.seeks import Bound, Seeks
from stratoscope.store.states import Chain, Standing
from stratoscope.store.timelines import Timeline
from stratoscope_contracts.errors import AgentNotFound, NotProjectedYet, OverBudget
from stratoscope_contracts.looking import StateCutRequest
from stratoscope_contracts.views import AtStreamSeq, CutTime

_MAX_AGENTS: Final = 100_000
_AT_ONCE: Final = 1_000
_BYTES_AT_ONCE: Final = 8 << 20
_REPLY_BYTES: Final = 64 << 20
_LAST_ORDINAL: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class _Stood:
    """An agent with where it stood."""

    timeline: Timeline
    standing: Standing


async def state_cut(reading: Reading, request: StateCutRequest) -> Json:
    """The states of all agents, or of those that are named, at one moment.

    Agents of which nothing was recorded by then are left out, unless they are named.
    """
    path = path_of(request.path)
    timelines = await _timelines(reading, request.agents)
    bound = await _bound(reading, request.at)
    states: list[Json] = []
    size = 0
    async for page in _stood(reading, timelines, bound, named=request.agents is not None):
        for stood, raw in zip(page, await _states(reading, page, path), strict=True):
            size += len(raw or b"")
            states.append(_spelled(stood, raw))
        if size > _REPLY_BYTES:
            raise _too_large(len(states), len(timelines))
    return {"stream_seq": bound.place.stream_seq if bound.place else None, "states": states}


async def _timelines(reading: Reading, names: Sequence[str] | None) -> list[Timeline]:
    """The timelines that are cut, by name. Raises AgentNotFound and OverBudget."""
    if names is not None:
        found = await Seeks(reading.session).named(reading.space, names)
        missing = sorted({*names} - {one.agent for one in found})
        if missing:
            raise AgentNotFound(
                "nothing was recorded of some of these agents in this space",
                {"agents": missing[:100]},
            )
        return found
    found = await reading.timelines.page(reading.space, None, None, _MAX_AGENTS + 1)
    if len(found) > _MAX_AGENTS:
        raise _too_large(0, len(found))
    return found


async def _bound(reading: Reading, at: AtStreamSeq | CutTime) -> Bound:
    """Where the cut goes through. Raises NotProjectedYet."""
    if isinstance(at, CutTime) and at.clock == "occurred":
        return Bound(clock=at.time)
    # Before all else, so that whatever is read after it holds at least this much.
    horizon = await Seeks(reading.session).horizon()
    match at:
        case CutTime():
            return _up_to(min(await _last_message(reading, at.time), horizon))
        case AtStreamSeq():
            if at.stream_seq > horizon:
                raise NotProjectedYet(
                    f"projected up to {horizon} by all partitions, {at.stream_seq} was named: ask"
                    " with `wait_for`",
                    {"reached": horizon, "wanted": at.stream_seq},
                )
            return _up_to(at.stream_seq)
        case _:
            assert_never(at)


def _sought(bound: Bound) -> UpTo:
    return UpTo(clock=bound.clock, recorded_at=bound.recorded_at, place=bound.place)


def _up_to(stream_seq: int) -> Bound:
    return Bound(place=Place(min(stream_seq, MAX_STREAM_SEQ), _LAST_ORDINAL))


async def _last_message(reading: Reading, recorded_at: datetime) -> int:
    """The last message of the space that the broker had by then, 0 where there was none."""
    seeks = Seeks(reading.session)
    newest = 0
    everyone = await _timelines(reading, None)
    for timelines in _pages(everyone):
        stands = await seeks.stands(timelines, Bound(recorded_at=recorded_at))
        newest = max(newest, await seeks.newest(timelines, stands))
    return newest


async def _stood(
    reading: Reading, timelines: Sequence[Timeline], bound: Bound, *, named: bool
) -> AsyncIterator[list[_Stood]]:
    """Where the agents stood, as many at a time as their states can be rebuilt at once."""
    for page in _pages(timelines):
        stands = await Seeks(reading.session).stands(page, bound)
        there = [
            (timeline, stand)
            for timeline, stand in zip(page, stands, strict=True)
            if named or timeline.horizon or stand.event_index >= 0 or stand.version >= 0
        ]
        for timeline, stand in there:
            # Left out it would look as if there had been nothing of it yet.
            if not timeline.extent.keeps(stand):
                raise outside(*asked_for(_sought(bound)), timeline.extent, timeline.agent)
        standings = await reading.states.standings_of([(one.agent_id, at) for one, at in there])
        part: list[_Stood] = []
        size = 0
        for (timeline, _), standing in zip(there, standings, strict=True):
            part.append(_Stood(timeline, standing))
            size += standing.size
            if size > _BYTES_AT_ONCE:
                yield part
                part, size = [], 0
        yield part


async def _states(
    reading: Reading, page: Sequence[_Stood], path: paths.Segments
) -> list[bytes | None]:
    """The canonical JSON at a path of each state, None where nothing stands there."""
    wanted = [(stood.timeline.agent_id, stood.standing) for stood in page]
    if sum(stood.standing.size for stood in page) > LARGE:
        # The whole reply is in memory before it is sent, twice where it is spelled.
        await claim(2 * _REPLY_BYTES + cost_of(_BYTES_AT_ONCE, is_parsed=bool(path)))
    chains = await Seeks(reading.session).chains(wanted)
    for chain in chains:
        if chain:
            reading.rebuilt(len(chain.blobs))
    work = sum(chain.work for chain in chains if chain)
    return await work_on(work, _rebuilt, chains, path)


def _rebuilt(chains: Sequence[Chain | None], path: paths.Segments) -> list[bytes | None]:
    return [value_at(chain.unfold() if chain else EMPTY_STATE, path) for chain in chains]


def _spelled(stood: _Stood, raw: bytes | None) -> Json:
    agent = stood.timeline.agent
    return {
        "agent": agent,
        "position": spelling.position(agent, stood.standing),
        "state": spelling.stored(raw, "null"),
        "exists": raw is not None,
        "tainted": stood.standing.tainted,
    }


def _pages(timelines: Sequence[Timeline]) -> list[Sequence[Timeline]]:
    return [timelines[at : at + _AT_ONCE] for at in range(0, len(timelines), _AT_ONCE)]


def _too_large(agents: int, of: int) -> OverBudget:
    return OverBudget(
        f"the cut takes more than {_REPLY_BYTES >> 20} MiB or {_MAX_AGENTS} agents: name some of"
        " the agents, or a path",
        {"agents": agents, "of": of},
    )
