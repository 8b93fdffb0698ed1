"""One stack for all that goes over the wire when recordings are exported and imported."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from io import BytesIO
from pathlib import Path, PurePath
from typing import Any

import orjson
import pytest_asyncio
from nats.aio.client import Client

from stratoscope.client import Navigator
from stratoscope_contracts.envelopes import Progress
from stratoscope_contracts.looking import AgentsListRequest
from stratoscope_contracts.sessions import (
    ExportFormat,
    SessionCreateRequest,
    SessionExportReply,
    SessionExportRequest,
    SessionImportReply,
    SessionImportRequest,
)
from stratoscope_contracts.words import STREAM_RECORD
from support import stack
from support.recorded import event, snapshot
from support.service import ServiceProcess, service
from support.wire import connected

IMPORT_BYTES = 64 << 20


class Sharing:
    """Broker, database, projector and navigator, and a client of them."""

    def __init__(self, url: str, client: Client, nav: Navigator, starting: Any) -> None:
        self.url = url
        self.client = client
        self.nav = nav
        self.told: list[Progress] = []
        self._starting = starting
        self._running = AsyncExitStack()
        self.navigator: ServiceProcess

    async def start(self) -> None:
        """A navigator, once it is ready."""
        self.navigator = await self._running.enter_async_context(self._starting())

    async def kill(self) -> None:
        """End the navigator as a crash would."""
        self.navigator.process.kill()
        await self.navigator.process.wait()

    async def close(self) -> None:
        await self._running.aclose()

    async def record(self, agent: str, events: int, per_message: int = 1000) -> None:
        """Events with a snapshot a message, projected."""
        done = 0
        while done < events:
            count = min(per_message, events - done)
            records = [event(data={"n": done + n, "pad": "x" * 50}) for n in range(count)]
            records.append(snapshot({"n": done + count}))
            subject = f"strato.default.rec.{agent}.batch"
            await self.client.jetstream().publish(subject, orjson.dumps({"records": records}))
            done += count
        await self.nav.request(
            "agents.list", AgentsListRequest(wait_for=await self.last_seq(), wait_ms=30_000)
        )

    async def last_seq(self) -> int:
        """The log's last message."""
        return (await self.client.jetstream().stream_info(STREAM_RECORD)).state.last_seq

    async def agents(self) -> list[str]:
        """Those that are listed."""
        reply = await self.nav.request("agents.list", AgentsListRequest(limit=1000))
        return [one.agent for one in reply.agents]

    async def session_on(self, agent: str) -> str:
        body = SessionCreateRequest(agent=agent, name="shared")
        return str((await self.nav.request("session.create", body)).session.id)

    async def export(self, session: str, form: ExportFormat = "archive") -> SessionExportReply:
        body = SessionExportRequest(id=session, format=form)
        return await self.nav.request_long("session.export", body, self.told.append)

    async def download(self, name: str) -> bytes:
        file = BytesIO()
        await self.nav.download(name, file, lambda *_: None)
        return file.getvalue()

    async def upload(self, data: bytes) -> str:
        path = PurePath("file.bin")
        return await self.nav.upload(path, BytesIO(data), len(data), lambda *_: None)

    async def raw(self, verb: str, body: dict[str, Any]) -> Any:
        """The reply to a body as it stands."""
        subject = f"strato.default.nav.{verb}"
        return orjson.loads((await self.client.request(subject, orjson.dumps(body), 20)).data)

    async def take(
        self, name: str, as_agent: str | None = None, stop: asyncio.Event | None = None
    ) -> SessionImportReply:
        body = SessionImportRequest(object=name, as_agent=as_agent)
        return await self.nav.request_long("session.import", body, self.told.append, stop)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sharing(
    backend: str, shared_postgres: stack.PostgresServer, migrated: str
) -> AsyncIterator[Sharing]:
    """A running stack; one agent, `walker`, has 2,000 events."""
    folder = Path(tempfile.mkdtemp(prefix="stratoscope-exchange-"))
    broker = stack.new_nats(backend, folder)
    try:
        with stack.new_database(shared_postgres, migrated) as dsn:

            def starting() -> Any:
                settings = {"STRATO_NAVIGATOR_IMPORT_BYTES": str(IMPORT_BYTES)}
                return service("navigator", broker.url, dsn, folder, **settings)

            async with (
                service("projector", broker.url, dsn, folder),
                connected(broker.url) as client,
                Navigator.connect(broker.url, timeout=20) as nav,
            ):
                found = Sharing(broker.url, client, nav, starting)
                try:
                    await found.start()
                    await found.record("walker", 2000)
                    yield found
                finally:
                    await found.close()
    finally:
        broker.close()
        shutil.rmtree(folder)
