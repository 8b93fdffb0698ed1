"""The most that intake could reach on a machine: pull, decode, COPY with four indexes, pipelined.

    python benchmarks/limit.py NATS_URL POSTGRES_DSN [EVENTS]      prints events per second

Nothing is checked, deduplicated, numbered in the database or made repeatable. What does all that
can come near this figure and not past it, which makes it the yardstick of `benchmarks/intake.py`:
absolute figures say more about the machine than about the program. It makes and drops a stream
and a table of its own.
"""

import asyncio
import datetime as dt
import sys
import time
import uuid
from collections.abc import Callable

import asyncpg
import msgspec
import nats
import orjson
import uvloop
from nats.aio.client import Client
from nats.aio.msg import Msg

BATCH = 4000
AGENTS = 100
STREAM = "LIMIT"
COLUMNS = "agent bigint, place bigint, stream_seq bigint, id uuid, at timestamptz, type smallint"
TABLE = f"""
create table limit_event ({COLUMNS}, data jsonb, metadata jsonb, primary key (agent, place));
create unique index on limit_event (id);
create index on limit_event (agent, type, place);
create index on limit_event (agent, at)
"""


class Event(msgspec.Struct):
    """Just enough of an event to copy it."""

    id: uuid.UUID
    type: str
    occurred_at: dt.datetime
    data: msgspec.Raw
    metadata: msgspec.Raw


def event_body() -> bytes:
    """An event of about 290 bytes, as an agent would send it."""
    return orjson.dumps(
        {
            "id": str(uuid.uuid4()),
            "type": "action_execution",
            "occurred_at": "2026-11-23T08:00:00.123456Z",
            "data": {"action": "move", "direction": "north", "distance": 5, "note": "x" * 80},
            "metadata": {"phase": "m"},
        }
    )


async def publish(client: Client, subject: Callable[[int], str], events: int) -> None:
    """Publish events to a stream's subjects, and return once the server has them all."""
    for number in range(events):
        await client.publish(subject(number), event_body())
        if number % BATCH == 0:
            await client.flush()
    await client.flush()


async def stored(client: Client, stream: str, messages: int) -> None:
    """Return once a stream holds so many messages: what is flushed may not be stored yet."""
    jetstream = client.jetstream()
    while (await jetstream.stream_info(stream)).state.messages < messages:  # noqa: ASYNC110 - a
        # server that is asked, with nothing to await
        await asyncio.sleep(0.05)


async def measure(url: str, dsn: str, events: int) -> float:
    """Events a second of the bare loop."""
    client = await nats.connect(url, pending_size=64 << 20)
    database = await asyncpg.connect(dsn)
    try:
        jetstream = client.jetstream()
        await jetstream.add_stream(name=STREAM, subjects=["limit.>"])
        await database.execute(TABLE)
        await publish(client, lambda number: f"limit.agent-{number % AGENTS}", events)
        await stored(client, STREAM, events)
        return await _copy_all(client, database, events)
    finally:
        await database.execute("drop table if exists limit_event")
        await client.jetstream().delete_stream(STREAM)
        await database.close()
        await client.close()


async def _copy_all(client: Client, database: asyncpg.Connection, events: int) -> float:
    arrived: list[Msg] = []

    async def receive(message: Msg) -> None:
        arrived.append(message)

    inbox = client.new_inbox()
    await client.jetstream().add_consumer(STREAM, durable_name="limit", ack_policy="none")
    await client.subscribe(inbox, cb=receive, pending_msgs_limit=-1, pending_bytes_limit=-1)

    async def pull() -> None:
        request = orjson.dumps({"batch": BATCH, "expires": 30_000_000_000})
        await client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.limit", request, reply=inbox)

    rows = _Rows()
    done, write = 0, None
    started = time.perf_counter()
    await pull()
    await pull()
    while done < events:
        while len(arrived) < min(BATCH, events - done):  # noqa: ASYNC110 - no more than a loop
            await asyncio.sleep(0.001)
        messages, arrived[:] = arrived[:BATCH], arrived[BATCH:]
        done += len(messages)
        if done < events:
            await pull()
        records = rows.of(messages)
        if write is not None:
            await write
        write = asyncio.create_task(database.copy_records_to_table("limit_event", records=records))
    if write is not None:
        await write
    return events / (time.perf_counter() - started)


class _Rows:
    """Rows of messages; agents are numbered in memory."""

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder(Event).decode
        self._agents: dict[str, int] = {}
        self._places: dict[int, int] = {}

    def of(self, messages: list[Msg]) -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = []
        for message in messages:
            event = self._decode(message.data)
            agent = self._agents.setdefault(message.subject, len(self._agents))
            place = self._places[agent] = self._places.get(agent, -1) + 1
            stream_seq = int(message.reply.split(".")[5])
            texts = bytes(event.data).decode(), bytes(event.metadata).decode()
            rows.append((agent, place, stream_seq, event.id, event.occurred_at, 3, *texts))
        return rows


if __name__ == "__main__":
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 100_000
    print(round(uvloop.run(measure(sys.argv[1], sys.argv[2], count))))
