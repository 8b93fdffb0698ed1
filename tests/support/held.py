"""A whole stack, and live agents of it that are held and let go."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import nats
import orjson
from nats.aio.client import Client

import stratoscope
from support.eventually import eventually
from support.service import ServiceProcess, service
from support.stack import NatsServer

Json = dict[str, Any]
# A navigator drops old hits all the time: nothing else may notice.
OFTEN = {"STRATO_RETENTION__CLEANUP_INTERVAL": "0.1"}


class Stand:
    """Broker, database, projector and navigator; the navigator can be killed and started again."""

    def __init__(self, server: NatsServer, dsn: str, folder: Path) -> None:
        self.server = server
        self.dsn = dsn
        self._folder = folder
        self._processes = AsyncExitStack()
        self._client: Client | None = None
        self.projector: ServiceProcess
        self.navigator: ServiceProcess

    async def open(self, **settings: str) -> None:
        """Start what there is to start, the navigator with these settings."""
        self.projector = await self._start("projector")
        self.navigator = await self._start("navigator", **settings)
        self._client = await nats.connect(self.server.url, max_reconnect_attempts=-1)

    async def close(self) -> None:
        """Stop it."""
        if self._client is not None:
            await self._client.close()
        await self._processes.aclose()

    async def start_navigator(self, **settings: str) -> ServiceProcess:
        """Another navigator, ready."""
        self.navigator = await self._start("navigator", **settings)
        return self.navigator

    async def kill_navigator(self) -> None:
        """End it as a crash would."""
        self.navigator.process.kill()
        await self.navigator.process.wait()

    async def ask(self, verb: str, **body: Any) -> Json:
        """The reply to a verb."""
        assert self._client is not None
        reply = await self._client.request(
            f"strato.default.nav.{verb}", orjson.dumps(body), timeout=30
        )
        found: Json = orjson.loads(reply.data)
        assert "code" not in found, found
        return found

    async def listed(self, agent: str) -> Json:
        """The agent as `agents.list` has it; nothing where it is not there yet."""
        found = await self.ask("agents.list", prefix=agent)
        return {one["agent"]: one for one in found["agents"]}.get(agent, {})

    async def execute(self, statement: str, *values: object) -> str:
        """Change something behind everybody's back."""
        session = await asyncpg.connect(self.dsn, server_settings={"search_path": "strato"})
        try:
            return str(await session.execute(statement, *values))
        finally:
            await session.close()

    async def until_waiting(self, agent: str) -> Json:
        """Return once an agent is held and waits at its gate, with how it is listed."""

        async def waits() -> bool:
            return (await self.listed(agent)).get("waiting_since") is not None

        await eventually(waits)
        return await self.listed(agent)

    async def _start(self, name: str, **settings: str) -> ServiceProcess:
        return await self._processes.enter_async_context(
            service(name, self.server.url, self.dsn, self._folder, **settings)
        )


class Walker:
    """An agent that goes on and on, an event and a gate a step."""

    def __init__(self, agent: stratoscope.Agent, exact: bool) -> None:
        self.agent = agent
        self.steps = 0
        self._exact = exact
        self._task: asyncio.Task[None] | None = None

    async def walk(self) -> None:
        """Go on until the task is cancelled."""
        while True:
            await self.agent.gate(exact=self._exact)
            await self.agent.event("action_execution", {"step": self.steps})
            self.steps += 1
            await asyncio.sleep(0.002)

    async def goes_on(self) -> None:
        """Return once it has made a step more, which takes a second at most.

        TimeoutError after two: a machine that runs everything else too may be late.
        """
        await self.reaches(self.steps + 1, within=2.0)

    async def reaches(self, steps: int, *, within: float = 5.0) -> None:
        """Return once it has made so many steps; TimeoutError where it has not in time."""

        async def reached() -> bool:
            return self.steps >= steps

        await eventually(reached, within=within)

    async def stands(self) -> int:
        """How many steps it has made; TimeoutError where it goes on."""
        before = self.steps
        # Nothing tells that something does not happen.
        await asyncio.sleep(0.3)
        if self.steps != before:
            raise TimeoutError(f"it made {self.steps - before} steps")
        return before


@asynccontextmanager
async def walking(
    recorder: stratoscope.Recorder, name: str, *, exact: bool = False
) -> AsyncIterator[Walker]:
    """An agent that goes on for as long as the block lasts."""
    walker = Walker(recorder.agent(name), exact)
    task = asyncio.create_task(walker.walk())
    try:
        yield walker
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
