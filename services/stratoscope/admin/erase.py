"""Erasing an agent: from the log, from every projection, and from what operators made of it.

The log goes first. Then one transaction takes the agent out of sight and fences whoever has it in
memory: what such a one was about to write is refused, and where it begins again the log has no
such message any more. Whatever was on its way elsewhere meanwhile is deleted at the end. An erasure
that is cut short is done again from the start, by the same command.
"""

import asyncio
import re
from dataclasses import dataclass, field

import asyncpg

from stratoscope.admin.progress import Teller
from stratoscope.broker.connection import Connection
from stratoscope.broker.purging import (
    count_messages,
    empty_bucket,
    objects_in,
    purge_messages,
    purge_objects,
)
from stratoscope.client.operator import operator
from stratoscope.projector.retention import GRACE
from stratoscope.store.audit import Entry
from stratoscope.store.erasing import Erasing, Erasure, Held
from stratoscope.store.projections import Projections
from stratoscope_contracts import subjects
from stratoscope_contracts.control import BY_HAND, CtlMessage
from stratoscope_contracts.words import (
    STREAM_DLQ,
    STREAM_HITS,
    STREAM_RECORD,
    exports_bucket,
    spill_bucket,
)

_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_EXPORT = r"-" + _UUID + r"\.(json|cbor\.zst|tar\.zst)"


@dataclass(frozen=True, slots=True)
class Survey:
    """What there is of an agent, before anything is erased."""

    space: str
    agent: str
    messages: int
    held: Held
    exports: list[str]
    imports: list[str]
    named_by_others: int
    uploads: int
    # Hits and dead letters in their streams.
    published: int = 0

    @property
    def is_anything(self) -> bool:
        """Whether there is something to erase."""
        return bool(self.messages or self.published or self.exports or self.held != Held())


@dataclass(slots=True)
class Erased:
    """What went, and what is left where."""

    space: str
    agent: str
    through_seq: int
    messages: int = 0
    held: Held = field(default_factory=Held)
    exports: list[str] = field(default_factory=list)
    spills: int = 0
    projections: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


class Eraser:
    """Erases one agent; `session` is one of its own, on the operations schema."""

    def __init__(
        self,
        broker: Connection,
        session: asyncpg.Connection,
        space: str,
        agent: str,
        *,
        grace: float = GRACE,
    ) -> None:
        self._jetstream = broker.jetstream
        self._client = broker.client
        self._session = session
        self._erasing = Erasing(session)
        self._space = space
        self._agent = agent
        self._grace = grace
        self._subject = subjects.stored(space, agent, "event").removesuffix("event") + "*"

    async def survey(self) -> Survey:
        """What there is of it."""
        key = (self._space, self._agent)
        projections = await Projections(self._session).all()
        (serving,) = [one.schema for one in projections if one.serving]
        objects = await objects_in(self._jetstream, exports_bucket(self._space))
        mine = await self._own_exports()
        return Survey(
            *key,
            messages=await count_messages(self._jetstream, STREAM_RECORD, self._subject),
            held=await self._erasing.held([one.schema for one in projections], *key),
            exports=[name for name in objects if mine(name)],
            imports=await self._erasing.imports(*key),
            named_by_others=await self._erasing.named_by_others(serving, *key),
            uploads=len([name for name in objects if _is_uploaded(name) and not mine(name)]),
            published=sum([await count_messages(self._jetstream, *one) for one in self._told_in]),
        )

    async def erase(self, survey: Survey, teller: Teller) -> Erased:
        """Erase it. Whatever is cut short goes on with the next erasure of the same agent."""
        info = await self._jetstream.stream_info(STREAM_RECORD)
        through = info.state.last_seq
        assert info.created is not None
        erasure = Erasure(self._space, self._agent, through, info.created)
        schemas = [one.schema for one in await Projections(self._session).all()]
        done = Erased(self._space, self._agent, through, held=survey.held, projections=schemas)
        mine = await self._own_exports()
        teller.stage(f"the log, up to message {through}")
        done.messages = await purge_messages(self._jetstream, STREAM_RECORD, self._subject, through)
        teller.stage(f"{', '.join(schemas)} and what operators made of it")
        await self._erasing.put_out_of_sight(erasure, schemas, self._entry(done, survey))
        await self._let_go()
        teller.stage("exports, hits and dead letters")
        done.exports = await purge_objects(self._jetstream, exports_bucket(self._space), mine)
        done.spills = await empty_bucket(self._jetstream, spill_bucket(self._space))
        await self._sweep(schemas)
        await self._erasing.forget_stragglers(erasure)
        for stream, subject in self._told_in:
            await purge_messages(self._jetstream, stream, subject)
        done.left = left_over(survey)
        return done

    async def sweep_left(self) -> None:
        """Delete what an erasure that was cut short has left out of sight, whosever it was."""
        for one in await Projections(self._session).all():
            await self._erasing.sweep(one.schema)

    @property
    def _told_in(self) -> tuple[tuple[str, str], ...]:
        return (
            (STREAM_HITS, subjects.hit(self._space, self._agent)),
            (STREAM_DLQ, subjects.dlq(self._space, self._agent)),
        )

    async def _sweep(self, schemas: list[str]) -> None:
        # A request that found the agent before it was out of sight may still read its rows.
        await asyncio.sleep(self._grace)
        for schema in schemas:
            await self._erasing.sweep(schema)

    async def _let_go(self) -> None:
        """An agent that was held waits for nobody any more."""
        message = CtlMessage(command="resume", by=BY_HAND).model_dump_json().encode()
        await self._client.publish(subjects.ctl(self._space, self._agent), message)

    async def _own_exports(self) -> "Mine":
        return Mine(self._agent, await self._erasing.objects(self._space, self._agent))

    def _entry(self, done: Erased, survey: Survey) -> Entry:
        details = {
            "through_seq": done.through_seq,
            "messages": done.messages,
            "events": survey.held.events,
            "states": survey.held.states,
            "exports": len(survey.exports),
        }
        return Entry(operator(), "erase", self._space, self._agent, details)


class Mine:
    """Which objects hold an agent: its exports, and what it was imported from."""

    def __init__(self, agent: str, objects: list[str]) -> None:
        self._export = re.compile(re.escape(agent) + _EXPORT)
        self._objects = frozenset(objects)

    def __call__(self, name: str) -> bool:
        return name in self._objects or self._export.fullmatch(name) is not None


def _is_uploaded(name: str) -> bool:
    return re.match(_UUID + "-", name) is not None


def left_over(survey: Survey) -> list[str]:
    """What an erasure does not reach, a line each."""
    left = [
        "backups of the broker and of the database have it until they expire",
        "traces and logs of the agent, of its recorder and of collectors are not ours to delete",
        "Prometheus has numbers only, none by agent",
        "strato.audit and strato.erased keep its name, the former with who did what to it",
    ]
    if survey.imports:
        left.append(f"imported from it, agents of their own: {', '.join(survey.imports)}")
    if survey.named_by_others:
        left.append(
            f"{survey.named_by_others} events of other agents name events of it as a cause, by id"
        )
    if survey.uploads:
        left.append(
            f"{survey.uploads} files uploaded for import may hold it; they expire within a week"
        )
    return left
