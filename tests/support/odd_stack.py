"""Odd records put through a broker, a projector and a navigator, and what is answered over them.

What an answer must not be raises an AssertionError that names the request: `internal`, a code that
the verb may not answer, a reply that a strict parser refuses or that breaks the contract's model,
or no answer at all.
"""

import asyncio
import json
import random
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import asyncpg
from nats.aio.client import Client
from nats.aio.msg import Msg

from stratoscope_contracts import words
from stratoscope_contracts.errors import Code
from stratoscope_contracts.verbs import VERBS
from support.odd_records import OddMessage
from support.odd_requests import Draw, Taken, request
from support.wire import ask

SPACE: Final = words.DEFAULT_SPACE
BYSTANDER: Final = "bystander"
_AT_A_TIME: Final = 8
_IN_FLIGHT: Final = 200
_SECONDS: Final = 60


def strictly(body: bytes) -> Any:
    """The document, where a strict parser takes it: no NaN, no infinity, no lone surrogate."""
    document = json.loads(body.decode("utf-8"), parse_constant=_refuse, parse_float=_finite)
    json.dumps(document, ensure_ascii=False).encode("utf-8")
    return document


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is no finite double")
    return number


@dataclass(slots=True)
class Sent:
    """What was sent: the records of each stored message."""

    records: dict[int, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All records."""
        return sum(self.records.values())


async def send(client: Client, messages: list[OddMessage]) -> Sent:
    """Publish messages in their order, a few hundred in flight."""
    sent, stream = Sent(), client.jetstream()
    for start in range(0, len(messages), _IN_FLIGHT):
        some = messages[start : start + _IN_FLIGHT]
        futures = [
            await stream.publish_async(
                f"strato.{SPACE}.rec.{one.agent}.{one.kind}",
                one.body,
                headers=one.headers or None,
            )
            for one in some
        ]
        for one, stored in zip(some, await asyncio.gather(*futures), strict=True):
            sent.records[stored.seq] = one.records
    return sent


async def projected(client: Client, last: int) -> None:
    """Return once the projection has passed a message."""
    # Half of what the verb allows: the reply has to come within the client's own time-out.
    body = json.dumps({"wait_for": last, "wait_ms": words.MAX_WAIT_MS // 2}).encode()
    async with asyncio.timeout(1800):
        while b'"not_projected_yet"' in (await ask(client, "stats", body)).data:
            pass


@dataclass(slots=True)
class Accounts:
    """What became of the records."""

    taken: int
    refused: int
    duplicates: int
    reasons: Counter[str]

    @property
    def total(self) -> int:
        """All that is accounted for."""
        return self.taken + self.refused + self.duplicates


async def account(dsn: str, sent: Sent) -> tuple[Accounts, Taken]:
    """Add up what is in the tables, and draw a sample of it to ask about."""
    session = await asyncpg.connect(dsn)
    try:
        schema = await session.fetchval("select schema_name from strato.projection where serving")
        await session.execute(f"set search_path to {schema}, strato")
        rows = await session.fetch(
            """
            select stream_seq, count(*) from (
                select stream_seq from event join agent using (agent_id) where space = $1
                union all
                select stream_seq from state_version join agent using (agent_id)
                where space = $1 and snapshot_id is not null
            ) as record group by stream_seq
            """,
            SPACE,
        )
        letters = await session.fetch("select stream_seq, ordinal, reason from dead_letter")
        taken = {row[0]: row[1] for row in rows}
        refused = sum(
            # A refused record of a batch: of it alone, or of the batch as a whole.
            1 if seq in taken else sent.records[seq]
            for seq, count in Counter(letter[0] for letter in letters).items()
            for _ in range(count if seq in taken else 1)
        )
        duplicates = await session.fetchval(
            "select sum(duplicates)::int from agent where space = $1", SPACE
        )
        reasons = Counter(letter["reason"] for letter in letters)
        return Accounts(sum(taken.values()), refused, duplicates, reasons), await _sample(session)
    finally:
        await session.close()


async def _sample(session: asyncpg.Connection) -> Taken:
    events = await session.fetch("select id::text from event order by stream_seq desc limit 3000")
    snapshots = await session.fetch(
        "select snapshot_id::text from state_version where snapshot_id is not null limit 1000"
    )
    agents = await session.fetch("select name from agent where space = $1", SPACE)
    last = await session.fetchval("select max(stream_seq) from event")
    return Taken(*([row[0] for row in rows] for rows in (agents, events, snapshots)), last_seq=last)


class Asker:
    """Asks every verb, a few requests at a time, and holds each reply to the contract."""

    def __init__(self, client: Client, taken: Taken, seed: int) -> None:
        self._client = client
        self._taken = taken
        self._draw = Draw(random.Random(seed), taken)
        self.answers: Counter[str] = Counter()
        self.faults: list[str] = []

    async def ask_all(self, rounds: int) -> None:
        """Ask each verb so many times, in an order of the seed's."""
        for verb in ("session.create", "breakpoint.create"):
            for _ in range(3):
                await self._ask(verb)
        for _ in range(rounds):
            verbs = [*VERBS]
            self._draw.drawn.shuffle(verbs)
            for start in range(0, len(verbs), _AT_A_TIME):
                await asyncio.gather(*map(self._ask, verbs[start : start + _AT_A_TIME]))

    async def _ask(self, verb: str) -> None:
        body = request(verb, self._draw)
        try:
            for message in await self._replies(verb, body):
                self._hold(verb, message)
        except (AssertionError, ValueError) as error:
            self.faults.append(f"{verb} {body[:400]!r}: {error!s:.600}")
        except TimeoutError:
            self.faults.append(f"{verb} {body[:400]!r}: no answer in {_SECONDS} s")

    async def _replies(self, verb: str, body: bytes) -> list[Msg]:
        """All that is answered: a replay's messages, or one."""
        inbox = self._client.new_inbox()
        subscription = await self._client.subscribe(inbox)
        try:
            await self._client.publish(f"strato.{SPACE}.nav.{verb}", body, reply=inbox)
            found: list[Msg] = []
            while True:
                found.append(await subscription.next_msg(timeout=_SECONDS))
                headers = found[-1].headers or {}
                is_last = verb != "replay" or words.HEADER_REPLAY_END in headers
                if is_last or words.HEADER_ERROR in headers:
                    return found
        finally:
            await subscription.unsubscribe()

    def _hold(self, verb: str, message: Msg) -> None:
        document = strictly(message.data)
        headers = message.headers or {}
        if words.HEADER_ERROR in headers:
            code = document["code"]
            self.answers[f"{verb} {code}"] += 1
            assert code != Code.INTERNAL, document["message"]
            assert code in VERBS[verb].all_errors, f"may not answer {code}: {document}"
            assert "Traceback" not in message.data.decode()
            return
        self.answers[f"{verb} done"] += 1
        if "spilled" in document:
            return
        model: Any = VERBS[verb].reply
        stream = VERBS[verb].stream
        if verb == "replay" and words.HEADER_REPLAY_END not in headers:
            assert stream is not None
            model = stream
        model.model_validate_json(message.data)
        self._learn(verb, document)

    def _learn(self, verb: str, document: Any) -> None:
        match verb:
            case "session.create" | "session.import":
                self._taken.sessions.append(document["session"]["id"])
            case "breakpoint.create":
                self._taken.breakpoints.append(document["breakpoint"]["id"])
            case "session.export":
                self._taken.exports.append(document["object"])


class Bystander:
    """An agent of another space that is asked for all the time."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.seconds: list[float] = []

    async def record(self) -> None:
        """Give it something to be asked for."""
        stored = await self._client.jetstream().publish(
            f"strato.{BYSTANDER}.rec.walker.snapshot", b'{"state":{"health":1}}'
        )
        await projected(self._client, stored.seq)

    async def ask(self, times: int) -> float:
        """The median of so many requests, in seconds."""
        return statistics.median([await self._timed() for _ in range(times)])

    async def ask_until_cancelled(self) -> None:
        """Keep how long each request takes."""
        while True:
            self.seconds.append(await self._timed())
            await asyncio.sleep(0.02)

    async def _timed(self) -> float:
        start = time.perf_counter()
        body = b'{"agent":"walker","at":{"latest":true}}'
        reply = await ask(self._client, "state.at", body, BYSTANDER)
        assert strictly(reply.data)["state"] == {"health": 1}, reply.data
        return time.perf_counter() - start
