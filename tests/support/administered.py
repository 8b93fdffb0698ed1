"""A database that is administered: the commands, run as a person runs them, and a look inside."""

import asyncio
import json
import os
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass
from typing import Any

import asyncpg
import nats
import orjson

from support.commands import PROGRAM
from support.eventually import eventually
from support.projection import assert_equals_log

Json = dict[str, Any]


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Json:
        """The document that it printed."""
        assert self.out, self.err
        found: Json = json.loads(self.out)
        return found


class Administered:
    """A log and a database."""

    def __init__(self, nats_url: str, dsn: str) -> None:
        self.nats_url = nats_url
        self.dsn = dsn

    async def start(self, *command: str) -> Process:
        """Start a command."""
        names = {"STRATO_NATS_URL": self.nats_url, "STRATO_POSTGRES_DSN": self.dsn}
        return await asyncio.create_subprocess_exec(
            *PROGRAM, *command, stdout=PIPE, stderr=PIPE, env=os.environ | names
        )

    async def run(self, *command: str) -> Done:
        """What a command ends with; those that can print JSON do."""
        process = await self.start(*command, "-o", "json")
        try:
            async with asyncio.timeout(60):
                out, err = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        assert process.returncode is not None
        return Done(process.returncode, out.decode(), err.decode())

    async def rebuild(self, *options: str) -> Json:
        """A rebuild that swaps; what it says."""
        done = await self.run("rebuild", "--grace", "0", *options)
        assert done.code == 0, done.err
        assert done.json["swapped"]
        return done.json

    async def fetch(self, statement: str, *values: object) -> list[asyncpg.Record]:
        """Rows, seen as the projection that serves sees them."""
        session = await asyncpg.connect(self.dsn)
        try:
            schema = await session.fetchval(
                "select schema_name from strato.projection where serving"
            )
            await session.execute(f"set search_path to {schema}, strato")
            rows: list[asyncpg.Record] = await session.fetch(statement, *values)
            return rows
        finally:
            await session.close()

    async def schemas(self) -> list[str]:
        """The projections that there are, by their schemas."""
        rows = await self.fetch("select nspname from pg_namespace where nspname like 'strato\\_p%'")
        return sorted(row[0] for row in rows)

    async def serving(self) -> str:
        """The one that answers."""
        rows = await self.fetch("select current_schema()")
        return str(rows[0][0])

    async def last_seq(self) -> int:
        """Where the log ends."""
        client = await nats.connect(self.nats_url)
        try:
            return (await client.jetstream().stream_info("STRATO_RECORD")).state.last_seq
        finally:
            await client.close()

    async def dead_letters_published(self) -> int:
        """How many dead letters the broker's stream has."""
        client = await nats.connect(self.nats_url)
        try:
            return (await client.jetstream().stream_info("STRATO_DLQ")).state.messages
        finally:
            await client.close()

    async def record(self, subject: str, *bodies: Json) -> list[int]:
        """Publish messages to the log, as an agent does; where they stand."""
        client = await nats.connect(self.nats_url)
        try:
            stream = client.jetstream()
            sent = [await stream.publish(subject, orjson.dumps(body)) for body in bodies]
            return [ack.seq for ack in sent]
        finally:
            await client.close()

    async def projected(self, *, within: float = 20.0) -> None:
        """Return once the serving projection has all of the log, with every depth."""
        last = await self.last_seq()

        async def passed() -> bool:
            rows = await self.fetch(
                "select min(stream_seq), (select count(*) from event where depth is null)"
                " from partition"
            )
            return bool(rows[0][0] >= last and rows[0][1] == 0)

        await eventually(passed, within=within)

    async def assert_equals_log(self) -> None:
        """Hold the serving projection to a naive fold of the log."""
        await self.projected()
        await assert_equals_log(self.nats_url, self.dsn)
