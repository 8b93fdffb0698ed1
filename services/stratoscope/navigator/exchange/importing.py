"""`session.import`: a new session on a new agent, from an export.

An export is fetched whole and looked through before anything is recorded. Then its records go
through the log like all others; the agent's name is reserved, and it is listed once its last record
is projected and its session is kept. An import that dies on the way leaves an agent that is never
listed, and a name that is never given again.
"""

import asyncio
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import IO, Final
from uuid import UUID, uuid4

from nats.js.errors import NotFoundError

from stratoscope.broker.objects import ObjectDamaged, ObjectGone, find_info
from stratoscope.broker.transfers import chunks_of
from stratoscope.domain.exchange.checking import Survey
from stratoscope.domain.exchange.damage import Damaged
from stratoscope.domain.exchange.landing import Landing
from stratoscope.navigator.asker import asker
from stratoscope.navigator.exchange.desk import Desk
from stratoscope.navigator.exchange.import_folder import path_for_workers
from stratoscope.navigator.exchange.publishing import Published, Recording
from stratoscope.navigator.exchange.reading import records, survey
from stratoscope.navigator.exchange.settling import Settling, check_kept
from stratoscope.navigator.progress import Progress, Stopped
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.sessions.placing import session_reply, spelled_position
from stratoscope.navigator.spelling import Json
from stratoscope.navigator.workers import Worker, WorkerLost
from stratoscope.store.audit import Audit, Entry
from stratoscope.store.exchange import ImportRow
from stratoscope.store.exchange import Imports as Kept
from stratoscope_contracts.errors import ImportFailed, NotProjectedYet
from stratoscope_contracts.sessions import SessionImportRequest
from stratoscope_contracts.subjects import partition_of, stored
from stratoscope_contracts.words import STREAM_RECORD, exports_bucket

_LONGEST_NAME: Final = 128
_LOOK_SECONDS: Final = 1.0
# A projection that does not get on for this long is not waited for.
_PATIENCE_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class _Fetched:
    """An export that a worker has looked through, and is about to read again."""

    worker: Worker
    survey: Survey
    digest: str


