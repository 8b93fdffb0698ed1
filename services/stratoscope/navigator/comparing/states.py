"""The verbs that set two states side by side."""

from dataclasses import dataclass
from typing import Final

import orjson

from stratoscope.navigator import spelling
from stratoscope.navigator.comparing.asked import Asked
from stratoscope.navigator.comparing.comparisons import Budget
from stratoscope.navigator.document_budget import claim, cost_of
from stratoscope.navigator.reading import EMPTY_STATE, Reading
from stratoscope.navigator.spelling import Json
from stratoscope.navigator.threads import work_on
from stratoscope.store.seeks import Seeks
from stratoscope.store.states import Standing
from stratoscope.store.timelines import Timeline
from stratoscope_contracts.comparing import CompareRenderRequest, CompareRequest
from stratoscope_contracts.errors import InvalidDiff
from stratoscope_contracts.views import At

_MEDIA_TYPES: Final = {
    "unified": "text/x-diff",
    "side_by_side": "text/plain",
    "json": "application/json",
    "json_patch": "application/json-patch+json",
    "html": "text/html",
}
# How many times as long as the comparison itself: aligning lines takes longest.
_COSTS: Final = {"unified": 16, "side_by_side": 16, "json": 2, "json_patch": 2, "html": 16}


@dataclass(frozen=True, slots=True)
class Side:
    """One of two states, and where it stands."""

    timeline: Timeline
    standing: Standing
    state: bytes

    @property
    def position(self) -> Json:
        """Position."""
        return spelling.position(self.timeline.agent, self.standing)

    @property
    def title(self) -> tuple[str, str]:
        """What it is called, and of when it is."""
        name = f"{self.timeline.agent}@{self.standing.event_index}"
        return name, self.position["occurred_at"] or ""


async def compare_states(reading: Reading, request: CompareRequest) -> Json:
    """What differs between two positions, of one agent or of two."""
    budget, asked = Budget(), Asked.of(request.options)
    old, new = await _sides(reading, request)
    summary, changes = await told_changes(reading, asked, old, new, budget)
    return {"from": old.position, "to": new.position, "changes": changes, "summary": summary}


async def told_changes(
    reading: Reading,
    asked: Asked,
    old: Side,
    new: Side,
    budget: Budget,
    *,
    without_chance: bool = False,
) -> tuple[orjson.Fragment, orjson.Fragment]:
    """The summary of two states, and their changes."""
    states, work = (old.state, new.state), _work(asked, old, new)
    told = {"options": asked.told, "without_chance": without_chance}
    found = await reading.comparisons.make("compared", told, states, budget, work=work)
    summary, changes = found.split(b"\n", 1)
    return orjson.Fragment(summary), orjson.Fragment(changes)


async def render(reading: Reading, request: CompareRenderRequest) -> Json:
    """The same as text. InvalidDiff where a patch is to leave differences out."""
    budget, asked = Budget(), Asked.of(request.options)
    if request.format == "json_patch" and not asked.options.is_exact:
        raise InvalidDiff(
            "a patch leads to the second state, so it can't leave differences out: ask for it"
            " without options",
            {"options": sorted(asked.told)},
        )
    old, new = await _sides(reading, request)
    told = {
        "options": asked.told,
        "format": request.format,
        "width": request.width,
        "titles": (old.title, new.title),
        "positions": {"from": old.position, "to": new.position},
    }
    work = _work(asked, old, new) * _COSTS[request.format]
    text = await reading.comparisons.make(
        "rendered", told, (old.state, new.state), budget, work=work
    )
    return {"text": orjson.Fragment(text), "media_type": _MEDIA_TYPES[request.format]}


def _work(asked: Asked, old: Side, new: Side) -> int:
    return asked.cost * (len(old.state) + len(new.state))


async def _sides(reading: Reading, request: CompareRequest) -> tuple[Side, Side]:
    timeline = await reading.timeline(request.agent)
    other = timeline
    if request.to_agent is not None:
        other = await reading.timeline(request.to_agent)
    return await sides(reading, (timeline, request.from_), (other, request.to))


async def sides(
    reading: Reading, old: tuple[Timeline, At], new: tuple[Timeline, At]
) -> tuple[Side, Side]:
    """What stands at two positions, of one timeline or of two."""
    places = [(timeline.agent_id, await reading.stand(timeline, at)) for timeline, at in (old, new)]
    standings = await reading.states.standings_of(places)
    wanted = [(place[0], standing) for place, standing in zip(places, standings, strict=True)]
    await claim(sum(cost_of(standing.size) for standing in standings))
    chains = await Seeks(reading.session).chains(wanted)
    states = [
        EMPTY_STATE if chain is None else await work_on(chain.work, chain.unfold)
        for chain in chains
    ]
    first, second = map(Side, (old[0], new[0]), standings, states)
    return first, second
