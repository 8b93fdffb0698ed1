"""Dead letters: kept with the batch that refused them, then published from the table.

The table is the outbox: a letter is published after its commit and marked, so that an end of the
process in between publishes it at the next start; the broker drops the copy by its id.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any, Final

import asyncpg
import orjson
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from stratoscope.broker.publishing import message_size
from stratoscope.broker.puller import Delivered
from stratoscope.domain.records import Rejection
from stratoscope.domain.rules import RULE_VERSION
from stratoscope.store.database import DATABASE_ERRORS
from stratoscope.store.intake import DeadLetter
from stratoscope.store.sql import queries
from stratoscope.telemetry.parents import about
from stratoscope_contracts import words

_SQL = queries("intake")
_PAGE = 100
# Postgres keeps no NUL in a text, and a subject may hold one.
_NUL_SHOWN = "\N{REPLACEMENT CHARACTER}"
# Names may be as long as a subject may, and an index takes no entry over some 2,700 bytes. What is
# cut is no name of the contract's; the subject is kept whole.
_NAME_LENGTH = 200
# For the header with the stream's name, which the client adds.
_MARGIN = 256
_OMITTED = "Strato-Body-Omitted"
# A token as HTTP has it (RFC 9110), which is what the client sends as a header's name.
_SENDABLE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
# Lines of the log in so many seconds; thousands of refused messages must not fill the disk.
_LINES = 10
_LINES_SECONDS = 10.0
# What publishing may meet that is none of a letter's fault.
PASSING = (*DATABASE_ERRORS, NatsError)
log = structlog.get_logger(__name__)


def buried(delivered: Sequence[Delivered], rejections: Sequence[Rejection]) -> list[DeadLetter]:
    """The letters of a batch's rejections."""
    if not rejections:
        return []
    by_place = {message.stream_seq: message for message in delivered}
    return [_letter(by_place[one.stream_seq], one) for one in rejections]


def _letter(message: Delivered, rejection: Rejection) -> DeadLetter:
    # strato.<space>.part.<n>.<agent>.<kind>; one with a wildcard in it stays as it was published,
    # strato.<space>.rec.<agent>.<kind>.
    subject = message.subject.replace("\0", _NUL_SHOWN)
    tokens = subject.split(".")
    return DeadLetter(
        stream_seq=message.stream_seq,
        ordinal=rejection.ordinal,
        rule_version=RULE_VERSION,
        space=tokens[1][:_NAME_LENGTH],
        agent=tokens[-2][:_NAME_LENGTH],
        subject=subject,
        reason=rejection.reason,
        detail=rejection.detail[:1000].replace("\0", _NUL_SHOWN),
        headers=orjson.dumps(message.headers or {}).decode(),
        body=message.data,
        recorded_at=message.recorded_at,
    )


class LetterLog:
    """Lines of the log about dead letters: of many, so many in some seconds, and how many more."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._left = 0
        self._again_at = 0.0
        self._unlogged = 0

    def tell(self, letters: Sequence[DeadLetter]) -> None:
        """A line for each of a batch's letters, as far as there may be more lines now."""
        if not letters:
            return
        now = self._clock()
        if now >= self._again_at:
            self._left, self._again_at = _LINES, now + _LINES_SECONDS
            if self._unlogged:
                log.warning("and more messages were dead letters", count=self._unlogged)
                self._unlogged = 0
        lines = letters[: self._left]
        self._left -= len(lines)
        self._unlogged += len(letters) - len(lines)
        for letter in lines:
            with about(orjson.loads(letter.headers)):
                log.warning(
                    "a message is a dead letter",
                    space=letter.space,
                    agent=letter.agent,
                    stream_seq=letter.stream_seq,
                    reason=letter.reason,
                )


told_of: Final = LetterLog().tell


def headers_of(row: Mapping[str, object]) -> dict[str, str]:
    """What a published letter says about itself, beside the headers that it came with."""
    came: dict[str, str] = orjson.loads(str(row["headers"]))
    # The broker's own words were meant for another stream: an expected sequence would be refused
    # here for ever, and every letter behind this one would wait.
    # A name that the client refuses to send would hold them up as well.
    kept = {
        name: value
        for name, value in came.items()
        if not name.lower().startswith("nats-") and _SENDABLE(name)
    }
    return kept | {
        words.HEADER_REASON: str(row["reason"]),
        words.HEADER_STREAM_SEQ: str(row["stream_seq"]),
        words.HEADER_MESSAGE_ID: f"dlq.{row['stream_seq']}",
    }


class Undertaker:
    """Publishes what is in the table and was not published yet."""

    def __init__(self, client: Client, pool: asyncpg.Pool) -> None:
        self._client = client
        self._stream = client.jetstream()
        self._pool = pool
        self.work = asyncio.Event()
        self.work.set()

    async def run(self) -> None:
        """Publish whenever there is work, until cancelled."""
        while True:
            await self.work.wait()
            self.work.clear()
            while await self.publish():
                pass

    async def publish(self) -> int:
        """Publish one page of letters; how many."""
        async with self._pool.acquire() as session, session.transaction():
            rows = await session.fetch(_SQL["unpublished_dead_letters"], _PAGE)
            for row in rows:
                await self._publish_or_leave(row)
            await session.execute(
                _SQL["dead_letters_published"], [row["stream_seq"] for row in rows]
            )
        return len(rows)

    async def _publish_or_leave(self, row: Mapping[str, Any]) -> None:
        try:
            await self._publish(row)
        except PASSING:
            raise
        except Exception:
            # The table keeps it whole; the letters behind it must not wait for ever.
            log.exception("a dead letter could not be published", stream_seq=row["stream_seq"])

    async def _publish(self, row: Mapping[str, Any]) -> None:
        headers, body = headers_of(row), row["body"]
        if message_size(body, headers) > self._client.max_payload - _MARGIN:
            # What just fitted does no longer with the reason beside it, and a message over the
            # limit closes the connection for good. The table has it whole.
            headers |= {_OMITTED: str(len(body))}
            body = b""
        # Not the contract's builder: these names may be the very reason.
        await self._stream.publish(
            f"strato.{row['space']}.dlq.{row['agent']}",
            body,
            headers=headers,
            stream=words.STREAM_DLQ,
        )