class Imports:
    """Answers `session.import`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._limit = desk.connection.message_limit

    async def __call__(self, space: str, request: SessionImportRequest, progress: Progress) -> Json:
        """The reply, once the agent is listed and its session kept."""
        progress.report(0, stage="waiting")
        with self._desk.folder.file() as file:
            try:
                room = self._desk.dispatch.shares.exchange.take(space)
                async with room, self._desk.readers.one(Damaged) as worker:
                    fetched = await self._look_through(space, request, worker, file, progress)
                    return await self._import(space, request, fetched, progress)
            except Damaged as damage:
                raise _failed(str(damage), where=damage.where) from damage
            except WorkerLost as lost:
                raise _failed("the process that read it ended: is there enough memory?") from lost
            except Stopped as stopped:
                raise _failed(str(stopped), stopped=True) from stopped

    async def _import(
        self, space: str, request: SessionImportRequest, fetched: _Fetched, progress: Progress
    ) -> Json:
        row = await self._begin(space, request, fetched)
        landing = Landing(fetched.survey.places())
        published = Published(landing)
        await self._record(row, fetched, published, progress)
        if published.last_seq is not None:
            await self._projected(row, published.last_seq, fetched.survey, progress)
        async with self._desk.reading(space) as reading:
            if await Kept(reading.session).is_refused(space, row.agent):
                raise _failed(f"some of it was refused: see the dead letters of {row.agent}")
            async with reading.session.transaction():
                settling = Settling(reading, fetched.survey, landing, row.agent)
                session_id = await settling.settle()
                await Kept(reading.session).complete(row.id, published.last_seq, reading.now)
                await Audit(reading.session).add(_entry(row))
            return await _reply(reading, session_id, row, fetched.survey, published)

    async def _look_through(
        self,
        space: str,
        request: SessionImportRequest,
        worker: Worker,
        file: IO[bytes],
        progress: Progress,
    ) -> _Fetched:
        digest = await self._fetch(exports_bucket(space), request.object, file, progress)
        size = file.tell()

        def seen(done: int) -> None:
            progress.report(done, size, "checking")

        found = await survey(worker, path_for_workers(file), self._desk.bounds, self._limit, seen)
        async with self._desk.reading(space) as reading:
            await check_kept(reading, found)
        return _Fetched(worker, found, digest)

    async def _fetch(self, bucket: str, name: str, file: IO[bytes], progress: Progress) -> str:
        """The object into a file; its digest. Raises ImportFailed."""
        jetstream = self._desk.connection.jetstream
        try:
            info = await find_info(jetstream, bucket, name)
            if (info.size or 0) > self._desk.bounds.all_bytes:
                raise _failed(f"more than {self._desk.bounds.all_bytes} bytes")
            self._desk.folder.check_room(info.size or 0)
            async for chunk in chunks_of(jetstream, bucket, info):
                file.write(chunk)
                progress.report(file.tell(), info.size, "fetching")
            file.flush()
        except (ObjectGone, NotFoundError) as error:
            raise _failed("there is no such object among the exports of this space") from error
        except ObjectDamaged as error:
            raise _failed("the object does not have the digest that it was stored with") from error
        return info.digest or ""

    async def _begin(
        self, space: str, request: SessionImportRequest, fetched: _Fetched
    ) -> ImportRow:
        """Reserve a name. Raises ImportFailed where the one that is asked for is taken."""
        async with self._desk.reading(space) as reading:
            kept = Kept(reading.session)
            number = await kept.count(space, fetched.survey.head.agent)
            while True:
                number += 1
                agent = request.as_agent or _numbered(fetched.survey.head.agent, number)
                row = ImportRow(
                    uuid4(),
                    space,
                    agent,
                    fetched.survey.head.agent,
                    request.object,
                    fetched.digest,
                    reading.now,
                )
                if not await self._is_taken(kept, space, agent) and await kept.begin(row):
                    return row
                if request.as_agent is not None:
                    raise _failed(f"there is an agent {agent} already, or the beginning of one")

    async def _is_taken(self, kept: Kept, space: str, agent: str) -> bool:
        if await kept.is_taken(space, agent):
            return True
        # What was recorded a moment ago may not be projected yet.
        subject = stored(space, agent, "batch").removesuffix("batch") + "*"
        with suppress(NotFoundError):
            info = await self._desk.connection.jetstream.stream_info(
                STREAM_RECORD, subjects_filter=subject
            )
            return bool(info.state.subjects)
        return False

    async def _record(
        self, row: ImportRow, fetched: _Fetched, published: Published, progress: Progress
    ) -> None:
        total = fetched.survey.records

        def report(done: int) -> None:
            progress.report(done, total, "recording")

        recording = Recording(self._desk.connection, row)
        async with aclosing(records(fetched.worker, row.id)) as found:
            await recording.record(found, published, report)

    async def _projected(
        self, row: ImportRow, last_seq: int, survey: Survey, progress: Progress
    ) -> None:
        """Wait for the projection, as long as it gets on. Raises ImportFailed."""
        clock = asyncio.get_running_loop().time
        reached, since = -1, clock()
        partition = {partition_of(row.space, row.agent)}
        while True:
            progress.report(survey.records, survey.records, "projecting")
            try:
                await self._desk.dispatch.waiting.until(partition, last_seq, _LOOK_SECONDS)
            except NotProjectedYet as not_yet:
                if not_yet.details["reached"] > reached:
                    reached, since = not_yet.details["reached"], clock()
                if clock() - since > _PATIENCE_SECONDS:
                    raise _failed(
                        f"all of it is recorded as {row.agent}, but the projection does not get on"
                    ) from not_yet
            else:
                return


async def _reply(
    reading: Reading, session_id: UUID, row: ImportRow, survey: Survey, published: Published
) -> Json:
    session = await reading.sessions.find(reading.space, session_id)
    assert session is not None
    return {
        **session_reply(session, await spelled_position(reading, session)),
        "agent": row.agent,
        "events": survey.events,
        "snapshots": survey.snapshots + survey.bases,
        "breakpoints": len(survey.breakpoints),
        "import_id": str(row.id),
        "without_origin": published.without_origin,
    }


def _entry(row: ImportRow) -> Entry:
    details = {"from": row.source_agent, "object": row.object, "digest": row.digest}
    return Entry(asker(), "import", row.space, row.agent, details)


def _numbered(agent: str, number: int) -> str:
    suffix = f"-import-{number}"
    return agent[: _LONGEST_NAME - len(suffix)] + suffix


def _failed(what: str, **details: object) -> ImportFailed:
    return ImportFailed(f"the export can't be taken in: {what}", details)
