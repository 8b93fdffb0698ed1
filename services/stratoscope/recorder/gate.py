"""The gates of a recorder's agents: where they are held, and where they ask whether they are.

The quick gate of an agent that nobody holds only looks at what is known, from whatever thread, and
sends nothing. Everything else is a question: the first gate, the first one after a reconnect, every
exact one, and those of a held agent, once a second, until it may go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import threading
import time
from collections import OrderedDict
from typing import Final

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from pydantic import TypeAdapter, ValidationError

from stratoscope.broker.connection import BrokerUnreachable, Connection
from stratoscope.broker.ending import end_tasks
from stratoscope.recorder import holding
from stratoscope.recorder.errors import ClosedAtGate, RecorderClosed
from stratoscope.recorder.holding import Answer, Known, Move, Silence
from stratoscope.recorder.link import Epoch, Link
from stratoscope.recorder.preparing import Prepared
from stratoscope.recorder.sending import Sender
from stratoscope.recorder.settings import RecorderSettings
from stratoscope_contracts import subjects
from stratoscope_contracts.control import BY_HAND, GateHeld, GateOpen, GateRequest
from stratoscope_contracts.words import HEADER_ERROR

# One question's patience, and how long a gate waits for news before it asks again.
_ASK_SECONDS: Final = 5.0
_ASK_AGAIN: Final = 1.0
_DRAIN_SECONDS: Final = 0.5
_TRY_AGAIN: Final = 0.25
# A recorder that has just begun is still connecting: its first gate waits for that.
_CONNECTING: Final = 1.0
# How long, at least, a quick gate that nobody answered lets the next ones pass without asking: as
# long as it took to be told nothing. Navigators may come back a moment after the agent does.
_QUIET_SECONDS: Final = 0.5
# Where somebody answered before, breakpoints are watched by somebody: an exact gate waits for as
# long as a hold lasts by default.
_WAIT_FOR_KNOWN: Final = 600.0
# Gates that are not forgotten, each of which listens to its agent's commands.
_MAX_GATES: Final = 1024
_REPLY: Final[TypeAdapter[GateOpen | GateHeld]] = TypeAdapter(GateOpen | GateHeld)

log = logging.getLogger(__name__)


class _Gate:
    """One agent's gate."""

    def __init__(self, agent: str) -> None:
        self.agent = agent
        self.known = Known()
        self.news = asyncio.Event()
        self.asking = asyncio.Lock()
        self.users = 0
        self.connection: Connection | None = None
        self.subscription: Subscription | None = None
        self._epoch: Epoch | None = None
        self._quiet: tuple[Epoch, float] | None = None
        self._said_stray = False
        self._lock = threading.Lock()

    def is_open(self, epoch: Epoch) -> bool:
        """Whether the agent may pass without asking."""
        if self.known.sure and self._epoch == epoch:
            return self.known.may_pass
        if self._quiet is None or self._quiet[0] != epoch:
            return False
        return self.known.may_pass and time.monotonic() < self._quiet[1]

    async def hear(self, message: Msg) -> None:
        """Take a command."""
        command = holding.read_command(message.data)
        if command is None:
            # Said once: another agent can send acknowledgements here, as many as it likes.
            level = logging.DEBUG if self._said_stray else logging.WARNING
            log.log(level, "agent %s was sent a message on ctl that is no command", self.agent)
            self._said_stray = True
            return
        with self._lock:
            self.known = holding.told(self.known, command)
        self.news.set()

    def begin(self) -> None:
        """A question is about to be sent."""
        self.news.clear()
        with self._lock:
            self.known = holding.asking(self.known)

    def learn(self, answer: Answer, epoch: Epoch, asked_at: float) -> None:
        """Take what came of a question that was asked then, in an epoch of the connection."""
        with self._lock:
            self.known = holding.answered(self.known, answer)
        self._epoch = epoch
        silent = isinstance(answer, Silence)
        now = time.monotonic()
        self._quiet = (epoch, now + max(_QUIET_SECONDS, now - asked_at)) if silent else None

    def count(self) -> None:
        """An event was recorded."""
        with self._lock:
            self.known = holding.recorded(self.known)

    async def wait(self, seconds: float) -> None:
        """Return when something is heard, or after a while."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.news.wait()
        # Without a connection no question is sent that would: heard again and again, the same
        # news would leave nobody else in this loop a turn, not even who makes the connection.
        self.news.clear()


class _Patience:
    """How long nobody has answered a gate's questions."""

    def __init__(self, gates: Gates) -> None:
        self._gates = gates
        self._since: float | None = None

    def note(self, answer: Answer) -> bool:
        """Whether silence has lasted long enough to go on without an answer."""
        if not isinstance(answer, Silence) or answer.refused:
            self._since = None
            self._gates.somebody_answers = True
            self._gates.gave_up = False
            return False
        now = time.monotonic()
        if self._since is None:
            self._since = now
        limit = self._gates.patience
        return limit is not None and now - self._since >= limit


