"""The gate: whether a live agent may go on, once every breakpoint has seen what it recorded.

The answer is made of the database alone, so any replica gives it. A hit places its hold in the
transaction that makes it a hit, so whoever looks after the breakpoints have seen a record also
sees the hold that it led to.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic, perf_counter_ns
from typing import Final, Protocol, assert_never, cast

import asyncpg
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from pydantic import ValidationError

from stratoscope.broker.ending import end_tasks
from stratoscope.broker.protocol import RobustClient, send
from stratoscope.domain.holding import AtGate, Go, GoFor, Held, Verdict, verdict
from stratoscope.domain.rates import Rates
from stratoscope.navigator.answering import Outgoing, as_told
from stratoscope.navigator.flood_cutoff import cutting_off
from stratoscope.navigator.holding.metrics import Answer, HoldMetrics
from stratoscope.navigator.refusals import GATE_A_SECOND, GATE_AT_ONCE, Refusals
from stratoscope.navigator.reply_guard import ReplyGuard
from stratoscope.navigator.shares import Shares, size_of
from stratoscope.navigator.spelling import Json, spelled
from stratoscope.store.holds import Holds
from stratoscope_contracts.control import GateRequest
from stratoscope_contracts.errors import BadRequest, Internal, OverBudget, field_errors
from stratoscope_contracts.subjects import ROOT, AgentRoom, parse
from stratoscope_contracts.words import NAVIGATOR_QUEUE

_GATES: Final = f"{ROOT}.*.gate.*"
_GATE: Final = "gate"
# Less than a recorder waits before it asks again.
_SEEN_WITHIN: Final = 4.0
# How fresh it is kept when an agent was last heard at its gate, where it does not wait there.
_KNOWN_FOR: Final = timedelta(seconds=30)
_JSON: Final = {"content-type": "application/json"}
log = structlog.get_logger(__name__)


class Watched(Protocol):
    """How far breakpoints have seen what agents record."""

    async def seen(self, space: str, agent: str, stream_seq: int, within: float) -> None:
        """Return once every breakpoint has seen the agent's records up to a message.

        Their holds are committed by then. Raises NotProjectedYet after `within` seconds.
        """
        ...


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Gate:
    """Answers agents at their gates."""

    pool: asyncpg.Pool
    watched: Watched
    metrics: HoldMetrics
    shares: Shares = field(default_factory=Shares)
    now: Callable[[], datetime] = field(default=_now)

    async def answer(self, subject: str, body: bytes) -> Outgoing:
        """What an agent is told; whatever goes wrong, it is told something."""
        started = perf_counter_ns()
        answer: Answer = "error"
        try:
            answer, reply = await self._answered(subject, body)
            outgoing = Outgoing(spelled(reply))
        except Exception as unexpected:
            _, outgoing = as_told(_GATE, unexpected)
        self.metrics.answered(answer, perf_counter_ns() - started)
        return outgoing

    async def _answered(self, subject: str, body: bytes) -> tuple[Answer, Json]:
        named = parse(subject)
        if not isinstance(named, AgentRoom):
            raise BadRequest.of_whole("not a question at a gate")
        space, agent = named.space, named.agent
        await self.watched.seen(space, agent, _request(body).after, _SEEN_WITHIN)
        async with self.shares.gates.take(space), self.pool.acquire() as session:
            holds = Holds(session)
            standing = await holds.standing(space, agent)
            found = verdict(standing.holds, standing.events)
            now, waits = self.now(), isinstance(found, Held)
            if waits or _is_news(standing.gate, now):
                await holds.came(space, agent, now, waits=waits)
        return _spelled(found)


@asynccontextmanager
async def gating(client: Client, gate: Gate, guard: ReplyGuard) -> AsyncIterator[None]:
    """Answer agents at their gates; at the end those that asked are told to ask somebody else."""
    running: set[asyncio.Task[None]] = set()
    admission, refusals = gate.shares.asking, Refusals(gate.shares.asking)
    rates = Rates(GATE_A_SECOND, GATE_AT_ONCE)

    def lets_pass(subject: str, reply: str, size: int) -> bool:
        # A flood is refused here, before anything of it is decoded.
        if not guard.accepts_gate(subject, reply):
            return False
        _, space, _, agent = subject.split(".", 3)
        full = admission.full(space, agent)
        if full is None and not rates.allow((space, agent), monotonic()):
            full = "gate_rate"
        if full is None:
            return True
        admission.count(full)
        cast(RobustClient, client).send_prepared(reply, refusals.of(full))
        return False

    async def ask(message: Msg) -> None:
        # Of a flood the client still holds what it had read: none of it can be answered.
        if client.is_closed or not guard.accepts_gate(message.subject, message.reply):
            return
        _, space, _, agent = message.subject.split(".", 3)
        try:
            # Replies of an import name no client, but an agent may ask at its own gate only.
            end = admission.admit(space, agent, size_of(message))
        except OverBudget as over:
            with suppress(NatsError):
                await send(client, message.reply, refusals.of(over.details["limit"]))
            return
        task = gate.shares.loop.start(space, _respond(client, message, gate), "gate")
        running.add(task)
        task.add_done_callback(running.discard)
        task.add_done_callback(lambda _: end())

    subscription = await client.subscribe(_GATES, queue=NAVIGATOR_QUEUE, cb=ask)
    await client.flush()
    try:
        async with cutting_off(
            client, subscription, lets_pass, gate.shares.directory, gate.shares.meter
        ):
            yield
    finally:
        if client.is_connected:
            await subscription.unsubscribe()
        await end_tasks(list(running))


async def _respond(client: Client, message: Msg, gate: Gate) -> None:
    try:
        outgoing = await gate.answer(message.subject, message.data)
    except asyncio.CancelledError:
        # Without a word its recorder would wait out its patience before it asked another one.
        _, refusal = as_told(_GATE, Internal("this navigator ends: ask again"))
        await _reply(client, message, refusal)
        raise
    await _reply(client, message, outgoing)


async def _reply(client: Client, message: Msg, outgoing: Outgoing) -> None:
    try:
        await client.publish(message.reply, outgoing.body, headers=_JSON | outgoing.headers)
    except NatsError as error:
        # It asks again.
        log.warning("a gate's answer could not be sent", error=str(error))


def _request(body: bytes) -> GateRequest:
    try:
        return GateRequest.model_validate_json(body)
    except ValidationError as error:
        raise BadRequest.of_fields(*field_errors(error)) from error


def _is_news(gate: AtGate | None, now: datetime) -> bool:
    """Whether it has to be written down that an agent came and may go on."""
    return gate is None or gate.waiting_since is not None or now - gate.asked_at > _KNOWN_FOR


def _spelled(found: Verdict) -> tuple[Answer, Json]:
    match found:
        case Go():
            return "go", {"go": True}
        case GoFor(events=events):
            return "step", {"go": True, "events": events}
        case Held(by=by):
            return "held", {"held_by": list(by)}
        case _:
            assert_never(found)
