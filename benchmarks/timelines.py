"""Timelines published as batches, the way a busy recorder sends them, and far faster than one."""

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from os import urandom
from typing import Any

import orjson
from states import State

from stratoscope.broker.connection import Connection
from stratoscope.broker.streams import StreamSettings, ensure_streams
from stratoscope.recorder.ids import uuid7
from stratoscope_contracts import subjects
from stratoscope_contracts.words import DEFAULT_SPACE, STREAM_RECORD

Record = dict[str, Any]
_RECORDS_A_MESSAGE = 500
_BYTES_A_MESSAGE = 1 << 20


async def publish(
    broker: Connection, agent: str, records: Iterable[Record], batch: int = _RECORDS_A_MESSAGE
) -> int:
    """Publish records in order, at most `batch` a message; the log's last message."""
    await ensure_streams(broker.jetstream, StreamSettings())
    subject = subjects.record(DEFAULT_SPACE, agent, "batch")
    for body in _bodies(records, batch):
        await broker.jetstream.publish(subject, body)
    return int((await broker.jetstream.stream_info(STREAM_RECORD)).state.last_seq)


def steps(events: int, states: Iterator[State], every: int) -> Iterator[Record]:
    """Events with a snapshot after each `every` of them."""
    for number in range(events):
        yield event(number)
        if number % every == every - 1:
            yield {"kind": "snapshot", "id": new_id(), "state": next(states)}


def event(number: int) -> Record:
    """A small event."""
    data = {"action": "move", "number": number, "direction": "north"}
    return {"kind": "event", "id": new_id(), "type": "action_execution", "data": data}


def new_id() -> str:
    """As a recorder makes them."""
    return str(uuid7(time.time_ns() // 1_000_000, urandom(10)))


def _bodies(records: Iterable[Record], batch: int) -> Iterator[bytes]:
    remaining = iter(records)
    while some := list(islice(remaining, batch)):
        yield from _fitting([orjson.dumps(record) for record in some])


def _fitting(spelled: list[bytes]) -> Iterator[bytes]:
    """As few messages as their size allows."""
    if len(spelled) > 1 and sum(map(len, spelled)) > _BYTES_A_MESSAGE:
        middle = len(spelled) // 2
        yield from _fitting(spelled[:middle])
        yield from _fitting(spelled[middle:])
    else:
        yield b'{"records":[%b]}' % b",".join(spelled)
