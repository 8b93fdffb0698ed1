"""The original's explorer: it decides, moves five times, finds something and trades it.

    python examples/explorer.py [nats://127.0.0.1:4222] [--embedded]

Two agents are recorded, the explorer and the trader it meets; then we travel through what they did:
who wrote the gold last, and why; back to where health fell below a bound; and where a second run of
the same explorer parts from the first.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from where import run

import stratoscope
from stratoscope.client import Navigator
from stratoscope_contracts.breakpoints import OnStateCondition
from stratoscope_contracts.causes import CausalityChainRequest, CausalityRelationRequest
from stratoscope_contracts.comparing import CompareDivergenceRequest
from stratoscope_contracts.looking import StateAtRequest, StateLastWriteRequest
from stratoscope_contracts.sessions import (
    SessionConfig,
    SessionContinueRequest,
    SessionCreateRequest,
    SessionMarkRequest,
    SessionRequest,
    StoppedByCondition,
)
from stratoscope_contracts.views import AtLatest

MOVES = ("north", "north", "east", "east", "north")


@dataclass(frozen=True)
class Trade:
    """What two agents agreed on, event by event."""

    offered: str
    accepted: str
    paid: str


async def main(url: str) -> None:
    async with stratoscope.connect(url) as strato, Navigator.connect(url) as nav:
        name = uuid4().hex[:8]
        explorer, trader = strato.agent(f"explorer-{name}"), strato.agent(f"trader-{name}")
        trade = await explore(explorer, trader, find="amulet", price=30)
        again = strato.agent(f"explorer-{name}-again")
        await explore(again, strato.agent(f"trader-{name}-again"), find="stone", price=3)
        # Every question after this one sees all that was recorded.
        latest = AtLatest(latest=True)
        body = StateAtRequest(agent=explorer.name, at=latest, wait_for=await strato.flush())
        assert (await nav.request("state.at", body)).state["gold"] == 30
        await nav.request("state.at", body.model_copy(update={"agent": again.name}))

        await who_wrote_the_gold(nav, explorer.name, trade)
        await why_it_is_there(nav, trade)
        await back_to_the_injury(nav, explorer.name)
        await where_two_runs_part(nav, explorer.name, again.name)


async def explore(
    explorer: stratoscope.Agent, trader: stratoscope.Agent, *, find: str, price: int
) -> Trade:
    """Decide, move five times, discover, trade; a snapshot where something is worth keeping."""
    state = {"health": 100, "gold": 0, "position": {"x": 0, "y": 0}, "inventory": []}
    await explorer.snapshot(state, label="the beginning")
    cause = await explorer.event("decision_made", {"decision": "explore", "confidence": 0.8})
    x = y = 0
    for number, direction in enumerate(MOVES):
        x, y = x + (direction == "east"), y + (direction == "north")
        patch: list[dict[str, Any]] = [
            {"op": "replace", "path": "/position", "value": {"x": x, "y": y}},
            {"op": "replace", "path": "/health", "value": 95 - 10 * number},
        ]
        data = {"action": "move", "direction": direction}
        cause = await explorer.event("action_execution", data, causes=[cause], patch=patch)
    added = [{"op": "add", "path": "/inventory/-", "value": find}]
    found = await explorer.event("state_change", {"discovered": find}, causes=[cause], patch=added)
    await explorer.snapshot(
        {"health": 55, "gold": 0, "position": {"x": x, "y": y}, "inventory": [find]},
        label="after the discovery",
    )
    return await trade_with(explorer, trader, found, find, price)


async def trade_with(
    explorer: stratoscope.Agent, trader: stratoscope.Agent, found: str, what: str, price: int
) -> Trade:
    """An offer, its acceptance and the payment: each the cause of the next, across agents."""
    offered = await explorer.event("message_sent", {"offer": what}, causes=[found])
    received = await trader.event("message_received", {"offer": what}, causes=[offered])
    accepted = await trader.event(
        "decision_made", {"decision": "buy", "price": price}, causes=[received]
    )
    patch: list[dict[str, Any]] = [
        {"op": "replace", "path": "/gold", "value": price},
        {"op": "remove", "path": "/inventory/0"},
    ]
    paid = await explorer.event("message_received", {"paid": price}, causes=[accepted], patch=patch)
    return Trade(offered, accepted, paid)


async def who_wrote_the_gold(nav: Navigator, agent: str, trade: Trade) -> None:
    """The last write of a field, with the event that made it."""
    body = StateLastWriteRequest(agent=agent, path="gold")
    found = await nav.request("state.last_write", body)
    assert found.change is not None
    assert found.position is not None
    assert (found.change.old, found.change.new) == (0, 30)
    # The offer and the payment lie between the two states that differ; the newer one is named.
    assert (found.event_id, found.event_span) == (UUID(trade.paid), 2)
    print(f"gold        0 -> 30, by event {found.position.event_index}")


async def why_it_is_there(nav: Navigator, trade: Trade) -> None:
    """The chain of causes, back to the decision, through both agents."""
    body = CausalityChainRequest(event_id=UUID(trade.paid))
    chain = (await nav.request("causality.chain", body)).events
    told = [f"{event.agent.split('-')[0]} {event.type}" for event in chain]
    assert told[0] == "explorer decision_made"
    assert told[-3:] == [
        "trader message_received",
        "trader decision_made",
        "explorer message_received",
    ]
    assert len(chain) == 11
    for line in told:
        print(f"why         {line}")
    asked = CausalityRelationRequest(a=UUID(trade.offered), b=UUID(trade.accepted))
    assert (await nav.request("causality.relation", asked)).relation == "before"


async def back_to_the_injury(nav: Navigator, agent: str) -> None:
    """Run backwards from the end to where health fell below a bound, and give it a name."""
    config = SessionConfig(auto_breakpoints=False)
    body = SessionCreateRequest(agent=agent, name="explorer", config=config)
    session = (await nav.request("session.create", body)).session.id
    own = SessionRequest(id=session)
    await nav.request("session.start", own)
    hurt = OnStateCondition(kind="on_state", path="health", op="lt", value=80)
    back = SessionContinueRequest(id=session, direction="backward", until=hurt)
    stopped = await nav.request("session.continue", back)
    assert stopped.stopped_by == StoppedByCondition(condition=True)
    assert stopped.position.event_index == 3
    mark = SessionMarkRequest(id=session, name="hurt", note="the third move did it")
    marked = (await nav.request("session.mark", mark)).mark
    print(f"{marked.name}        after event {marked.position.event_index}: {marked.note}")
    await nav.request("session.complete", own)


async def where_two_runs_part(nav: Navigator, agent: str, again: str) -> None:
    """The first place where a second run is not as the first."""
    body = CompareDivergenceRequest(agent=agent, to_agent=again)
    found = await nav.request("compare.divergence", body)
    assert found.positions is not None
    indexes = [place.event_index for place in found.positions]
    assert indexes == [6, 6]
    print(f"divergence  at event {indexes[0]}: the one finds an amulet, the other a stone")


if __name__ == "__main__":
    run(main, "An explorer and a trader, recorded and travelled through.")
