"""A stack with a bit of everything going on."""

from uuid import uuid4

import orjson
from nats.aio.client import Client
from nats.js import JetStreamContext

from support.held import Stand
from support.watched import Hits

AGENT = "watched"


class Busy:
    """Who records, asks, arms breakpoints, holds, and makes mistakes."""

    def __init__(self, stand: Stand, hits: Hits) -> None:
        self.stand = stand
        self._hits = hits

    @property
    def client(self) -> Client:
        """The client of the test's own connection."""
        return self._hits.client

    @property
    def jetstream(self) -> JetStreamContext:
        """The broker's."""
        return self._hits.jetstream

    async def send(self, messages: int) -> None:
        """Record, and wait for nobody."""
        for _ in range(messages):
            await self._hits.record(AGENT, [{"kind": "event", "type": "moved"}])

    async def begin(self) -> None:
        """What is there once: a session, breakpoints, and a projector that lost its sessions."""
        await self.round()
        session = (await self.stand.ask("session.create", agent=AGENT))["session"]
        await self.stand.ask("session.start", id=session["id"])
        for condition in (
            {"kind": "on_event_type", "type": "error_occurred"},
            {"kind": "expression", "source": "event.data.n == 1"},
        ):
            await self.stand.ask("breakpoint.create", agent=AGENT, condition=condition)
        await self.stand.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'stratoscope projector' and datname = current_database()"
        )
        # What writes next finds its session gone.
        await self.round()

    async def round(self) -> None:
        """A little of everything that is counted."""
        await self._hits.client.jetstream().publish(f"strato.default.rec.{AGENT}.event", b"{")
        known = str(uuid4())
        patch = [{"op": "add", "path": "/n", "value": 1}]
        records = [
            {"kind": "event", "type": "moved", "id": known, "data": {"n": 1}},
            {"kind": "event", "type": "moved", "id": known},
            {"kind": "event", "type": "error_occurred", "patch": patch},
            {"kind": "snapshot", "state": {"bag": list(range(50))}},
        ]
        last = await self._hits.record(AGENT, records)
        waiting = {"wait_for": last, "wait_ms": 10_000}
        await self.stand.ask("state.at", agent=AGENT, at={"latest": True}, **waiting)
        await self.stand.ask("state.cut", at={"stream_seq": last})
        await self._refused()
        gate = orjson.dumps({"after": last})
        await self._hits.client.request(f"strato.default.gate.{AGENT}", gate, timeout=10)

    async def _refused(self) -> None:
        asked = orjson.dumps({"agent": "nobody", "at": {"latest": True}})
        reply = await self._hits.client.request("strato.default.nav.state.at", asked, timeout=5)
        assert orjson.loads(reply.data)["code"] == "agent_not_found"
