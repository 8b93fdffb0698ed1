"""How many of the records that a command sends their agents had already."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final, Self

from stratoscope.broker.login import Login
from stratoscope.client import Navigator, Unreachable
from stratoscope_contracts.errors import StratoError
from stratoscope_contracts.inboxes import role_inboxes
from stratoscope_contracts.looking import AgentsListRequest
from stratoscope_contracts.words import MAX_WAIT_MS

_MOST_AGENTS: Final = 1_000
# A navigator that is there answers in milliseconds. Records do not wait longer for a count.
_PATIENCE: Final = 1.0
_AGENT_INBOXES: Final = f"{role_inboxes('agent')}."


class DuplicateCount:
    """The duplicates that the navigator counts for some agents, from a moment on.

    Duplicates that other senders cause meanwhile are counted too.
    """

    def __init__(self, navigator: Navigator | None) -> None:
        self._navigator = navigator
        self._before: dict[str, int] = {}
        self._is_known = True

    @classmethod
    @asynccontextmanager
    async def open(cls, server: str, space: str, login: Login) -> AsyncIterator[Self]:
        """Count by way of a navigator, where the login may ask one."""
        async with AsyncExitStack() as stack:
            navigator = None
            if not str(login.options()["inbox_prefix"]).startswith(_AGENT_INBOXES):
                with suppress(Unreachable):
                    navigator = await stack.enter_async_context(
                        Navigator.connect(server, space=space, timeout=_PATIENCE, login=login)
                    )
            yield cls(navigator)

    async def begin(self, agent: str) -> None:
        """Remember what is counted for an agent before its first record is sent."""
        if agent in self._before or not self._is_known:
            return
        before = None if len(self._before) == _MOST_AGENTS else await self._counted(agent)
        self._is_known = before is not None
        self._before[agent] = before or 0

    async def total(self, stream_seq: int | None, patience: float) -> int | None:
        """What was counted since, up to a message of the stream; None where it is not known.

        Waits `patience` seconds for the projection at most.
        """
        wait_ms = min(int(patience * 1000), MAX_WAIT_MS)
        total = 0
        for agent, before in self._before.items():
            after = await self._counted(agent, stream_seq, wait_ms) if self._is_known else None
            if after is None:
                return None
            total += after - before
        return total

    async def _counted(
        self, agent: str, wait_for: int | None = None, wait_ms: int = 0
    ) -> int | None:
        """The agent's duplicates, 0 where it has no record; None where nothing answers."""
        if self._navigator is None:
            return None
        body = AgentsListRequest(prefix=agent, limit=1, wait_for=wait_for, wait_ms=wait_ms)
        try:
            reply = await self._navigator.request("agents.list", body)
        except StratoError:
            return None
        return sum(found.duplicates for found in reply.agents if found.agent == agent)
