"""Commands to the agent itself, where it still runs."""

from stratoscope.cli import holding
from stratoscope.cli.asking import request_of
from stratoscope.cli.debug.commands import count, words
from stratoscope.cli.debug.desk import Desk
from stratoscope.cli.screen import show
from stratoscope_contracts.control import AgentPauseRequest, AgentRequest, AgentStepRequest


async def pause(desk: Desk, rest: str) -> None:
    """Hold it, for as long as this session lasts at most."""
    words(rest, 0, 0, "")
    body = AgentPauseRequest(agent=desk.agent, session=desk.session.id)
    show(holding.rendered(await desk.nav.request("agent.pause", body)))


async def resume(desk: Desk, rest: str) -> None:
    """Let it go, or a little further."""
    if rest:
        events = count(rest, 1)
        body = request_of(AgentStepRequest, agent=desk.agent, events=events)
        show(holding.rendered(await desk.nav.request("agent.step", body), events))
    else:
        reply = await desk.nav.request("agent.resume", AgentRequest(agent=desk.agent))
        show(holding.rendered(reply))
