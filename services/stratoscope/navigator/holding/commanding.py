"""The verbs that hold a live agent and let it go on."""

from uuid import UUID

from stratoscope.domain import sessions as rules
from stratoscope.navigator import spelling
from stratoscope.navigator.asker import asker
from stratoscope.navigator.holding import telling
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.spelling import Json
from stratoscope.store.audit import Action, Audit, Entry
from stratoscope.store.holds import Holds, Untold
from stratoscope_contracts.control import (
    BY_HAND,
    AgentPauseRequest,
    AgentRequest,
    AgentStepRequest,
)
from stratoscope_contracts.errors import ConcurrentAccess, OverBudget, SessionNotFound
from stratoscope_contracts.words import MAX_HOLDS_A_SPACE


async def pause(reading: Reading, request: AgentPauseRequest) -> Json:
    """Holds an agent, be it there or not; with a session, until that ends at the latest.

    Raises OverBudget where the space has too many holds: each navigator counts those of all spaces
    twice a second.
    """
    if request.session is not None:
        await _check_session(reading, request.session)
    holds = Holds(reading.session)
    if not await holds.has_room(reading.space, MAX_HOLDS_A_SPACE):
        raise OverBudget(f"a space has at most {MAX_HOLDS_A_SPACE} holds: resume other agents")
    placed = Untold(reading.space, request.agent, BY_HAND, request.session, reading.now)
    await holds.place(placed.space, placed.agent, placed.held_by, placed.session_id, placed.held_at)
    await _keep(reading, "pause", request.agent)
    await telling.tell_of(placed, reading.tell, holds)
    return await _stands(reading, request.agent)


async def resume(reading: Reading, request: AgentRequest) -> Json:
    """Releases an agent from all holds, whosesoever they are."""
    await Holds(reading.session).release(reading.space, request.agent)
    await _keep(reading, "resume", request.agent)
    # Told even where there was no hold: an agent that thinks otherwise asks again.
    await reading.tell(reading.space, request.agent, telling.resume())
    return await _stands(reading, request.agent)


async def step(reading: Reading, request: AgentStepRequest) -> Json:
    """Lets a held agent record so many events more; one that nobody holds goes on as it did."""
    if await Holds(reading.session).step(reading.space, request.agent, request.events):
        await reading.tell(reading.space, request.agent, telling.step(request.events))
    return await _stands(reading, request.agent)


async def _check_session(reading: Reading, session_id: UUID) -> None:
    row = await reading.sessions.find(reading.space, session_id)
    if row is None:
        raise SessionNotFound("there is no session with this id")
    state, _ = rules.state_at(row.state, row.ends_at, reading.now)
    if state not in rules.OPEN:
        raise ConcurrentAccess(f"a session that is {state} holds no agent", {"state": state})


async def _keep(reading: Reading, action: Action, agent: str) -> None:
    await Audit(reading.session).add(Entry(asker(), action, reading.space, agent))


async def _stands(reading: Reading, agent: str) -> Json:
    found = await Holds(reading.session).of_agents(reading.space, [agent])
    return {"agent": agent} | spelling.holding(found[agent], reading.now)
