"""Telling live agents: commands on their `ctl` subjects.

A command is news, and may be lost; the holds in the database are what is true. An agent that waits
asks every second, and one that does not is told of a hold until somebody says that it was.
"""

from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from stratoscope.store.holds import Holds, Untold
from stratoscope_contracts import subjects
from stratoscope_contracts.control import BY_HAND, CtlMessage

# Sends a command to an agent of a space; whether it went out.
Tell = Callable[[str, str, CtlMessage], Awaitable[bool]]
log = structlog.get_logger(__name__)


def telling(client: Client) -> Tell:
    """Commands by way of a connection."""

    async def tell(space: str, agent: str, message: CtlMessage) -> bool:
        try:
            await client.publish(subjects.ctl(space, agent), message.model_dump_json().encode())
        except NatsError as error:
            log.warning("an agent could not be told", agent=agent, error=str(error))
            return False
        return True

    return tell


async def tell_nobody(_space: str, _agent: str, _message: CtlMessage) -> bool:
    """Where there is no broker: nobody hears it."""
    return False


def pause(by: UUID | str) -> CtlMessage:
    """The command of a hold; `by` is a breakpoint's id."""
    return CtlMessage(command="pause", by=str(by))


def resume(by: str = BY_HAND) -> CtlMessage:
    """The command of the last hold's end."""
    return CtlMessage(command="resume", by=by)


def step(events: int) -> CtlMessage:
    """The command to record so many events more."""
    return CtlMessage(command="step", by=BY_HAND, events=events)


async def tell_of(hold: Untold, tell: Tell, holds: Holds) -> None:
    """Send the pause of a hold that is placed, and remember that it was sent."""
    if await tell(hold.space, hold.agent, pause(hold.held_by)):
        await holds.told(hold)
