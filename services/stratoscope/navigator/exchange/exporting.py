"""`session.export`: everything a session knows, into the object store.

All of it is read at one moment: in one transaction, which sees neither what is recorded meanwhile
nor what retention drops.
"""

import asyncio
from typing import Protocol
from uuid import uuid4

from stratoscope.broker.transfers import uploading
from stratoscope.navigator.exchange.collecting import (
    NOTHING,
    Page,
    end,
    extent_of,
    preface,
    records,
)
from stratoscope.navigator.exchange.desk import Desk
from stratoscope.navigator.exchange.formats import SUFFIXES, writer
from stratoscope.navigator.exchange.formats.entries import Entry, Writer
from stratoscope.navigator.objects import told_full
from stratoscope.navigator.progress import Progress
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.sessions.holding import found
from stratoscope.navigator.spelling import Json
from stratoscope.store.exchange import Outgoing
from stratoscope.store.sessions import SessionRow
from stratoscope_contracts.sessions import SessionExportRequest
from stratoscope_contracts.words import exports_bucket


class Sink(Protocol):
    """Where an export goes."""

    async def write(self, data: bytes) -> None:
        """Take bytes that follow."""
        ...


class Exports:
    """Answers `session.export`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def __call__(self, space: str, request: SessionExportRequest, progress: Progress) -> Json:
        """The reply, once the export lies in the object store."""
        progress.report(0, stage="waiting")
        async with (
            self._desk.dispatch.shares.exchange.take(space),
            self._desk.reading(space) as reading,
            reading.session.transaction(isolation="repeatable_read", readonly=True),
        ):
            return await self._export(reading, request, progress)

    async def _export(
        self, reading: Reading, request: SessionExportRequest, progress: Progress
    ) -> Json:
        row = await found(reading, request)
        name = f"{row.agent}-{uuid4()}{SUFFIXES[request.format]}"
        connection, bucket = self._desk.connection, exports_bucket(reading.space)
        limits = self._desk.exports
        with told_full(bucket):
            async with uploading(connection, bucket, name, limits) as upload:
                sending = Sending(writer(request.format, reading.now), upload)
                await send_all(reading, row, sending, progress)
                await sending.finish()
                object_ = await upload.finish()
        return {
            "object": object_.name,
            "size": object_.size,
            "digest": object_.digest,
            "format": request.format,
            "events": sending.events,
            "snapshots": sending.snapshots,
            "version": row.version,
        }


async def send_all(
    reading: Reading, row: SessionRow, sending: "Sending", progress: Progress
) -> None:
    """Everything a session knows, but for the end."""
    timeline = row.timeline
    if timeline is None:
        await sending.send(await preface(reading, row, None, NOTHING))
        return
    out = Outgoing(reading.session, timeline)
    extent = await extent_of(reading, timeline, out)
    await sending.send(await preface(reading, row, timeline, extent))
    total = timeline.events - extent.first + timeline.snapshots
    async for page in records(out, extent):
        await sending.send_page(page)
        progress.report(sending.events + sending.snapshots, total, "exporting")


class Sending:
    """An export on its way: spelled in a thread, sent as it fills chunks."""

    def __init__(self, form: Writer, sink: Sink) -> None:
        self._form = form
        self._sink = sink
        self.events = 0
        self.snapshots = 0

    async def send(self, entries: list[Entry]) -> None:
        """Entries that follow."""
        await self._sink.write(await asyncio.to_thread(self._form.write, entries))

    async def send_page(self, page: Page) -> None:
        """Records that follow."""
        await self.send(page.entries)
        self.events += page.events
        self.snapshots += page.snapshots

    async def finish(self) -> None:
        """The end."""
        await self.send([end(self.events, self.snapshots)])
        await self._sink.write(await asyncio.to_thread(self._form.finish))
