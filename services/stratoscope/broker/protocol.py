"""The NATS client with a read loop that no message can end.

nats-py ends its read loop at whatever its parser does not expect, and the process then runs on and
hears nothing. The server passes on more than nats-py expects: subjects that are no UTF-8 or hold
a vertical tab, and header blocks that are no header blocks. Anyone with the right to publish could
so stop every reader of a log. The classes here take every line that the server may write:

- The parser splits control lines at spaces, as the server does.
- A subject that is no UTF-8 is shown with a replacement character for each odd byte.
- A header block that does not parse, or is over `MAX_HEADER_BYTES`, becomes `UnreadHeaders`.
- An exception in the delivery of one message costs that message alone.

A flood of small messages would keep the read loop busy, and what else the event loop has to do
waits. So the loop has a turn after each stretch of reading, and a subscription may have a screen,
which sees a message before its headers are read and refuses it in microseconds.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

from nats.aio.client import PING_PROTO, Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import ProtocolError
from nats.protocol.command import sub_cmd, unsub_cmd
from nats.protocol.parser import AWAITING_CONTROL_LINE, AWAITING_MSG_PAYLOAD, Parser

from stratoscope_contracts.words import HEADER_UNREAD

# A header block of one entry a few bytes takes fifty times its size once it is parsed.
MAX_HEADER_BYTES: Final = 64 * 1024
# Of a block that is not read, so many bytes are kept beside the message.
_KEPT_BYTES: Final = 16 * 1024
_VERSION: Final = b"NATS/1.0"
_CRLF: Final = b"\r\n"
# The server's own limit is 4 KiB of what a client sends; it adds a reply subject and its words.
_MAX_LINE: Final = 1024 * 1024
_ODD_BYTE: Final = re.compile("[\udc80-\udcff]")

# How long messages are read before others have a turn, and how many between two looks at the clock.
_READ_SECONDS: Final = 0.0005
_READ_AT_ONCE: Final = 16
# Of replies that a reader does not take; further refusals are dropped.
_UNSENT_BYTES: Final = 8 * 1024 * 1024

# Whether a message is delivered, by its subject, its reply subject and its size in bytes.
Screen = Callable[[str, str, int], bool]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PreparedReply:
    """A reply that is sent often: all of its bytes but the subject."""

    body: bytes
    headers: Mapping[str, str]
    rest: bytes

    @classmethod
    def of(cls, body: bytes, headers: Mapping[str, str]) -> PreparedReply:
        """Prepare a reply; names and values of headers hold no line breaks."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        block = _VERSION + _CRLF + lines.encode() + _CRLF
        sizes = f" {len(block)} {len(block) + len(body)}".encode()
        return cls(body, headers, b"".join((sizes, _CRLF, block, body, _CRLF)))


class UnreadHeaders(dict[str, str]):
    """A header block that can't be read: one header, which holds the block as base64."""

    def __init__(self, block: bytes) -> None:
        super().__init__({HEADER_UNREAD: base64.b64encode(block[:_KEPT_BYTES]).decode()})