class Gates:
    """The gates of all agents of one recorder; but for the looking, all of it in its event loop."""

    def __init__(self, settings: RecorderSettings, link: Link, sender: Sender) -> None:
        self._settings = settings
        self._link = link
        self._sender = sender
        self._gates: OrderedDict[str, _Gate] = OrderedDict()
        self._closed = False
        self._connecting = True
        self.somebody_answers = False
        """Whether anybody ever answered a gate of this recorder."""
        self.gave_up = False
        """Whether a gate has gone on unanswered, and nobody has answered since."""

    @property
    def patience(self) -> float | None:
        """How many seconds an exact gate that is not answered waits; None: for ever."""
        patience = self._settings.gate_patience
        if patience is None:
            return None
        if self.gave_up:
            return 0.0
        return max(patience, _WAIT_FOR_KNOWN) if self.somebody_answers else patience

    def is_open(self, agent: str) -> bool:
        """Whether an agent may pass its quick gate without asking; from any thread."""
        gate = self._gates.get(agent)
        return gate is not None and gate.is_open(self._link.epoch)

    def count(self, agent: str, record: Prepared) -> None:
        """A record was taken; from any thread."""
        gate = self._gates.get(agent)
        if gate is not None and gate.known.steps and record.kind == "event":
            gate.count()

    async def enter(self, agent: str, *, exact: bool) -> None:
        """Return once the agent may go on. Raises ClosedAtGate if the end comes first."""
        gate = await self._gate(agent)
        gate.users += 1
        try:
            await self._enter(gate, exact)
        except RecorderClosed as closed:
            raise ClosedAtGate("the recorder was closed while an agent was at its gate") from closed
        finally:
            gate.users -= 1

    def close(self) -> None:
        """Let nobody wait any longer; whoever does is told."""
        self._closed = True
        for gate in self._gates.values():
            gate.news.set()

    async def _enter(self, gate: _Gate, exact: bool) -> None:
        patience, was_held = _Patience(self), False
        while True:
            if self._closed:
                raise RecorderClosed("there is nobody left to ask")
            answer = await self._ask(gate, exact)
            gave_up = patience.note(answer)
            match holding.move(gate.known, answer, exact=exact, gave_up=gave_up):
                case Move.PASS:
                    self._tell_passed(gate, was_held=was_held, unanswered=exact and gave_up)
                    return
                case Move.WAIT:
                    was_held = self._tell_held(gate, answer, was_held)
                    silent = isinstance(answer, Silence)
                    seconds = _TRY_AGAIN if silent else _ASK_AGAIN * random.uniform(0.8, 1)
                    await self._wait(gate, seconds)
                case Move.ASK:
                    pass

    async def _wait(self, gate: _Gate, seconds: float) -> None:
        # The word of the end may have come while a question was under way.
        if not self._closed:
            await gate.wait(seconds)

    async def _ask(self, gate: _Gate, exact: bool) -> Answer:
        await self._connect()
        async with gate.asking:
            epoch, connection = self._link.epoch, self._link.connection
            asked_at = time.monotonic()
            if connection is None or not connection.connected.is_set():
                answer: Answer = Silence()
            else:
                answer = await self._answer(gate, connection, exact)
            gate.learn(answer, epoch, asked_at)
        return answer

    async def _connect(self) -> None:
        """Wait for the first connection, once, or the first gates would be no gates at all."""
        if self._connecting and self._link.connection is None:
            with contextlib.suppress(BrokerUnreachable):
                await self._link.wait_connected(_CONNECTING)
        self._connecting = False

    async def _answer(self, gate: _Gate, connection: Connection, exact: bool) -> Answer:
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                await self._listen(gate, connection)
                gate.begin()
                after = await self._drained(gate.agent, exact)
                question = GateRequest(after=after or 0)
                body = question.model_dump_json(include={"after"}).encode()
                subject = subjects.gate(self._settings.space, gate.agent)
                reply = await self._reply(connection, subject, body)
        except (TimeoutError, NatsError, OSError):
            return Silence()
        answer = _read(gate.agent, reply)
        if after is None and isinstance(answer, GateOpen) and answer.events is not None:
            # Counted without what is still on its way: the agent would be let go too far.
            return GateHeld(held_by=[BY_HAND])
        return answer

    async def _drained(self, agent: str, exact: bool) -> int | None:
        """Up to where the agent's records are stored, 0 for none; None where some are not yet."""
        if exact:
            return await self._sender.drain(agent, None) or 0
        try:
            # Whoever is held is to hear of it, whatever the broker's return does to its records.
            return await self._sender.drain(agent, _DRAIN_SECONDS) or 0
        except TimeoutError:
            return None

    async def _reply(self, connection: Connection, subject: str, body: bytes) -> Msg:
        """The reply to a question; TimeoutError also where the connection it went by is lost."""
        epoch = self._link.epoch
        asking = asyncio.ensure_future(
            connection.client.request(subject, body, timeout=_ASK_SECONDS)
        )
        try:
            while not asking.done():
                await asyncio.wait([asking], timeout=_TRY_AGAIN)
                if self._link.epoch != epoch or not connection.connected.is_set():
                    raise TimeoutError
            return asking.result()
        finally:
            await end_tasks([asking])

    async def _listen(self, gate: _Gate, connection: Connection) -> None:
        """Hear the agent's commands, before the question: none comes between unheard."""
        if gate.connection is not connection:
            gate.subscription = await connection.client.subscribe(
                subjects.ctl(self._settings.space, gate.agent), cb=gate.hear
            )
            gate.connection = connection

    async def _gate(self, agent: str) -> _Gate:
        gate = self._gates.get(agent)
        if gate is None:
            await self._forget_one()
            gate = self._gates.setdefault(agent, _Gate(agent))
        self._gates.move_to_end(agent)
        return gate

    async def _forget_one(self) -> None:
        """Make room: one recorder may record many agents, one after another."""
        if len(self._gates) < _MAX_GATES:
            return
        idle = next((gate for gate in self._gates.values() if not gate.users), None)
        if idle is None:
            return
        del self._gates[idle.agent]
        if idle.subscription is not None and idle.connection is self._link.connection:
            try:
                await idle.subscription.unsubscribe()
            except NatsError as error:
                log.debug("commands to agent %s are still heard: %s", idle.agent, error)

    def _tell_held(self, gate: _Gate, answer: Answer, was_held: bool) -> bool:
        if isinstance(answer, GateHeld) and not was_held:
            log.info("agent %s is held by %s", gate.agent, ", ".join(answer.held_by))
        return was_held or gate.known.held

    def _tell_passed(self, gate: _Gate, *, was_held: bool, unanswered: bool) -> None:
        if was_held:
            log.info("agent %s goes on", gate.agent)
        if unanswered and not self.gave_up:
            self.gave_up = True
            log.warning(
                "nobody answers the gate of agent %s: it goes on, and breakpoints do not hold it",
                gate.agent,
            )


def _read(agent: str, reply: Msg) -> Answer:
    if HEADER_ERROR in (reply.headers or {}):
        log.debug("the gate of agent %s is not answered: %r", agent, reply.data)
        return Silence(refused=True)
    try:
        return _REPLY.validate_json(reply.data)
    except ValidationError:
        log.warning("the gate of agent %s got an answer that can't be read", agent)
        return Silence(refused=True)
