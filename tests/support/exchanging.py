"""Exports out of a projection and imports into it, without broker and object store."""

from io import BytesIO
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import orjson

from stratoscope.broker.puller import Delivered
from stratoscope.domain.exchange.checking import Survey
from stratoscope.domain.exchange.landing import Landing
from stratoscope.navigator.exchange.batching import batches, framed, unframed
from stratoscope.navigator.exchange.exporting import Sending, send_all
from stratoscope.navigator.exchange.formats import read, writer
from stratoscope.navigator.exchange.formats.entries import Bounds
from stratoscope.navigator.exchange.publishing import Published
from stratoscope.navigator.exchange.settling import Settling, check_kept
from stratoscope.navigator.exchange.surveying import spelled as spelled_survey
from stratoscope.navigator.exchange.surveying import survey_in, surveying, told_texts
from stratoscope.navigator.progress import Progress
from stratoscope.navigator.reading import Reading
from stratoscope_contracts.exchange import ORIGIN_KEY, Member
from stratoscope_contracts.sessions import ExportFormat
from stratoscope_contracts.subjects import stored
from stratoscope_contracts.words import MAX_MESSAGE_BYTES
from support.recorded import Recorded, after

Json = dict[str, Any]
BOUNDS = Bounds()


class Imported(NamedTuple):
    """An import that was made."""

    id: UUID
    session_id: UUID
    without_origin: int


class Memory:
    """A sink that keeps what it takes."""

    def __init__(self) -> None:
        self.data = b""

    async def write(self, data: bytes) -> None:
        self.data += data


async def exported(reading: Reading, session_id: str, form: ExportFormat = "json") -> bytes:
    """A session's export."""
    memory = Memory()
    async with reading.session.transaction(isolation="repeatable_read", readonly=True):
        row = await reading.sessions.find(reading.space, UUID(session_id))
        assert row is not None
        sending = Sending(writer(form, reading.now), memory)
        await send_all(reading, row, sending, Progress())
        await sending.finish()
    return memory.data


def looked_through(data: bytes, limit: int = MAX_MESSAGE_BYTES) -> Survey:
    """What is found in an export. Raises Damaged."""
    *_, survey = surveying(BytesIO(data), BOUNDS, limit)
    assert isinstance(survey, Survey)
    return survey


async def imported(reading: Reading, recorded: Recorded, data: bytes, agent: str) -> Imported:
    """A session on a new agent, recorded and projected."""
    survey, import_id = looked_through(data), uuid4()
    # As the process that reads it tells of it.
    told = survey_in(spelled_survey(survey), told_texts(survey))
    await check_kept(reading, told)
    published = Published(Landing(told.places()))
    for batch in batches(BytesIO(data), BOUNDS, survey.ids, import_id, MAX_MESSAGE_BYTES):
        ready = unframed(framed(batch, MAX_MESSAGE_BYTES))
        seq = await deliver(recorded, agent, ready.packed.body, ready.packed.headers)
        published.landed(ready, seq)
    async with reading.session.transaction():
        session_id = await Settling(reading, told, published.landing, agent).settle()
    return Imported(import_id, session_id, published.without_origin)


async def deliver(
    recorded: Recorded, agent: str, body: bytes, headers: dict[str, str] | None = None
) -> int:
    """A message of the log, projected; its stream_seq."""
    recorded.last_seq += 1
    subject = stored("default", agent, "batch")
    when = after(recorded.last_seq)
    await recorded._project([Delivered(recorded.last_seq, when, subject, headers, body)])
    return recorded.last_seq


def members(data: bytes) -> dict[Member, list[Json]]:
    """What is in an export, by member."""
    found: dict[Member, list[Json]] = {}
    for member, raw in read(BytesIO(data), BOUNDS):
        found.setdefault(member, []).append(orjson.loads(raw))
    return found


def anonymous(data: bytes) -> dict[Member, list[Json]]:
    """What of an export an import keeps: ids, places and times of the log as numbers of records."""
    found = members(data)
    records = found.get("records", [])
    places = {(one["stream_seq"], one["ordinal"]): n for n, one in enumerate(records)}
    ids = {one["id"]: f"record {n}" for n, one in enumerate(records)}
    for record in records:
        record["causes"] = [ids.get(cause, cause) for cause in record.pop("causes", [])]
        record.setdefault("metadata", {}).pop(ORIGIN_KEY, None)
        for name in ("id", "stream_seq", "ordinal", "recorded_at"):
            del record[name]
    for place in _places(found):
        place["record"] = places.get((place.pop("stream_seq"), place.pop("ordinal")))
    for gone in ("head", "breakpoints"):
        for one in found.get(gone, []):
            for name in ("exported_at", "agent", "id", "created_at", "session", "armed_seq"):
                one.pop(name, None)
    for name in ("id", "state", "created_at"):
        del found["session"][0][name]
    return found


def _places(found: dict[Member, list[Json]]) -> list[Json]:
    return [
        found["session"][0]["position"],
        *found.get("history", []),
        *(mark["position"] for mark in found.get("marks", [])),
    ]