class RobustParser(Parser):
    """nats-py's parser, for every control line that the server may write."""

    async def parse(self, data: bytes = b"") -> None:
        """Take what the server sent; raises ProtocolError where the server does not speak NATS."""
        self.buf.extend(data)
        begun, read = perf_counter(), 0
        # Callbacks may reset the parser: nothing of it is kept in a local name.
        while self.buf:
            if self.state == AWAITING_MSG_PAYLOAD:
                if len(self.buf) < self.needed + len(_CRLF):
                    return
                await self._message()
                read += 1
                if read % _READ_AT_ONCE == 0 and perf_counter() - begun > _READ_SECONDS:
                    await asyncio.sleep(0)
                    begun = perf_counter()
                continue
            end = self.buf.find(_CRLF)
            if end < 0:
                if len(self.buf) > _MAX_LINE:
                    raise ProtocolError("nats: a control line without an end")
                return
            line = bytes(self.buf[:end])
            del self.buf[: end + len(_CRLF)]
            # Nearly every line: it is read without a further coroutine.
            if line.startswith((b"MSG ", b"HMSG ")):
                self._announced(line)
            else:
                await self._line(line)

    async def _line(self, line: bytes) -> None:
        operation, _, rest = line.partition(b" ")
        if operation == b"PING":
            await self.nc._process_ping()
        elif operation == b"PONG":
            await self.nc._process_pong()
        elif operation == b"-ERR":
            await self.nc._process_err(rest.decode(errors="replace").lower())
        elif operation == b"INFO":
            await self._information(rest)
        elif operation in (b"MSG", b"HMSG"):
            raise ProtocolError("nats: malformed MSG")
        elif operation != b"+OK":
            raise ProtocolError("nats: unknown protocol")

    async def _information(self, text: bytes) -> None:
        try:
            information = json.loads(text)
        except ValueError as error:
            raise ProtocolError("nats: malformed INFO") from error
        await self.nc._process_info(information)

    def _announced(self, line: bytes) -> None:
        """A message's control line: subject, subscription, reply subject if any, sizes."""
        # A name may hold any byte but a space: only spaces part them.
        words = line.split(b" ")
        try:
            # "MSG $1 $2 3" or "MSG $1 $2 $reply 3"; of an HMSG the size of the headers before the
            # last.
            self.header_needed = int(words.pop(-2)) if words[0] == b"HMSG" else 0
            self.needed = int(words[-1])
            if len(words) < 4:
                raise ProtocolError("nats: malformed MSG")
            self.msg_arg["subject"] = words[1]
            self.msg_arg["sid"] = int(words[2])
            self.msg_arg["reply"] = words[3] if len(words) > 4 else b""
        except (ValueError, IndexError) as error:
            raise ProtocolError("nats: malformed MSG") from error
        self.state = AWAITING_MSG_PAYLOAD

    async def _message(self) -> None:
        # Views of what was received: a slice of it would be a copy more.
        with memoryview(self.buf) as received:
            headers = bytes(received[: self.header_needed]) if self.header_needed else None
            payload = bytes(received[self.header_needed : self.needed])
        del self.buf[: self.needed + len(_CRLF)]
        self.header_needed = 0
        self.state = AWAITING_CONTROL_LINE
        arguments = self.msg_arg
        await self.nc._process_msg(
            arguments["sid"], arguments["subject"], arguments["reply"], payload, headers
        )


