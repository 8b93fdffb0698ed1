"""Reading exports in a process of their own."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final
from uuid import UUID

import orjson

from stratoscope.domain.exchange.checking import Survey
from stratoscope.domain.exchange.damage import Damaged
from stratoscope.navigator.exchange.batching import Ready, unframed
from stratoscope.navigator.exchange.formats.entries import Bounds
from stratoscope.navigator.exchange.surveying import survey_in
from stratoscope.navigator.exchange.worker import BATCH, DAMAGE, END, PROGRESS, TEXT
from stratoscope.navigator.workers import Worker, Workers

PROGRAM: Final = ("-m", "stratoscope.navigator.exchange.worker")


class Readers(Workers):
    """Processes that read exports, for as long as the block lasts."""

    def __init__(self, count: int) -> None:
        super().__init__(PROGRAM, count)


async def survey(
    worker: Worker, file: str, bounds: Bounds, message_limit: int, seen: Callable[[int], None]
) -> Survey:
    """What is in an export. Raises Damaged; `seen` hears how many of its bytes were read."""
    asked = {
        "do": "survey",
        "file": file,
        "entry_bytes": bounds.entry_bytes,
        "all_bytes": bounds.all_bytes,
        "limit": message_limit,
    }
    texts: list[bytes] = []
    async with aclosing(worker.answers(orjson.dumps(asked))) as answers:
        async for kind, told in _told(answers):
            if kind == PROGRESS:
                seen(orjson.loads(told))
            elif kind == TEXT:
                texts.append(told)
            elif kind == DAMAGE:
                raise Damaged(**orjson.loads(told))
            else:
                break
    return survey_in(told, texts)


async def records(worker: Worker, import_id: UUID) -> AsyncGenerator[Ready, None]:
    """The records of the export that was looked through last, in batches."""
    asked = {"do": "records", "import_id": str(import_id)}
    async with aclosing(worker.answers(orjson.dumps(asked))) as answers:
        async for kind, told in _told(answers):
            if kind == END:
                return
            assert kind == BATCH
            yield unframed(told)


async def _told(answers: AsyncGenerator[bytes, None]) -> AsyncGenerator[tuple[bytes, bytes], None]:
    async for frame in answers:
        yield frame[:1], frame[1:]