class RobustClient(Client):
    """nats-py's client with a read loop that goes on, and with a flush that is one."""

    def __init__(self) -> None:
        super().__init__()
        self._ps: Parser = RobustParser(self)
        self._screens: dict[int, Screen] = {}
        # Kept apart: after a reconnect the library subscribes to all that it has.
        self._paused: dict[int, Subscription] = {}

    def screen(self, subscription: Subscription, screen: Screen) -> None:
        """Have a subscription deliver only the messages that `screen` lets pass."""
        self._screens[subscription._id] = screen

    def send_prepared(self, subject: str, reply: PreparedReply) -> bool:
        """Send a reply with the next ones that are written; False where it can't be sent now."""
        if not self.is_connected or self._pending_data_size > _UNSENT_BYTES:
            return False
        if not subject.isascii() or not subject.isprintable() or " " in subject:
            return False
        command = b"HPUB " + subject.encode() + reply.rest
        self._send_soon(command)
        return True

    def pause(self, subscription: Subscription) -> None:
        """Ask the server for no further messages; those on their way are still delivered.

        So it stays after a reconnect.
        """
        self._paused[subscription._id] = subscription
        self._subs.pop(subscription._id, None)
        self._send_soon(unsub_cmd(subscription._id, 0))

    def resume(self, subscription: Subscription, most: int = 0) -> None:
        """Ask the server for the messages again; for `most` of them where that is not 0."""
        self.keep(subscription)
        self._send_soon(sub_cmd(subscription._subject, subscription._queue, subscription._id))
        if most:
            self._send_soon(unsub_cmd(subscription._id, most))

    def keep(self, subscription: Subscription) -> None:
        """Take a paused subscription for one that is not, without asking the server."""
        if self._paused.pop(subscription._id, None) is not None:
            self._subs[subscription._id] = subscription

    def add_branch(
        self, trunk: Subscription, subject: str, screen: Screen, most: int = 0
    ) -> Subscription:
        """Subscribe to a part of another subscription's subjects, for the same handler.

        Messages of both go through one queue. In a queue group, the server sends a message that
        both have subscribed to once.
        """
        self._sid += 1
        # Bytes are counted where messages leave the queue, which is at the trunk.
        branch = Subscription(
            *(self, self._sid, subject, trunk._queue, trunk._cb), pending_bytes_limit=0
        )
        branch._pending_queue = trunk._pending_queue
        # What the library tells the server again after a reconnect.
        branch._max_msgs = most
        self._subs[branch._id] = branch
        self._screens[branch._id] = screen
        self.resume(branch, most)
        return branch

    def remove(self, branch: Subscription) -> None:
        """Forget a branch that was paused; what is on its way is lost."""
        self._subs.pop(branch._id, None)
        self._paused.pop(branch._id, None)
        self._screens.pop(branch._id, None)

    def _send_soon(self, command: bytes) -> None:
        self._pending.append(command)
        self._pending_data_size += len(command)
        if self._flush_queue is not None and self._flush_queue.empty():
            self._flush_queue.put_nowait(asyncio.get_running_loop().create_future())

    async def _send_ping(self, future: asyncio.Future[bool] | None = None) -> None:
        # The library writes its ping past what waits to be written, and a subscription that was
        # flushed could be behind the pong: who is asked then is not there yet.
        self._pongs.append(future or asyncio.get_running_loop().create_future())
        await self._send_command(PING_PROTO)
        await self._flush_pending()

    async def _process_pong(self) -> None:
        # A flush that ran out of time has cancelled its future, and its pong still comes.
        if self._pongs and self._pongs[0].done():
            self._pongs[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None
    ) -> None:
        paused = self._paused.get(sid)
        if paused is not None:
            self._subs[sid] = paused
        try:
            screen = self._screens.get(sid)
            if screen is not None and sid in self._subs:
                size = len(data) + len(headers or b"")
                if not screen(_text(subject), _text(reply), size):
                    return
            await super()._process_msg(sid, subject, reply, data, headers)  # type: ignore[arg-type]
        except Exception as error:
            # One message, and not the read loop. Its words may be a stranger's.
            log.warning("a message could not be delivered: %s", type(error).__name__)
        finally:
            if sid in self._paused:
                self._subs.pop(sid, None)

    async def _process_headers(self, headers: bytes | None) -> dict[str, str] | None:
        if not headers:
            return None
        if len(headers) > MAX_HEADER_BYTES or not headers.startswith(_VERSION):
            return UnreadHeaders(headers)
        try:
            parsed: dict[str, str] | None = await super()._process_headers(headers)
        except (UnicodeDecodeError, IndexError, ValueError):
            return UnreadHeaders(headers)
        if parsed and headers[len(_VERSION) :].startswith(b" "):
            # Of a status line the library makes a key that is an enumeration's member.
            parsed = {str(getattr(name, "value", name)): text for name, text in parsed.items()}
        return parsed

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> Msg:
        texts = _text(subject), _text(reply)
        return Msg(
            subject=texts[0], reply=texts[1], data=data, headers=headers, _client=self, _sid=sid
        )


def screen(client: Client, subscription: Subscription, lets_pass: Screen) -> None:
    """Screen a subscription, where the client can; handlers of others see all messages."""
    if isinstance(client, RobustClient):
        client.screen(subscription, lets_pass)


async def send(client: Client, subject: str, reply: PreparedReply) -> None:
    """Send a prepared reply by any client. Raises nats.errors.Error."""
    if not isinstance(client, RobustClient):
        await client.publish(subject, reply.body, headers=dict(reply.headers))
        return
    client.send_prepared(subject, reply)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return _readable(raw)


def _readable(raw: bytes) -> str:
    """Each byte that is no UTF-8 replaced by itself, as the server does in what it says of it."""
    return _ODD_BYTE.sub("\ufffd", raw.decode(errors="surrogateescape"))


def has_unread_headers(headers: Any) -> bool:
    """Whether a message's header block could not be read."""
    return type(headers) is UnreadHeaders
